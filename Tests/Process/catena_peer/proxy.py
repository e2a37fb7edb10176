"""A TCP proxy before a datanode that can swallow the frames of its answers."""

import socket
import threading

from . import frames
from .control import end, read_exactly


class AnswerProxy:
    """Passes everything on; an answer for which `drop(header)` is true is swallowed.

    Serves one connection at a time, which is what a write stream needs.
    """

    def __init__(self, target, drop):
        self.target = target
        self.drop = drop
        self.dropped = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = self.listener.getsockname()
        self.sockets = []
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for sock in [self.listener, *self.sockets]:
            end(sock)

    def _accept(self):
        try:
            while True:
                near, _ = self.listener.accept()
                far = socket.create_connection(self.target)
                self.sockets += [near, far]
                for target in (self._upward, self._downward):
                    threading.Thread(target=target, args=(near, far), daemon=True).start()
        except OSError:
            return

    def _upward(self, near, far):
        try:
            while data := near.recv(1 << 20):
                far.sendall(data)
            far.shutdown(socket.SHUT_WR)
        except OSError:
            return

    def _downward(self, near, far):
        try:
            while True:
                raw = read_exactly(far, frames.HEADER_BYTES)
                header = frames.decode(raw)
                payload = read_exactly(far, header.payload_length)
                if self.drop(header):
                    self.dropped.append(header)
                else:
                    near.sendall(raw + payload)
        except OSError:
            end(near)
