"""What a command waits for until its --timeout: a namenode that is started again, datanodes that are
not back yet, connections that break."""

import os
import pty
import signal
import subprocess
import time
import unittest

from catena_peer import cluster, values
from catena_peer.case import ClusterCase
from catena_peer.cluster import PATIENCE, command_environment, program, until
from catena_peer.proxy import ResetProxy


@unittest.skipIf(cluster.STANDIN, "SKIPPED: the stand-ins do not wait")
class WaitingCase(ClusterCase):
    def begin(self, *words, terminal=False):
        """Starts `catena WORDS`; with `terminal` it has one as stderr, which `said` reads."""
        self.screen = b""
        error = subprocess.PIPE
        if terminal:
            self.near, error = pty.openpty()
            self.addCleanup(os.close, self.near)
        command = subprocess.Popen(
            program("catena") + [str(word) for word in words], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=error, env=command_environment(self.cluster.address))
        self.addCleanup(self.end, command)
        if terminal:
            os.close(error)
        return command

    def end(self, command):
        if command.poll() is None:
            command.kill()
        command.communicate()

    def said(self, text):
        self.screen += os.read(self.near, 4096)
        return text in self.screen

    def assert_done(self, command):
        _, error = command.communicate(timeout=PATIENCE)
        self.assertEqual(command.returncode, 0, (error or self.screen).decode())


class NamenodeAway(WaitingCase):
    settings = {"datanodes": 2, "replicas": 1, "min_nodes": 1}

    def test_a_command_that_begins_while_the_namenode_is_away_waits_and_says_so(self):
        values.put(self.client, self.key(), b"here")
        self.cluster.namenode.kill()
        command = self.begin("get", self.key(), self.cluster.folder / "out", terminal=True)
        name = "%s:%d" % self.cluster.address
        until(lambda: self.said(b"waiting for the namenode at " + name.encode()), "its line")
        self.assertIn(b"Connection refused", self.screen)
        self.cluster.start_namenode()
        self.assert_done(command)
        self.assertEqual((self.cluster.folder / "out").read_bytes(), b"here")

    def test_no_replica_is_known_while_its_node_has_yet_to_report(self):
        data = self.bytes(200_000)
        values.put(self.client, self.key(), data)
        replica = self.client.open(self.key()).blocks[0].replicas[0]
        holder = self.cluster.node_at(replica.port)
        holder.daemon.send_signal(signal.SIGSTOP)
        self.addCleanup(holder.daemon.send_signal, signal.SIGCONT)
        self.cluster.namenode.kill()
        self.cluster.start_namenode()
        client = self.cluster.client()
        until(lambda: client.status().live == 1, "the other node to be back")
        block = client.open(self.key()).blocks[0]
        self.assertEqual((list(block.replicas), block.reports_incomplete), ([], True))
        command = self.begin("get", self.key(), self.cluster.folder / "out")
        time.sleep(1)
        self.assertIsNone(command.poll(), "it waits for the node")
        holder.daemon.send_signal(signal.SIGCONT)
        self.assert_done(command)
        self.assertEqual((self.cluster.folder / "out").read_bytes(), data)
        self.assertFalse(client.open(self.key()).blocks[0].reports_incomplete)


class TooFewForAMoment(WaitingCase):
    settings = {"datanodes": 2, "replicas": 2, "min_nodes": 2, "stale_ms": 2500, "dead_ms": 5000}

    def test_a_put_waits_for_enough_datanodes(self):
        node = self.cluster.nodes[0]
        node.kill()
        until(lambda: self.client.status().live == 1, "the node to be missed")
        source = self.cluster.folder / "source"
        source.write_bytes(b"content")
        command = self.begin("put", source, self.key(), terminal=True)
        until(lambda: self.said(b"1 datanode is live"), "its line")
        node.start()
        self.assert_done(command)


class BrokenConnections(WaitingCase):
    """Three nodes for three replicas: there is no other chain to go to."""

    settings = {"datanodes": 3, "replicas": 3, "min_nodes": 3, "block_bytes": 2 << 20,
                "node_settings": {"advertise": "127.0.0.2"}}

    def setUp(self):
        super().setUp()
        self.proxies = [
            self.enterContext(ResetProxy(
                ("127.0.0.2", node.address[1]), node.address, MEAN, self.seed + number))
            for number, node in enumerate(self.cluster.nodes)]

    def test_files_are_put_and_read_though_connections_are_reset_all_the_time(self):
        for number in range(4):
            data = self.bytes(6 << 20)
            source, out = self.cluster.folder / "source", self.cluster.folder / "out"
            source.write_bytes(data)
            key = self.key(f"/{number}")
            long = ["--timeout", f"{PATIENCE}s"]
            self.assert_done(self.begin("put", source, key, "--packet-bytes", 64 << 10, *long))
            out.unlink(missing_ok=True)
            self.assert_done(self.begin("get", key, out, *long))
            self.assertEqual(out.read_bytes(), data)
        self.assertGreater(sum(proxy.resets for proxy in self.proxies), 10)


MEAN = 3 << 20  # bytes over a connection until it is reset

if __name__ == "__main__":
    unittest.main()
