"""TCP proxies before a datanode: one swallows frames of its answers, one resets connections."""

import random
import select
import socket
import struct
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


class ResetProxy:
    """Passes everything on, and answers with RST now and then: each connection after so many bytes,
    both ways together, drawn by `seed` around `mean`.

    It listens at `address`, which is not the node's own: a node advertises it.
    """

    def __init__(self, address, target, mean, seed):
        self.target = target
        self.mean = mean
        self.random = random.Random(seed)
        self.resets = 0
        self.listener = socket.create_server(address)
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        end(self.listener)

    def _accept(self):
        try:
            while True:
                near, _ = self.listener.accept()
                limit = int(self.random.expovariate(1 / self.mean))
                threading.Thread(target=self._pass_on, args=(near, limit), daemon=True).start()
        except OSError:
            return

    def _pass_on(self, near, left):
        try:
            far = socket.create_connection(self.target)
        except OSError:
            return self._reset(near)
        other, is_open = {near: far, far: near}, {near, far}
        try:
            while is_open:
                for sock in select.select(list(is_open), [], [])[0]:
                    data = sock.recv(1 << 16)
                    left -= len(data)
                    if left < 0:
                        self.resets += 1
                        return self._reset(near, far)
                    if data:
                        other[sock].sendall(data)
                    else:
                        is_open.discard(sock)
                        other[sock].shutdown(socket.SHUT_WR)
        except OSError:
            pass  # one side is gone; so is the other, then
        self._reset(near, far)

    @staticmethod
    def _reset(*sockets):
        for sock in sockets:
            # Closed with a linger time of 0, a socket sends RST (socket(7), SO_LINGER).
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()
