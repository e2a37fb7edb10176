"""What one caller can take from the namenode, and what is left for the others."""

import struct
import unittest

from catena_peer import values
from catena_peer.case import ClusterCase, Code
from catena_peer.cluster import Cluster, until
from catena_peer.control import ControlConnection
from catena_peer.status import Role
from test_bad_frames import resident

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


class Memory(ClusterCase):
    settings = {"datanodes": 1}

    def unfinished(self):
        """900 kB of a message of 1 MiB. The namenode may cut it off."""
        connection = ControlConnection(self.cluster.address)
        self.addCleanup(connection.close)
        connection.hello()
        try:
            connection.send_raw(struct.pack("<I", 1 << 20) + bytes(900_000))
        except OSError:
            pass  # told BUSY and cut off
        return connection

    def test_unfinished_messages_give_their_memory_back(self):
        before = resident(self.cluster.namenode.pid)
        growth = lambda: resident(self.cluster.namenode.pid) - before
        connections = [self.unfinished() for _ in range(400)]
        values.put(self.client, self.key(), b"abc")
        self.assertLess(growth(), 160 << 20)
        # Who has just come is heard, and those that have been holding on for longest made room.
        codes = []
        for connection in connections[:50]:
            try:
                codes.append(connection.receive("Reply").code)
            except ConnectionError:
                pass  # closed with bytes of ours unread
        self.assertEqual(set(codes), {Code.BUSY})
        for connection in connections:
            connection.close()
        until(lambda: growth() < 32 << 20, lambda: f"{growth() >> 20} MiB stay")


class Answers(ClusterCase):
    settings = {"datanodes": 1}

    def test_one_client_pushes_out_no_other_s_answers(self):
        values.put(self.client, self.key(), b"abc")
        number = self.client.send("delete", {"key": self.key()})
        self.assertEqual(self.client.wait(number).code, Code.OK)
        # More of another's than are kept of all.
        with self.cluster.client() as other:
            lease = other.create(self.key("/other"))
            for _ in range(70_000 // 50):
                numbers = [
                    other.send("create", {"key": self.key("/other"), "overwrite": bool(turn % 2)})
                    for turn in range(50)]
                for sent in numbers:
                    self.assertEqual(other.wait(sent).code, Code.OK)
            other.abandon(lease)
        self.cluster.namenode.kill()
        self.cluster.start_namenode()
        self.cluster.wait_settled()
        self.client.close()
        self.client.connect()
        self.client.send("delete", {"key": self.key()}, number)
        self.assertEqual(self.client.wait(number).code, Code.OK, "the first answer is kept")


if __name__ == "__main__":
    unittest.main()
