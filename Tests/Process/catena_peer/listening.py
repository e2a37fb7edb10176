"""Who listens in the tests: a process that is not who it stands for, a proxy before a daemon."""

import errno
import socket
import threading

from .cluster import until
from .control import end


def _listening(address):
    """The kernel lets go of a killed process's sockets a moment after its end."""
    try:
        return socket.create_server(address, backlog=64)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        return None


class Listener:
    """Listens at `address`, a free port of its own when nobody says, and serves each connection on
    a thread, until the end. A subclass says how: `serve(sock)`."""

    def __init__(self, address=("127.0.0.1", 0)):
        self.listener = until(lambda: _listening(address), f"the address {address} to be free")
        self.address = self.listener.getsockname()
        self.sockets = []
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        end(self.listener)
        self.cut()

    def cut(self):
        """Ends every connection."""
        sockets, self.sockets = self.sockets, []
        for sock in sockets:
            end(sock)

    def _accept(self):
        try:
            while True:
                sock, _ = self.listener.accept()
                self.sockets.append(sock)
                threading.Thread(target=self.serve, args=(sock,), daemon=True).start()
        except OSError:
            return

    def serve(self, sock):
        raise NotImplementedError


class Proxy(Listener):
    """Passes everything on to `target`, both ways. A subclass changes what one way does."""

    def __init__(self, target, address=("127.0.0.1", 0)):
        self.target = target
        super().__init__(address)

    def serve(self, sock):
        try:
            far = socket.create_connection(self.target)
        except OSError:
            return end(sock)  # it is being started again
        self.sockets.append(far)
        threading.Thread(target=self.upward, args=(sock, far), daemon=True).start()
        self.downward(sock, far)

    def upward(self, near, far):
        """From the caller to the target."""
        self.passed_on(near, far)

    def downward(self, near, far):
        """From the target to the caller."""
        self.passed_on(far, near)

    @staticmethod
    def passed_on(source, sink):
        """Passes on until either side ends, and so does the other then."""
        try:
            while data := source.recv(1 << 16):
                sink.sendall(data)
        except OSError:
            pass
        end(sink)
