"""A key's whole life with the peer: put, get."""

from .crc32c import crc32c
from .datanode import located, planned, read_block, write_block
from .status import Durability, Level


def put(client, key, data, block_bytes=1 << 20, overwrite=False, frame_bytes=1 << 20):
    """CREATE, ADDBLOCK and a stream for each block, CLOSE at level written."""
    lease = client.create(key, overwrite)
    receipts = put_blocks(client, lease, data, block_bytes, frame_bytes)
    client.close_key(lease, receipts, Durability.WRITTEN)


def put_blocks(client, lease, data, block_bytes=1 << 20, frame_bytes=1 << 20):
    receipts = []
    for at in range(0, len(data), block_bytes):
        part = data[at : at + block_bytes]
        plan = client.add_block(lease, size_hint=len(part))
        receipts.append(write_block(planned(plan), part, frame_bytes, Level.written))
    return receipts


def get(client, key):
    """OPEN, then each block from the first replica that can give it, checked against its CRC."""
    parts = []
    for location in client.open(key).blocks:
        part = read_block(located(location), location.length)
        if crc32c(part) != location.crc:
            raise AssertionError(f"block {location.block} does not match the namenode's CRC")
        parts.append(part)
    return b"".join(parts)
