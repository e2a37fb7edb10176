"""Data-plane frames (PROTOCOL sections 1.1 and 1.2): the 128-byte header and the piece CRCs."""

import dataclasses
import struct

from .crc32c import combine, crc32c
from .status import Status, named

MAGIC = 0x414E5443
VERSION = 2
HEADER_BYTES = 128
CHUNK = 65536
PIECES = 16
PIECES_BESIDE_PROOF = 8
CHALLENGE_BYTES = 16
PROOF_BYTES = 32
DATA_BYTES = PIECES * CHUNK
CONTROL_BYTES = 1536
BLOCK_BYTES = 1 << 30
WINDOW_BYTES = 8 << 20
WINDOW_FRAMES = 16

WRITE, DATA, SEAL, ACK, SEALED, READ, ERROR, FLUSH = range(1, 9)
NAMES = {1: "write", 2: "data", 3: "seal", 4: "ack", 5: "sealed", 6: "read", 7: "error",
         8: "flush"}
MORE, WRITTEN, DURABLE, LAST = 1, 2, 4, 8
ALLOWED = {
    WRITE: MORE | WRITTEN,
    DATA: MORE | LAST,
    SEAL: MORE | WRITTEN | DURABLE,
    SEALED: WRITTEN | DURABLE,
    ACK: 0,
    READ: 0,
    ERROR: 0,
    FLUSH: 0,
}
LEVEL_FLAG = {0: 0, 1: WRITTEN, 2: DURABLE}

_HEAD = struct.Struct("<IBBHIIQQQIHH")
_PROGRESS = struct.Struct("<QQQ")
_PIECES = struct.Struct("<16I")
_TAIL = struct.Struct("<QI")
_CRC = struct.Struct("<I")


class Malformed(Exception):
    """Bytes that are not a frame of the protocol, and the status that says why."""

    def __init__(self, status):
        super().__init__(status.name)
        self.status = status


@dataclasses.dataclass
class Header:
    operation: int
    flags: int = 0
    stream: int = 0
    sequence: int = 0
    block: int = 0
    epoch: int = 0
    offset: int = 0
    payload_length: int = 0
    status: int = 0
    piece_count: int = 0
    pieces: tuple = ()
    received: int = 0
    written: int = 0
    durable: int = 0
    length: int = 0
    checksum: int = 0
    challenge: bytes = b""  # write, read
    place: int = 0  # write, read: of the receiver in the chain
    proof: bytes = b""  # the first answer of a stream
    magic: int = MAGIC
    version: int = VERSION

    @property
    def end(self):
        return self.offset + self.payload_length

    @property
    def progress(self):
        return (self.received, self.written, self.durable)

    def encode(self):
        head = _HEAD.pack(
            self.magic, self.version, self.operation, self.flags, self.stream, self.sequence,
            self.block, self.epoch, self.offset, self.payload_length, self.status,
            self.piece_count,
        )
        if self.operation in (ACK, SEALED):
            middle = _PROGRESS.pack(*self.progress).ljust(32, b"\0")
        elif self.operation in (WRITE, READ):
            middle = self.challenge.ljust(CHALLENGE_BYTES, b"\0") + _CRC.pack(self.place)
        else:
            middle = _PIECES.pack(*(tuple(self.pieces) + (0,) * PIECES)[:PIECES])
        if self.proof:
            middle = middle[:32].ljust(32, b"\0") + self.proof
        body = head + middle.ljust(64, b"\0") + _TAIL.pack(self.length, self.checksum)
        return body + _CRC.pack(crc32c(body))

    def __str__(self):
        name = NAMES.get(self.operation, self.operation)
        status = named(self.status)
        return f"{name} block {self.block} [{self.offset}, {self.end}) status {status!r}"


def piece_count(offset, length):
    """How many chunks `length` bytes from `offset` touch."""
    return (offset + length - 1) // CHUNK - offset // CHUNK + 1 if length else 0


def cuts(offset, length):
    """(start, end) in the payload of each piece."""
    start, end = offset, offset + length
    while start < end:
        stop = min(end, (start // CHUNK + 1) * CHUNK)
        yield start - offset, stop - offset
        start = stop


def piece_crcs(offset, payload):
    return tuple(crc32c(payload[start:end]) for start, end in cuts(offset, len(payload)))


def crc_of_pieces(offset, length, crcs, crc=0):
    """Continues the block's CRC over a frame without touching its bytes."""
    for (start, end), piece in zip(cuts(offset, length), crcs):
        crc = combine(crc, piece, end - start)
    return crc


def sealed_again(raw):
    """Header bytes with a fresh header CRC, after a test changed them."""
    return raw[:124] + _CRC.pack(crc32c(raw[:124]))


def decode(raw):
    """Reads 128 bytes in the order of checks the page gives; raises Malformed."""
    if len(raw) != HEADER_BYTES:
        raise Malformed(Status.truncated)
    values = _HEAD.unpack_from(raw)
    magic, version, operation, flags = values[:4]
    if magic != MAGIC:
        raise Malformed(Status.badMagic)
    if version != VERSION and operation != ERROR:
        raise Malformed(Status.badVersion)
    if _CRC.unpack_from(raw, 124)[0] != crc32c(raw[:124]):
        raise Malformed(Status.badHeaderChecksum)
    if operation not in NAMES:
        raise Malformed(Status.unknownOperation)
    if flags & ~ALLOWED[operation]:
        raise Malformed(Status.badFlags)
    header = Header(operation, *values[3:])
    if operation in (ACK, SEALED):
        header.received, header.written, header.durable = _PROGRESS.unpack_from(raw, 48)
    elif operation in (WRITE, READ):
        header.challenge = raw[48:64]
        (header.place,) = _CRC.unpack_from(raw, 64)
    else:
        header.pieces = _PIECES.unpack_from(raw, 48)[: min(header.piece_count, PIECES)]
    if operation in (ACK, SEALED, DATA, ERROR) and header.piece_count <= PIECES_BESIDE_PROOF:
        header.proof = raw[80:112] if any(raw[80:112]) else b""
    header.length, header.checksum = _TAIL.unpack_from(raw, 112)
    _check_lengths(header)
    return header


def _check_lengths(header):
    length = header.payload_length
    if header.operation == DATA:
        if length > DATA_BYTES:
            raise Malformed(Status.payloadTooLarge)
        if length == 0:
            raise Malformed(Status.badPayloadLength)
        if header.offset > BLOCK_BYTES:
            raise Malformed(Status.badRange)
        count = piece_count(header.offset, length)
        if header.piece_count != count or count > PIECES:
            raise Malformed(Status.badPieceCount)
        return
    if header.operation in (SEAL, ACK, FLUSH):
        if length:
            raise Malformed(Status.badPayloadLength)
    elif length > CONTROL_BYTES:
        raise Malformed(Status.payloadTooLarge)
    if header.piece_count:
        raise Malformed(Status.badPieceCount)
    if header.operation == FLUSH and not 1 <= header.length <= BLOCK_BYTES:
        raise Malformed(Status.badRange)
    if header.operation == READ and max(header.offset, header.length) > BLOCK_BYTES:
        raise Malformed(Status.badRange)


def error_payload(node, text):
    return node + text.encode()[:400]


def read_error(payload):
    """(16 bytes node, sentence) of an error frame's payload."""
    return payload[:16], payload[16:].decode("utf-8", "replace")
