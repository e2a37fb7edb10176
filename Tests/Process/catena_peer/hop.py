"""A next hop in Python: a test says what it answers, and whether it can prove itself."""

import os
import queue
import socket
import threading

from . import frames
from .control import SECONDS, Closed, end, read_exactly
from .credentials import TOKEN_BYTES, ChainNode, stream_proof
from .crc32c import crc32c


class Hop:
    """Accepts one connection, hands every frame to `frames`, answers only what it is told.

    With the signing key of the tokens it proves itself with the first answer of a stream."""

    def __init__(self, key=None):
        self.key = key
        self.proof = b""
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.node = os.urandom(16)
        self.received = queue.Queue()
        self.connected = threading.Event()
        self.socket = None
        threading.Thread(target=self._serve, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def chain_node(self):
        return ChainNode(self.node, "127.0.0.1", self.listener.getsockname()[1])

    def _serve(self):
        try:
            self.socket, _ = self.listener.accept()
            self.connected.set()
            while True:
                header = frames.decode(read_exactly(self.socket, frames.HEADER_BYTES))
                payload = read_exactly(self.socket, header.payload_length)
                if self.key and header.operation == frames.WRITE:
                    self.proof = stream_proof(self.key.stream_key(payload[:TOKEN_BYTES]), header)
                self.received.put((header, payload))
        except (OSError, Closed):
            self.received.put(None)

    def next_frame(self):
        """(header, payload) of the next frame the head sent, None at the end."""
        return self.received.get(timeout=SECONDS)

    def answer(self, operation, asked, payload=b"", **fields):
        """Sends an answer to the stream of the header `asked`."""
        header = frames.Header(
            operation, stream=asked.stream, block=asked.block, epoch=asked.epoch,
            payload_length=len(payload), proof=self.proof, **fields)
        self.proof = b""
        self.socket.sendall(header.encode() + payload)

    def ack(self, asked, received=0, written=0, durable=0):
        self.answer(frames.ACK, asked, received=received, written=written, durable=durable)

    def error(self, asked, status, text):
        payload = frames.error_payload(self.node, text)
        self.answer(frames.ERROR, asked, payload, status=status, checksum=crc32c(payload))

    def close(self):
        end(self.listener)
        if self.socket:
            end(self.socket)
