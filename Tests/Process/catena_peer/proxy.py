"""TCP proxies before a daemon: they swallow answers, refuse requests, reset connections, or keep
what they pass on."""

import random
import select
import socket
import struct

from . import frames, protobuf
from .control import Closed, end, read_exactly
from .listening import Listener, Proxy
from .status import Code


class AnswerProxy(Proxy):
    """Before a datanode: an answer for which `drop(header)` is true is swallowed."""

    def __init__(self, target, drop):
        self.drop = drop
        self.dropped = []
        super().__init__(target)

    def upward(self, near, far):
        try:
            while data := near.recv(1 << 20):
                far.sendall(data)
            far.shutdown(socket.SHUT_WR)
        except OSError:
            return

    def downward(self, near, far):
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


class ReplyProxy(Proxy):
    """Before a namenode: a Reply for which `drop(reply)` is true is swallowed."""

    def __init__(self, target, drop):
        self.drop = drop
        super().__init__(target)

    def downward(self, near, far):
        try:
            message = "HelloReply"
            while True:
                head = read_exactly(far, 4)
                body = read_exactly(far, struct.unpack("<I", head)[0])
                if message == "HelloReply" or not self.drop(protobuf.decode(message, body)):
                    near.sendall(head + body)
                message = "Reply"
        except (OSError, Closed):
            end(near)


class BusyProxy(Proxy):
    """Before a namenode: a Request for which `refuse(request)` is true does not come to it, and is
    answered with BUSY."""

    def __init__(self, target, refuse):
        self.refuse = refuse
        self.refused = 0
        super().__init__(target)

    def upward(self, near, far):
        try:
            message = "Hello"
            while True:
                head = read_exactly(near, 4)
                body = read_exactly(near, struct.unpack("<I", head)[0])
                request = protobuf.decode(message, body)
                if message == "Request" and self.refuse(request):
                    self.refused += 1
                    reply = protobuf.encode("Reply", {
                        "request_id": request.request_id, "code": Code.BUSY, "message": "later"})
                    near.sendall(struct.pack("<I", len(reply)) + reply)
                else:
                    far.sendall(head + body)
                message = "Request"
        except (OSError, Closed):
            end(far)


class Tap(Proxy):
    """Keeps what it passes on: what the caller said, and what it heard."""

    def __init__(self, target):
        self.heard = [bytearray(), bytearray()]
        super().__init__(target)

    def upward(self, near, far):
        self.kept(near, far, self.heard[0])

    def downward(self, near, far):
        self.kept(far, near, self.heard[1])

    @staticmethod
    def kept(source, sink, bytes_):
        try:
            while data := source.recv(1 << 16):
                bytes_ += data
                sink.sendall(data)
        except OSError:
            pass  # either side ended, and so does the other
        end(sink)


class ResetProxy(Listener):
    """Passes everything on, and answers with RST now and then: each connection after so many bytes,
    both ways together, drawn by `seed` around `mean`.

    It listens at `address`, which is not the node's own: a node advertises it.
    """

    def __init__(self, address, target, mean, seed):
        self.target = target
        self.mean = mean
        self.random = random.Random(seed)
        self.resets = 0
        super().__init__(address)

    def serve(self, sock):
        near, left = sock, int(self.random.expovariate(1 / self.mean))
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
            try:
                # Closed with a linger time of 0, a socket sends RST (socket(7), SO_LINGER).
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            except OSError:
                continue  # the proxy was closed meanwhile, and has closed it
            sock.close()
