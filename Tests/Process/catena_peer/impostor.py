"""A process at a dead datanode's address that is not that datanode: it speaks the protocol, takes
every token, acks every byte, signs every seal with a key of its own, and keeps nothing."""

import os
import struct

from . import frames, protobuf
from .control import VERSION, Closed, end, read_exactly
from .credentials import Key, Receipt, decode_credentials, decode_token
from .crc32c import crc32c
from .listening import Listener
from .status import Code, Level

FORGED = b"\x5a"


class Impostor(Listener):
    """Counts what it was asked, by operation and place in the chain."""

    def __init__(self, address):
        self.asked = []
        self.sealed = 0
        super().__init__(address)

    def times(self, operation, place=None):
        """How often it was asked so."""
        return sum(1 for asked in list(self.asked)
                   if asked[0] == operation and place in (None, asked[1]))

    def serve(self, sock):
        stream = None
        try:
            while True:
                header = frames.decode(read_exactly(sock, frames.HEADER_BYTES))
                payload = read_exactly(sock, header.payload_length)
                if header.operation in (frames.WRITE, frames.READ):
                    self.asked.append((header.operation, header.place))
                    stream = _Stream(header, payload)
                if header.operation == frames.SEAL:
                    self.sealed += 1
                for answer, body in stream.answers(header):
                    sock.sendall(answer.encode() + body)
        except (OSError, Closed, frames.Malformed):
            end(sock)


class _Stream:
    def __init__(self, opening, payload):
        self.opening = opening
        raw, _ = decode_credentials(payload)
        self.token, _ = decode_token(raw)
        self.key = Key(self.token.key_id, os.urandom(32))
        self.hwm = 0

    def header(self, operation, **fields):
        # A proof that is one in length alone.
        return frames.Header(
            operation, stream=self.opening.stream, block=self.opening.block,
            epoch=self.opening.epoch, proof=os.urandom(32), **fields)

    def answers(self, header):
        """What it says to a frame."""
        if header.operation == frames.READ:
            yield from self.forged(header)
        elif header.operation == frames.SEAL:
            receipt = Receipt(
                Level.durable, header.checksum, self.key.id, self.token.cluster, header.block,
                header.epoch, header.length, self.opening.place)
            body = receipt.signed(self.key)
            yield self.header(
                frames.SEALED, flags=frames.WRITTEN | frames.DURABLE, received=header.length,
                written=header.length, durable=header.length, length=header.length,
                checksum=header.checksum, payload_length=len(body)), body
        else:
            self.hwm = max(self.hwm, header.end if header.operation == frames.DATA else 0)
            yield self.header(
                frames.ACK, received=self.hwm, written=self.hwm,
                durable=self.hwm if header.operation == frames.FLUSH else 0), b""

    def forged(self, header):
        """Bytes that nobody wrote, with checksums that fit them. A read token says how long the
        block is."""
        at = header.offset // frames.CHUNK * frames.CHUNK
        last = header.offset + header.length - 1
        stop = min(self.token.max_length, (last // frames.CHUNK + 1) * frames.CHUNK)
        while at < stop:
            body = FORGED * min(frames.CHUNK, stop - at)
            yield self.header(
                frames.DATA, flags=frames.LAST if at + len(body) == stop else 0, offset=at,
                payload_length=len(body), piece_count=1, pieces=(crc32c(body),)), body
            at += len(body)


class ImpostorNamenode(Listener):
    """At a dead namenode's address, without the cluster's secret: it takes every REGISTER, has
    every block deleted, and refuses heartbeats in turn with all that a namenode may say."""

    REFUSALS = (Code.STALE_SESSION, Code.INCARNATION_REPLACED, Code.STALE_COPY, Code.BAD_SECRET,
                Code.WRONG_CLUSTER, Code.MALFORMED, Code.BUSY)

    def __init__(self, address, cluster_id, deletions):
        self.cluster_id = cluster_id
        self.commands = list(deletions)
        self.answers = {}  # how many heartbeats had an answer, by node
        self.registered = 0
        super().__init__(address)

    def _send(self, sock, message, values):
        body = protobuf.encode(message, values)
        sock.sendall(struct.pack("<I", len(body)) + body)

    @staticmethod
    def _receive(sock, message):
        (length,) = struct.unpack("<I", read_exactly(sock, 4))
        return protobuf.decode(message, read_exactly(sock, length))

    def serve(self, sock):
        try:
            self._receive(sock, "Hello")
            self._send(sock, "HelloReply", {
                "protocol": VERSION, "cluster_id": self.cluster_id, "challenge": os.urandom(16)})
            while True:
                request = self._receive(sock, "Request")
                self._send(sock, "Reply", {
                    "request_id": request.request_id, **self._answer(request)})
        except (OSError, Closed, protobuf.Unreadable):
            end(sock)

    def _answer(self, request):
        if "register" in request:
            self.registered += 1
            return {"register": {
                "cluster_id": self.cluster_id, "session": self.registered,
                "timing": {"heartbeat_ms": 20, "stale_ms": 3000, "dead_ms": 10000}}}
        node, turn = request.heartbeat.node_id, self.answers.get(request.heartbeat.node_id, 0)
        self.answers[node] = turn + 1
        if turn % 2 == 0:
            code = self.REFUSALS[turn // 2 % len(self.REFUSALS)]
            return {"code": code, "message": "says somebody"}
        return {"heartbeat": {"commands": self.commands}}
