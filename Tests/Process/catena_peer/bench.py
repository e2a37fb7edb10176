"""A cluster without a namenode: what `catena-datanode bench` nodes derive from a secret, and they."""

import hashlib
import hmac
import itertools
import pathlib
import shutil
import tempfile

from .cluster import Daemon, flags, program
from .credentials import READ, WRITE, ChainNode, Key, forge
from .datanode import Target


class BenchIdentity:
    """Ids, key and credentials, as whoever holds the secret derives them."""

    def __init__(self, secret):
        self.secret = secret
        self.cluster = self.derive("cluster")[:16]
        self.key = Key(1 << 32, self.derive("signing key"))

    def derive(self, purpose):
        return hmac.new(self.secret, f"catena bench {purpose}".encode(), hashlib.sha256).digest()

    def node(self, port, host="127.0.0.1"):
        return ChainNode(self.derive(f"node {host}:{port}")[:16], host, port)

    def target(self, block, ports, modes=WRITE, **fields):
        chain = [self.node(port) for port in ports]
        token = forge(self.key, chain, cluster=self.cluster, block=block, modes=modes, **fields)
        return Target(block, 1, chain, token, self.key.stream_key(token))

    def reading(self, target):
        return self.target(target.block, [node.port for node in target.chain], READ)


class BenchNodes:
    """Bench datanodes of one secret in a temporary folder."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="catena-bench-"))
        self.identity = BenchIdentity(bytes(range(32)))
        self.secret_file = self.folder / "bench.secret"
        self.secret_file.write_text(self.identity.secret.hex() + "\n")
        self.daemons = []
        self.blocks = itertools.count(1)

    def start(self, name, *words, folder=None, **settings):
        """A node; `words` are switches such as --null-device."""
        daemon = Daemon(name, self.folder)
        self.daemons.append(daemon)
        folder = folder or self.folder / f"{name}.data"
        return daemon.start(program("catena-datanode") + [
            "bench", "--secret-file", str(self.secret_file), "--dir", str(folder), "--listen",
            "127.0.0.1:0", "--port-file", str(daemon.port_file), *words, *flags(settings),
            "--log-format", "json"])

    def target(self, *daemons, **fields):
        return self.identity.target(
            next(self.blocks), [daemon.port() for daemon in daemons], **fields)

    def stop(self):
        for daemon in self.daemons:
            daemon.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
