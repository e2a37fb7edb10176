"""How a namenode's answer to a datanode shows whose it is and how signing keys travel in it
(PROTOCOL 2.1, "Proof of an answer", "Signing keys"): HKDF-SHA256 (RFC 5869) and
ChaCha20-Poly1305 (RFC 8439), in plain Python."""

import hashlib
import hmac
import struct

from .credentials import Key

CHALLENGE_BYTES = 16
_MASK = 0xFFFFFFFF


class Unsealable(Exception):
    """Not sealed with this secret, these challenges and this node."""


class Unproven(Exception):
    """An answer that does not end in its proof."""


def hkdf(secret, salt, info):
    """32 bytes: one block of output is enough."""
    extracted = hmac.new(salt, secret, hashlib.sha256).digest()
    return hmac.new(extracted, info + b"\x01", hashlib.sha256).digest()


def _rotate(value, count):
    return (value << count | value >> 32 - count) & _MASK


def _quarter(state, a, b, c, d):
    for first, second, third, count in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
        state[first] = (state[first] + state[second]) & _MASK
        state[third] = _rotate(state[third] ^ state[first], count)


def _block(key, counter, nonce):
    """64 bytes of the key stream."""
    start = [0x61707865, 0x3320646E, 0x79622D32, 0x6B206574, *struct.unpack("<8I", key), counter,
             *struct.unpack("<3I", nonce)]
    state = list(start)
    for _ in range(10):
        for column in range(4):
            _quarter(state, column, column + 4, column + 8, column + 12)
        for column in range(4):
            _quarter(state, column, (column + 1) % 4 + 4, (column + 2) % 4 + 8,
                     (column + 3) % 4 + 12)
    return struct.pack("<16I", *((now + then) & _MASK for now, then in zip(state, start)))


def _tag(key, nonce, ciphertext):
    once = _block(key, 0, nonce)
    multiplier = int.from_bytes(once[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    padded = ciphertext + bytes(-len(ciphertext) % 16) + struct.pack("<QQ", 0, len(ciphertext))
    total = 0
    for at in range(0, len(padded), 16):
        part = int.from_bytes(padded[at : at + 16] + b"\x01", "little")
        total = (total + part) * multiplier % ((1 << 130) - 5)
    total += int.from_bytes(once[16:32], "little")
    return (total & (1 << 128) - 1).to_bytes(16, "little")


def _stream(key, nonce, data):
    blocks = (_block(key, 1 + at // 64, nonce) for at in range(0, len(data), 64))
    return bytes(byte ^ mask for byte, mask in zip(data, b"".join(blocks)))


class KeySeal:
    """What one answer of a namenode to one datanode is sealed with."""

    def __init__(self, secret, node, namenode_challenge, datanode_challenge):
        self.key = hkdf(
            secret, namenode_challenge + datanode_challenge, b"catena signing keys" + node)

    def close(self, key):
        """48 bytes for a Key."""
        nonce = struct.pack("<QI", key.id, 0)
        ciphertext = _stream(self.key, nonce, key.secret)
        return ciphertext + _tag(self.key, nonce, ciphertext)

    def open(self, number, sealed):
        """The Key under `number`; raises Unsealable."""
        nonce = struct.pack("<QI", number, 0)
        ciphertext, tag = sealed[:-16], sealed[-16:]
        if not hmac.compare_digest(_tag(self.key, nonce, ciphertext), tag):
            raise Unsealable(f"key {number:016x}")
        return Key(number, _stream(self.key, nonce, ciphertext))

    def open_all(self, keys):
        """The Keys of an answer's SigningKey messages."""
        return [self.open(key.key_id, key.sealed) for key in keys]


class AnswerProof:
    """What one answer of a namenode to one datanode is proven with."""

    HEAD = b"\xf2\x06\x20"  # field 110, 32 bytes

    def __init__(self, secret, node, namenode_challenge, datanode_challenge):
        self.key = hkdf(secret, namenode_challenge + datanode_challenge, b"catena answer" + node)

    def _code(self, reply):
        return hmac.new(self.key, reply, hashlib.sha256).digest()

    def proving(self, reply):
        """The encoded Reply with its proof behind it."""
        return reply + self.HEAD + self._code(reply)

    def check(self, reply):
        """Raises Unproven for bytes whose end is not their proof."""
        end = len(self.HEAD) + 32
        if not hmac.compare_digest(reply[-end:], self.HEAD + self._code(reply[:-end])):
            raise Unproven("an answer that proves nothing")
