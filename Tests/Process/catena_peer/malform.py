"""Random frames that are certainly malformed, each with the statuses it may get."""

import struct

from . import frames
from .credentials import TOKEN_BYTES
from .crc32c import crc32c
from .status import Status


def _write(chance, target):
    payload = target.credentials
    header = frames.Header(
        frames.WRITE, stream=chance.getrandbits(32), block=target.block, epoch=target.epoch,
        payload_length=len(payload), checksum=crc32c(payload))
    return header.encode(), payload


def _data(chance, target):
    offset = chance.randrange(1 << 22)
    payload = chance.randbytes(chance.randrange(1, 5000))
    header = frames.Header(
        frames.DATA, block=target.block, epoch=target.epoch, offset=offset,
        payload_length=len(payload), piece_count=frames.piece_count(offset, len(payload)),
        pieces=frames.piece_crcs(offset, payload))
    return header.encode(), payload


def noise(chance, target):
    return chance.randbytes(chance.randrange(1, 400))


def flipped(chance, target):
    raw, payload = chance.choice([_write, _data])(chance, target)
    raw = bytearray(raw)
    raw[chance.randrange(frames.HEADER_BYTES)] ^= 1 << chance.randrange(8)
    return bytes(raw) + payload


def patched(chance, target):
    """Fields overwritten at random, the header CRC made right again."""
    raw, payload = chance.choice([_write, _data])(chance, target)
    raw = bytearray(raw)
    for _ in range(chance.randrange(1, 4)):
        at, size = chance.choice([(4, 1), (5, 1), (6, 2), (32, 8), (40, 4), (46, 2)])
        value = chance.choice([0, 0xFF, chance.randrange(256)])
        raw[at : at + size] = bytes([value]) * size
    return frames.sealed_again(bytes(raw)) + payload


def long(chance, target):
    """A length far beyond the operation's bound."""
    raw, payload = chance.choice([_write, _data])(chance, target)
    length = struct.pack("<I", chance.choice([0xFFFFFFFF, 1 << 31, (1 << 20) + 1, 1 << 24]))
    return frames.sealed_again(raw[:40] + length + raw[44:]) + payload


def cut(chance, target):
    raw, payload = chance.choice([_write, _data])(chance, target)
    whole = raw + payload
    return whole[: chance.randrange(1, len(whole))]


def damaged(chance, target):
    """The payload differs from its checksum."""
    raw, payload = _write(chance, target)
    payload = bytearray(payload)
    payload[chance.randrange(TOKEN_BYTES)] ^= 1 << chance.randrange(8)
    return raw + bytes(payload)


KINDS = [noise, flipped, patched, long, cut, damaged]


def expected(raw):
    """The statuses a node may give to a connection's first bytes; empty when they may be good.

    More than one where the page leaves open whether an operation out of place is refused at its
    header or when its payload is there.
    """
    if len(raw) < frames.HEADER_BYTES:
        return {Status.truncated}
    try:
        header = frames.decode(raw[: frames.HEADER_BYTES])
    except frames.Malformed as bad:
        return {bad.status}
    payload = raw[frames.HEADER_BYTES :][: header.payload_length]
    fault = set()
    if len(payload) < header.payload_length:
        fault = {Status.truncated}
    elif header.operation == frames.DATA:
        if frames.piece_crcs(header.offset, payload) != header.pieces:
            fault = {Status.badPayloadChecksum}
    elif crc32c(payload) != header.checksum:
        fault = {Status.badPayloadChecksum}
    if header.operation in (frames.WRITE, frames.READ):
        return fault
    return fault | {Status.unexpectedOperation}


def malformed(chance, target):
    """(bytes, statuses) of one certainly malformed beginning of a connection."""
    while True:
        raw = chance.choice(KINDS)(chance, target)
        statuses = expected(raw)
        if statuses:
            return raw, statuses
