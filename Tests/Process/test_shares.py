"""What one caller can take from the namenode, and what is left for the others."""

import unittest

from catena_peer import values
from catena_peer.case import Code
from catena_peer.cluster import Cluster
from catena_peer.control import ControlConnection
from catena_peer.status import Role

FILES = 256  # 192 connections: 120 of clients, 48 of datanodes, 24 that arrive


class Connections(unittest.TestCase):
    def setUp(self):
        self.cluster = Cluster(1)
        self.cluster.namenode.files = FILES
        self.enterContext(self.cluster)

    def silent(self, count, role):
        """Connections that say at most HELLO; the namenode may close them, and nobody waits."""
        for _ in range(count):
            connection = ControlConnection(self.cluster.address)
            self.addCleanup(connection.close)
            if role is not None:
                self.assertEqual(connection.hello(role).code, Code.OK)

    def assert_serves(self, key):
        with self.cluster.client() as client:
            values.put(client, key, b"abc")
            self.assertEqual(values.get(client, key), b"abc")
        self.assertEqual(self.cluster.cli("stat", key).returncode, 0)

    def test_silent_connections_keep_nobody_out(self):
        for number, role in enumerate((None, Role.CLIENT, Role.DATANODE)):
            with self.subTest(role=role):
                self.silent(2 * FILES, role)
                self.assert_serves(f"beside/{number}")

    def test_a_datanode_comes_back_beside_them(self):
        self.silent(2 * FILES, Role.CLIENT)
        self.silent(2 * FILES, Role.DATANODE)
        self.cluster.nodes[0].kill()
        self.cluster.nodes[0].start()
        self.cluster.wait_settled()
        self.silent(2 * FILES, None)
        self.assert_serves("after")


if __name__ == "__main__":
    unittest.main()
