"""A host name with several addresses, of which the first drops packets."""

import os
import socket
import subprocess
import unittest

from catena_peer.case import CommandCase
from catena_peer.cluster import PATIENCE, STANDIN, command_environment, program
from catena_peer.listening import Proxy

NAME = "catena-several.test"
SILENT, ANSWERING = "127.0.0.1", "127.0.0.9"


class FullBacklog:
    """Listens and never accepts: with its backlog full the kernel drops every further SYN
    (listen(2), tcp_abort_on_overflow of 0)."""

    def __init__(self, address):
        self.listener = socket.create_server(address, backlog=0)
        self.waiting = []
        for _ in range(8):
            caller = socket.socket()
            caller.setblocking(False)
            caller.connect_ex(address)
            self.waiting.append(caller)

    def drops(self):
        with socket.socket() as caller:
            caller.settimeout(1)
            try:
                caller.connect(self.listener.getsockname())
            except TimeoutError:
                return True
        return False

    def close(self):
        for sock in [*self.waiting, self.listener]:
            sock.close()


@unittest.skipIf(STANDIN, "the stand-in takes one address")
@unittest.skipIf(os.geteuid() != 0, "SKIPPED: an /etc/hosts of its own needs root")
class SeveralAddresses(CommandCase):
    settings = {"datanodes": 1, "replicas": 1, "min_nodes": 1}

    def setUp(self):
        super().setUp()
        proxy = self.enterContext(Proxy(self.cluster.address, (ANSWERING, 0)))
        self.port = proxy.address[1]
        silent = FullBacklog((SILENT, self.port))
        self.addCleanup(silent.close)
        self.assertTrue(silent.drops(), "the first address drops packets")
        self.hosts = self.cluster.folder / "hosts"
        self.hosts.write_text(f"{SILENT} {NAME}\n{ANSWERING} {NAME}\n")

    def run_there(self, *words):
        """Runs a command that has these two addresses in its /etc/hosts."""
        return subprocess.run(
            ["unshare", "-m", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', self.hosts,
             *words], capture_output=True, check=False, timeout=PATIENCE,
            env={**command_environment(self.cluster.address),
                 "CATENA_NAMENODE": f"{NAME}:{self.port}"})

    def test_the_next_address_is_dialled(self):
        found = self.run_there("getent", "ahostsv4", NAME).stdout.decode().split("\n")
        streams = [line.split()[0] for line in found if "STREAM" in line]
        self.assertEqual(streams, [SILENT, ANSWERING], "in this order")
        data = self.bytes(100_000)
        self.assert_cli(self.run_there(*program("catena"), "put", self.source(data), "key"), {0})
        done = self.run_there(*program("catena"), "cat", "key")
        self.assert_cli(done, {0})
        self.assertEqual(done.stdout, data)


if __name__ == "__main__":
    unittest.main()
