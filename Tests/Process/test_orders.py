"""What a datanode makes of its namenode's words: a namenode in Python that says what it is told."""

import os
import pathlib
import shutil
import tempfile
import threading
import types
import unittest

from catena_peer.cluster import STANDIN, Daemon, datanode_command, until
from catena_peer.standin.namenode import SETTINGS, Server
from catena_peer.standin.namespace import Namespace
from catena_peer.standin.shell import accept, listener

SCRUB, DELETE, UNKNOWN = 1, 2, 77
GONE = 4


class Scripted(Namespace):
    """Keeps what it hears, and puts `commands` into each answer."""

    def __init__(self, **settings):
        super().__init__(os.urandom(16), types.SimpleNamespace(**{**SETTINGS, **settings}))
        self.heartbeats = []
        self.commands = []

    def do_heartbeat(self, fields, client, now):
        answer = super().do_heartbeat(fields, client, now)
        self.heartbeats.append(fields)
        return {**answer, "commands": self.commands}

    def reported_blocks(self):
        return {block.block: block.state for heartbeat in self.heartbeats
                for block in heartbeat.blocks}


@unittest.skipIf(STANDIN, "SKIPPED: the stand-ins carry nothing out")
class Orders(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="catena-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.secret = os.urandom(32)
        (self.folder / "secret").touch(0o600)
        (self.folder / "secret").write_text(self.secret.hex() + "\n")
        self.node = Daemon("datanode", self.folder)
        self.addCleanup(self.node.stop)

    def begin(self, blocks, **settings):
        """A datanode with files of which the names alone say what they are, registered."""
        self.namenode = Scripted(**settings)
        listening = listener("127.0.0.1:0")
        self.addCleanup(listening.close)
        server = Server(self.namenode, self.secret)
        threading.Thread(target=self.accept, args=(listening, server), daemon=True).start()
        command = datanode_command(
            listening.getsockname(), self.folder / "secret", [self.folder / "device"], 0,
            self.node.port_file, {})
        self.node.start(command)
        self.node.port()
        self.node.kill()
        for block in blocks:
            self.file(block).touch()
        self.namenode.heartbeats.clear()
        self.node.start(command)
        self.node.port()

    @staticmethod
    def accept(listening, server):
        try:
            accept(listening, server.connection)
        except OSError:
            return  # the test is over

    def file(self, block):
        return self.folder / "device" / "blocks" / f"{block:016x}.blk"

    def heard(self, count):
        """Waits for so many more heartbeats."""
        before = len(self.namenode.heartbeats)
        until(lambda: len(self.namenode.heartbeats) >= before + count, "more heartbeats")

    def test_a_command_without_a_kind_deletes_nothing(self):
        self.begin([5, 6], heartbeat_ms=50)
        until(lambda: set(self.namenode.reported_blocks()) == {5, 6}, "the report")
        self.namenode.commands = [
            {"block": 5, "epoch": 9}, {"kind": UNKNOWN, "block": 5, "epoch": 9}]
        self.heard(3)
        until(lambda: self.node.log.read_text().count("does not know: nothing is done") >= 2,
              lambda: f"two errors\n{self.node.tail()}")
        self.namenode.commands = [{"kind": DELETE, "block": 6, "epoch": 9}]
        until(lambda: self.namenode.reported_blocks()[6] == GONE, "block 6 to be gone")
        self.assertFalse(self.file(6).exists())
        self.assertTrue(self.file(5).exists())
        self.assertNotEqual(self.namenode.reported_blocks()[5], GONE)

    def test_a_report_goes_as_fast_as_the_namenode_takes_it(self):
        # The harness waits less long than two of these heartbeats are apart.
        self.begin(range(1, 9_001), heartbeat_ms=60_000, dead_ms=600_000)
        until(lambda: self.namenode.heartbeats and self.namenode.heartbeats[-1].report_complete,
              "the end of the report")
        self.assertEqual(set(self.namenode.reported_blocks()), set(range(1, 9_001)))
        self.assertLessEqual(
            max(len(heartbeat.blocks) for heartbeat in self.namenode.heartbeats), 4_096)


if __name__ == "__main__":
    unittest.main()
