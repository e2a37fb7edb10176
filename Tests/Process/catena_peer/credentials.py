"""Tokens, chains, receipts, proofs (PROTOCOL 1.3, 1.4 and 1.8), and a forge that signs with a known key."""

import dataclasses
import hashlib
import hmac
import struct

READ, WRITE, REPAIR = 1, 2, 4
TOKEN_BYTES = 128
RECEIPT_BYTES = 96
CHAIN_NODES = 5

_TOKEN = struct.Struct("<BBHIQ16sQQ16s16sQII")
_RECEIPT = struct.Struct("<BBHIQ16sQQQQ")


@dataclasses.dataclass(frozen=True)
class Key:
    """A signing key: its id (the nonce) and 32 secret bytes."""

    id: int
    secret: bytes

    def sign(self, data):
        return hmac.new(self.secret, data, hashlib.sha256).digest()

    def stream_key(self, token):
        """What the two ends of a stream know that shows these 128 bytes of token."""
        return self.sign(b"catena stream".ljust(16, b"\0") + token)


@dataclasses.dataclass(frozen=True)
class ChainNode:
    node: bytes
    host: str
    port: int

    @property
    def address(self):
        return self.host, self.port


def encode_chain(nodes):
    parts = [bytes([len(nodes)])]
    for node in nodes:
        host = node.host.encode()
        parts.append(node.node + struct.pack("<HB", node.port, len(host)) + host)
    return b"".join(parts)


def decode_chain(data):
    """A list of ChainNode; ValueError when something is missing, left over or out of bounds."""
    if not data or not 1 <= data[0] <= CHAIN_NODES:
        raise ValueError("chain: count")
    nodes, at = [], 1
    for _ in range(data[0]):
        if len(data) < at + 19:
            raise ValueError("chain: cut short")
        port, length = struct.unpack_from("<HB", data, at + 16)
        host = data[at + 19 : at + 19 + length]
        if len(host) != length or not length or not port:
            raise ValueError("chain: host or port")
        nodes.append(ChainNode(bytes(data[at : at + 16]), host.decode(), port))
        at += 19 + length
    if at != len(data) or len({node.node for node in nodes}) != len(nodes):
        raise ValueError("chain: left over or named twice")
    return nodes


def chain_hash(nodes):
    return hashlib.sha256(encode_chain(nodes)).digest()[:16]


@dataclasses.dataclass(frozen=True)
class Token:
    modes: int
    issued: int
    key_id: int
    cluster: bytes
    block: int
    epoch: int
    lease: bytes
    chain_hash: bytes
    max_length: int
    duration: int
    version: int = 1
    incarnation: int = 0

    def unsigned(self):
        return _TOKEN.pack(
            self.version, self.modes, 0, self.issued, self.key_id, self.cluster, self.block,
            self.epoch, self.lease, self.chain_hash, self.max_length, self.duration,
            self.incarnation,
        )

    def signed(self, key):
        """128 bytes. The key's id need not be the token's: that is one of the forgeries."""
        body = self.unsigned()
        return body + key.sign(body)


def decode_token(raw):
    """(Token, signature); ValueError when the layout is off."""
    if len(raw) != TOKEN_BYTES:
        raise ValueError("token: length")
    version, modes, zero, issued, key, cluster, block, epoch, lease, chain, most, duration, made = (
        _TOKEN.unpack_from(raw)
    )
    if version != 1 or not 1 <= modes <= 7 or zero:
        raise ValueError("token: layout")
    token = Token(
        modes, issued, key, cluster, block, epoch, lease, chain, most, duration, version, made
    )
    return token, bytes(raw[96:])


def encode_credentials(token, nodes):
    return token + encode_chain(nodes)


def decode_credentials(payload):
    """(128 token bytes, nodes)."""
    if len(payload) <= TOKEN_BYTES:
        raise ValueError("credentials: too short")
    return bytes(payload[:TOKEN_BYTES]), decode_chain(payload[TOKEN_BYTES:])


@dataclasses.dataclass(frozen=True)
class Receipt:
    level: int
    checksum: int
    key_id: int
    cluster: bytes
    block: int
    epoch: int
    length: int
    place: int = 0

    def unsigned(self):
        return _RECEIPT.pack(
            1, self.level, self.place, self.checksum, self.key_id, self.cluster, self.block, self.epoch,
            self.length, 0,
        )

    def signed(self, key):
        body = self.unsigned()
        return body + key.sign(body)

    def message(self, signature):
        """The Receipt message that CLOSE takes."""
        return {
            "block": self.block, "epoch": self.epoch, "length": self.length,
            "crc": self.checksum, "level": self.level, "key_id": self.key_id,
            "signature": signature,
        }


def decode_receipt(raw):
    """(Receipt, signature); ValueError when the layout is off."""
    if len(raw) != RECEIPT_BYTES:
        raise ValueError("receipt: length")
    version, level, place, crc, key, cluster, block, epoch, length, rest = _RECEIPT.unpack_from(
        raw)
    if version != 1 or level > 2 or place >= CHAIN_NODES or rest:
        raise ValueError("receipt: layout")
    return Receipt(level, crc, key, cluster, block, epoch, length, place), bytes(raw[64:])


def forge(key, nodes, **changes):
    """Token bytes signed with `key`; `changes` are Token fields. Honest but for what they say."""
    fields = {
        "modes": WRITE, "issued": 0, "key_id": key.id, "cluster": bytes(16), "block": 1,
        "epoch": 1, "lease": bytes(16), "chain_hash": chain_hash(nodes),
        "max_length": 1 << 27, "duration": 0xFFFFFFFF,
    }
    fields.update(changes)
    return Token(**fields).signed(key)


def reforge(raw, key, **changes):
    """An honest token's bytes with some fields changed, signed again with `key`."""
    token, _ = decode_token(raw)
    return dataclasses.replace(token, **changes).signed(key)


def stream_proof(key, opening):
    """What a node that knows the stream key answers to a `write` or `read` header."""
    covered = struct.pack(
        "<16sB3xI16sQQ", b"catena answer", opening.operation, opening.place, opening.challenge,
        opening.block, opening.epoch)
    return hmac.new(key, covered, hashlib.sha256).digest()
