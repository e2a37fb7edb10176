"""The data plane from the opener's side (PROTOCOL section 1)."""

import dataclasses
import os

from . import frames
from .control import Closed, RawConnection, chain_of, read_exactly
from .crc32c import crc32c
from .credentials import decode_receipt, encode_credentials, stream_proof
from .status import Level, Status, named


class Refusal(Exception):
    """An `error` frame."""

    def __init__(self, header, payload):
        self.header = header
        self.status = named(header.status)
        self.node, self.text = frames.read_error(payload)
        super().__init__(f"{self.status!r} from {self.node.hex()}: {self.text}")


@dataclasses.dataclass
class Target:
    """What a stream needs to know of a block: as planned for writing, or as located for reading."""

    block: int
    epoch: int
    chain: list
    token: bytes
    key: bytes = b""  # of its streams; without it nobody's proof is checked

    @property
    def credentials(self):
        return encode_credentials(self.token, self.chain)

    @property
    def head(self):
        return self.chain[0].address

    def changed(self, **fields):
        """Another token has another key, which only the namenode knows."""
        return dataclasses.replace(self, **({"key": b""} if "token" in fields else {}) | fields)

    def demand(self, header):
        """What the first answer to an opening header must prove; None without the key."""
        return stream_proof(self.key, header) if self.key else None


def planned(plan):
    return Target(plan.block, plan.epoch, chain_of(plan.chain), plan.token, plan.stream_key)


def located(location):
    return Target(location.block, location.epoch, chain_of(location.replicas), location.token,
                  location.stream_key)


class DataConnection(RawConnection):
    """One connection; knows frames, not streams."""

    def send(self, header, payload=b""):
        self.send_raw(header.encode() + payload)

    def receive(self):
        """(header, payload) of the next frame; raises Refusal for `error`, Closed at the end."""
        header = frames.decode(read_exactly(self.socket, frames.HEADER_BYTES))
        payload = read_exactly(self.socket, header.payload_length)
        if header.operation in (frames.ERROR, frames.WRITE, frames.READ):
            if header.checksum != crc32c(payload):
                raise frames.Malformed(Status.badPayloadChecksum)
        if header.operation == frames.ERROR:
            raise Refusal(header, payload)
        return header, payload

    def refusal(self):
        """The status of the error frame that must come, after which the node must close."""
        try:
            while True:
                self.receive()
        except Refusal as refused:
            self.expect_closed()
            return refused

    def expect_closed(self):
        """Reads up to the end of the connection; a reset is an end too."""
        try:
            while self.socket.recv(65536):
                pass
        except ConnectionResetError:
            return


def check_proof(expected, header):
    """The first answer of a stream shows whose it is."""
    if expected is not None and header.proof != expected:
        raise AssertionError(f"an answer that proves nothing: {header}")


class WriteStream:
    """A write stream over one connection. Sends exactly what it is told, also nonsense."""

    def __init__(self, target, connection=None, stream=1):
        self.target = target
        self.connection = connection or DataConnection(target.head)
        self.stream = stream
        self.sequence = 0
        self.acks = []
        self.expected = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def header(self, operation, **fields):
        values = {"stream": self.stream, "sequence": self.sequence, "block": self.target.block,
                  "epoch": self.target.epoch, **fields}
        self.sequence += 1
        return frames.Header(operation, **values)

    def begin(self, more=False, **fields):
        payload = self.target.credentials
        values = {"flags": frames.MORE if more else 0, "payload_length": len(payload),
                  "checksum": crc32c(payload), "challenge": os.urandom(16), **fields}
        header = self.header(frames.WRITE, **values)
        self.expected = self.target.demand(header)
        self.connection.send(header, payload)
        return self

    def data(self, offset, payload, more=False, **fields):
        values = {"flags": frames.MORE if more else 0, "offset": offset,
                  "payload_length": len(payload),
                  "piece_count": frames.piece_count(offset, len(payload)),
                  "pieces": frames.piece_crcs(offset, payload), **fields}
        self.connection.send(self.header(frames.DATA, **values), payload)
        return self

    def seal(self, data, level=Level.written, more=False, **fields):
        values = {"flags": frames.LEVEL_FLAG[level] | (frames.MORE if more else 0),
                  "length": len(data), "checksum": crc32c(data), **fields}
        self.connection.send(self.header(frames.SEAL, **values))
        return self

    def flush(self, length, **fields):
        self.connection.send(self.header(frames.FLUSH, length=length, **fields))
        return self

    def next_ack(self):
        """The next ack's (received, written, durable)."""
        header, _ = self.connection.receive()
        if header.operation != frames.ACK:
            raise AssertionError(f"an ack was expected, not {header}")
        self.check(header)
        self.acks.append(header.progress)
        return header.progress

    def check(self, header):
        """What every answer of a stream must be, whatever the test is about."""
        check_proof(self.expected, header)
        self.expected = None
        if not header.durable <= header.written <= header.received:
            raise AssertionError(f"progress is out of order: {header.progress}")
        if header.stream != self.stream or header.block not in (0, self.target.block):
            raise AssertionError(f"an answer of another stream or block: {header}")
        if self.acks and any(now < then for now, then in zip(header.progress, self.acks[-1])):
            raise AssertionError(f"an ack went back from {self.acks[-1]} to {header.progress}")

    def wait_ack(self, offset, level=Level.received):
        """Reads acks until `level` has reached `offset`; the last one read may do already."""
        while not self.acks or self.acks[-1][level] < offset:
            self.next_ack()
        return self.acks[-1]

    def wait_sealed(self):
        """(header, Receipt, signature) of the `sealed` that must come; checks acks before it."""
        while True:
            header, payload = self.connection.receive()
            self.check(header)
            if header.operation == frames.SEALED:
                return header, *decode_receipt(payload)
            self.acks.append(header.progress)

    def receipt(self):
        """The Receipt message for CLOSE."""
        _, receipt, signature = self.wait_sealed()
        return receipt.message(signature)

    def refusal(self):
        return self.connection.refusal()


def write_block(target, data, frame_bytes=1 << 20, level=Level.written, connection=None):
    """Writes and seals a block; gives the receipt's message for CLOSE."""
    with WriteStream(target, connection) as stream:
        stream.begin(more=True)
        for at in range(0, len(data), frame_bytes):
            stream.data(at, data[at : at + frame_bytes], more=True)
        stream.seal(data, level)
        return stream.receipt()


def read_range(target, offset, length, replica=0, connection=None, check=True):
    """The bytes of a range from one replica, every chunk checked, trimmed to the range."""
    opened = connection or DataConnection(target.chain[replica].address)
    try:
        payload = target.credentials
        asked = frames.Header(
            frames.READ, stream=9, block=target.block, epoch=target.epoch, offset=offset,
            length=length, payload_length=len(payload), checksum=crc32c(payload),
            challenge=os.urandom(16), place=replica)
        expected = target.demand(asked)
        opened.send(asked, payload)
        start = at = offset // frames.CHUNK * frames.CHUNK
        parts = []
        while True:
            header, part = opened.receive()
            check_proof(expected, header)
            expected = None
            if header.operation != frames.DATA or header.offset != at:
                raise AssertionError(f"data at {at} was expected, not {header}")
            if check and header.pieces != frames.piece_crcs(at, part):
                raise AssertionError(f"a chunk does not match its CRC in {header}")
            parts.append(part)
            at = header.end
            if header.flags & frames.LAST:
                break
        whole = b"".join(parts)
        if at < offset + length:
            raise AssertionError(f"the answer ends at {at}, before {offset + length}")
        return whole[offset - start : offset - start + length]
    finally:
        if connection is None:
            opened.close()


class Unread(Exception):
    """No replica gave the bytes; the faults by replica."""


def read_block(target, length):
    """A whole block from the first replica that gives it."""
    faults = []
    for replica in range(len(target.chain)):
        try:
            return read_range(target, 0, length, replica) if length else b""
        except (Refusal, OSError, Closed) as fault:
            faults.append(repr(fault))
    raise Unread("; ".join(faults))
