"""A log's reader never stops, delays or ends a daemon; nor does SIGHUP."""

import os
import signal
import socket
import unittest

from catena_peer import values
from catena_peer.cluster import Cluster, until


class Pipe:
    """What takes a daemon's standard error, and whether it is read."""

    def __init__(self):
        self.reader, self.writer = os.pipe()
        self.is_open = True

    def close_reader(self):
        if self.is_open:
            os.close(self.reader)
        self.is_open = False

    def close(self):
        self.close_reader()
        os.close(self.writer)

    def filled(self):
        """Fills the pipe to the brim, as lines that nobody reads do."""
        os.set_blocking(self.writer, False)
        try:
            for size in (4096, 1):
                try:
                    while os.write(self.writer, b"x" * size):
                        pass
                except BlockingIOError:
                    pass  # full, which is what we want
        finally:
            os.set_blocking(self.writer, True)

    def text(self):
        """Everything up to the end of its writers, ours closed first."""
        os.close(self.writer)
        self.writer = os.open(os.devnull, os.O_WRONLY)
        parts = []
        while part := os.read(self.reader, 1 << 16):
            parts.append(part)
        return b"".join(parts).decode()


class LogReaders(unittest.TestCase):
    def cluster(self):
        """A cluster whose daemons write their logs into pipes: namenode first."""
        cluster = Cluster(1)
        self.addCleanup(cluster.stop)
        pipes = []
        for daemon in (cluster.namenode, cluster.nodes[0].daemon):
            pipes.append(Pipe())
            self.addCleanup(pipes[-1].close)
            daemon.errors = pipes[-1].writer
        cluster.start()
        return cluster, pipes

    def noise(self, cluster, count):
        """Connections that both daemons have something to say about."""
        for address in (cluster.address, cluster.nodes[0].address):
            for _ in range(count):
                with socket.create_connection(address, 20) as connection:
                    connection.sendall(b"GET / HTTP/1.1\r\n\r\n" + bytes(200))
                    connection.shutdown(socket.SHUT_WR)
                    try:
                        while connection.recv(4096):
                            pass
                    except ConnectionResetError:
                        pass  # closed with our bytes unread

    def assert_serves(self, cluster, key):
        with cluster.client() as client:
            values.put(client, key, b"abc")
            self.assertEqual(values.get(client, key), b"abc")
        for daemon in (cluster.namenode, cluster.nodes[0].daemon):
            self.assertTrue(daemon.running(), daemon.name)

    def assert_ends(self, cluster):
        for daemon in (cluster.nodes[0].daemon, cluster.namenode):
            self.assertEqual(daemon.kill(signal.SIGTERM), 0, daemon.name)

    def test_a_reader_that_goes_away(self):
        cluster, pipes = self.cluster()
        for pipe in pipes:
            os.close(pipe.writer)
            pipe.writer = os.open(os.devnull, os.O_WRONLY)
            pipe.close_reader()
        self.noise(cluster, 10)
        self.assert_serves(cluster, "gone")
        self.assert_ends(cluster)

    def test_a_reader_that_does_not_read(self):
        cluster, pipes = self.cluster()
        for pipe in pipes:
            pipe.filled()
        self.noise(cluster, 10)
        self.assert_serves(cluster, "slow")
        self.assert_ends(cluster)

    def test_a_reader_that_comes_back_reads_on(self):
        cluster, pipes = self.cluster()
        pipes[0].filled()
        self.noise(cluster, 3)
        self.assert_serves(cluster, "back")
        while b"malformed message" not in os.read(pipes[0].reader, 1 << 16):
            pass
        self.assert_ends(cluster)
        self.assertIn("stopped", pipes[0].text())


class Hangup(unittest.TestCase):
    def test_sighup_ends_neither_daemon(self):
        with Cluster(1) as cluster:
            for daemon in (cluster.namenode, cluster.nodes[0].daemon):
                daemon.send_signal(signal.SIGHUP)
                until(lambda: "SIGHUP" in daemon.tail(), "it says that SIGHUP changes nothing")
                self.assertTrue(daemon.running(), daemon.name)
            with cluster.client() as client:
                values.put(client, "hup", b"abc")


if __name__ == "__main__":
    unittest.main()
