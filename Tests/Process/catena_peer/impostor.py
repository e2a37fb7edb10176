"""A process at a dead datanode's address that is not that datanode: it speaks the protocol, takes
every token, acks every byte, signs every seal with a key of its own, and keeps nothing."""

import errno
import os
import socket
import threading

from . import frames
from .cluster import until
from .control import Closed, end, read_exactly
from .credentials import Key, Receipt, decode_credentials, decode_token
from .crc32c import crc32c
from .status import Level

FORGED = b"\x5a"


def _listening(address):
    """The kernel lets go of a killed process's sockets a moment after its end."""
    try:
        return socket.create_server(address, backlog=64)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        return None


class Impostor:
    """Listens at `address`; counts what it was asked, by operation and place in the chain."""

    def __init__(self, address):
        self.listener = until(lambda: _listening(address), f"the address {address} to be free")
        self.asked = []
        self.sealed = 0
        self.sockets = []
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for sock in [self.listener, *self.sockets]:
            end(sock)

    def times(self, operation, place=None):
        """How often it was asked so."""
        return sum(1 for asked in list(self.asked)
                   if asked[0] == operation and place in (None, asked[1]))

    def _accept(self):
        try:
            while True:
                sock, _ = self.listener.accept()
                self.sockets.append(sock)
                threading.Thread(target=self._serve, args=(sock,), daemon=True).start()
        except OSError:
            return

    def _serve(self, sock):
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
