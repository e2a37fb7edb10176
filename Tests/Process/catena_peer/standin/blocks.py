"""The stand-in datanode's blocks: the contiguous prefix, the window behind it, the sealed files."""

import errno
import fcntl
import json
import os
import pathlib
import struct
import threading

from .. import frames
from ..crc32c import crc32c
from ..status import BlockStates, Status
from .shell import give_up


class Fault(Exception):
    """Becomes an error frame; `node` is whose finding it is, our own when None."""

    def __init__(self, status, text="", node=None):
        super().__init__(text)
        self.status, self.text, self.node = status, text or status.name, node


class Block:
    def __init__(self, number, epoch):
        self.number, self.epoch = number, epoch
        self.data = bytearray()
        self.pending = {}  # offset -> payload
        self.crc = 0
        self.sealed = False
        self.flush_asked = 0  # a flush waits for the bytes up to here
        self.flushed = 0
        self.lost = False
        self.corrupt = False
        self.owner = None
        self.lock = threading.RLock()

    @property
    def hwm(self):
        return len(self.data)

    def take(self, offset, payload):
        """The page's table, but for the token's length. True when the frame must be answered."""
        end = offset + len(payload)
        if end <= self.hwm:
            if self.data[offset:end] != payload:
                raise Fault(Status.conflict, f"other bytes at {offset}")
            return True
        if self.sealed:
            raise Fault(Status.sealed, f"the block is sealed at {self.hwm}")
        if offset < self.hwm:
            raise Fault(Status.straddles, f"{offset} < {self.hwm} < {end}")
        if offset > self.hwm:
            full = len(self.pending) >= frames.WINDOW_FRAMES and offset not in self.pending
            if end > self.hwm + frames.WINDOW_BYTES or full:
                raise Fault(Status.gapBeyondWindow, f"{offset} is too far beyond {self.hwm}")
            if self.pending.get(offset, payload) != payload:
                raise Fault(Status.conflict, f"other bytes at {offset}")
            self.pending[offset] = payload
            return False
        self.append(payload)
        while self.hwm in self.pending:
            self.append(self.pending.pop(self.hwm))
        return True

    def try_flush(self):
        """True when a flush that was asked for is done: all that is here counts as durable."""
        if not 0 < self.flush_asked <= self.hwm:
            return False
        self.flush_asked, self.flushed = 0, self.hwm
        return True

    def append(self, payload):
        self.crc = crc32c(payload, self.crc)
        self.data += payload

    def check_seal(self, length, crc):
        if self.hwm > length or self.crc != crc or (self.sealed and self.hwm != length):
            raise Fault(Status.sealMismatch, f"the block has {self.hwm} bytes, CRC {self.crc:08x}")

    def state(self):
        kind = BlockStates.MAYBE_LOST if self.lost else (
            BlockStates.SEALED if self.sealed else BlockStates.OPEN)
        return {"block": self.number, "epoch": self.epoch, "length": self.hwm, "crc": self.crc,
                "state": kind}


class Store:
    """One data directory: a lock, an identity, a file for each block."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.blocks = {}
        self.lock = threading.Lock()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.held = open(self.folder / "lock", "a", encoding="ascii")
        except OSError as error:
            self.refuse(error)
        try:
            fcntl.flock(self.held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            give_up(75, f"{folder} is in use by another datanode")

    def refuse(self, error):
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        why = "is full" if full else f"cannot be written: {error.strerror}"
        give_up(73, f"{self.folder} {why}")

    def identity(self):
        """{node, device, cluster}; made at the first start."""
        path = self.folder / "identity.json"
        try:
            if not path.exists():
                self.write(path, json.dumps(
                    {"node": os.urandom(16).hex(), "device": os.urandom(16).hex(),
                     "cluster": ""}).encode())
            return json.loads(path.read_text())
        except OSError as error:
            return self.refuse(error)

    def join(self, identity, cluster):
        if identity["cluster"] not in ("", cluster.hex()):
            give_up(78, f"{self.folder} belongs to cluster {identity['cluster']}, "
                        f"this is {cluster.hex()}")
        try:
            self.write(self.folder / "identity.json",
                       json.dumps({**identity, "cluster": cluster.hex()}).encode())
        except OSError as error:
            self.refuse(error)

    def write(self, path, data):
        new = path.with_suffix(".new")
        with open(new, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.rename(new, path)

    def load(self):
        for path in self.folder.glob("*.block"):
            raw = path.read_bytes()
            number, epoch, sealed, crc = struct.unpack_from("<QQBI", raw)
            block = Block(number, epoch)
            block.append(raw[21:])
            block.sealed, block.lost = bool(sealed), not sealed
            block.corrupt = block.crc != crc
            self.blocks[number] = block

    def path(self, block):
        return self.folder / f"{block.number:016x}.block"

    def save(self, block):
        body = bytes(block.data) if block.sealed else b""
        head = struct.pack(
            "<QQBI", block.number, block.epoch, block.sealed, block.crc if block.sealed else 0)
        try:
            self.write(self.path(block), head + body)
        except OSError as error:
            raise Fault(Status.noSpace, error.strerror) from error

    def open(self, number, epoch):
        with self.lock:
            if number not in self.blocks:
                block = Block(number, epoch)
                self.save(block)
                self.blocks[number] = block
            block = self.blocks[number]
        if block.lost:
            raise Fault(Status.mayBeLost)
        if epoch < block.epoch:
            raise Fault(Status.tokenStaleEpoch)
        return block
