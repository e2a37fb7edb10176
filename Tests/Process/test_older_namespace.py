"""A namenode on an older copy of its directory, on a log that lost its end, or on a directory that is
gone: it destroys nothing that it does not know, and notices."""

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import time
import unittest

from catena_peer import values
from catena_peer.cluster import (
    EX_CONFIG, EX_DATAERR, EX_IOERR, PATIENCE, Cluster, command_environment, namenode_command,
    program, until)
from catena_peer.control import Closed, ControlClient, Refused
from catena_peer.datanode import Refusal, planned, write_block
from catena_peer.status import Code, Durability

GRACE_MS = 2000  # a token's, beyond its time
SETTINGS = {"datanodes": 3, "replicas": 3, "min_nodes": 3, "stale_ms": 2000, "dead_ms": 4000,
            "lease_ms": 3000, "token_ms": 300, "delete_grace_ms": 0}


def care(*words):
    return subprocess.run(
        program("catena-namenode") + [str(word) for word in words], timeout=PATIENCE,
        capture_output=True, text=True, check=False)


class NamespaceCase(unittest.TestCase):
    """A cluster for each test, since each does its namespace something bad."""

    settings = SETTINGS

    def setUp(self):
        self.cluster = Cluster(**self.settings)
        self.enterContext(self.cluster)
        self.folder = self.cluster.namenode_folder
        self.kept = {}
        self.put("first", 10)

    def put(self, name, count, size=3_000):
        """Values of their own, that must be there whenever this namespace is."""
        with ControlClient(self.cluster.address) as client:
            for number in range(count):
                key = f"{name}/{number}"
                data = f"{key} ".encode() * (size // len(key))
                values.put(client, key, data)
                self.kept[key] = data

    def snapshot(self, name):
        """The directory as it is at one moment, as a snapshot of its file system has it."""
        copy = self.cluster.folder / name
        os.kill(self.cluster.namenode.pid, signal.SIGSTOP)
        shutil.copytree(self.folder, copy)
        os.kill(self.cluster.namenode.pid, signal.SIGCONT)
        return copy

    def run_on(self, folder):
        """Ends the namenode, and has one serve another directory under its address."""
        if self.cluster.namenode.running():
            self.cluster.namenode.kill()
        self.cluster.namenode_folder = folder
        self.cluster.start_namenode()
        self.cluster.wait_settled()

    def run_once(self, folder=None):
        """A start that is to be refused: its exit status and what it said."""
        done = subprocess.run(
            namenode_command(folder or self.folder, 0, self.cluster.folder / "port",
                             self.cluster.settings),
            capture_output=True, text=True, timeout=PATIENCE, check=False,
            env=command_environment(("127.0.0.1", 0)))
        return done.returncode, done.stderr

    def files(self):
        return {path for node in self.cluster.nodes for folder in node.folders
                for path in (folder / "blocks").glob("*.blk")}

    def assert_all_read(self):
        with ControlClient(self.cluster.address) as client:
            for key, data in self.kept.items():
                self.assertEqual(values.get(client, key), data, key)

    def restart_datanodes(self):
        for node in self.cluster.nodes:
            node.kill()
        self.cluster.revive()

    def wait_beyond_tokens(self):
        """As long as a namespace waits before it asks for what nobody has reported."""
        wait = GRACE_MS + sum(
            self.cluster.settings[name] for name in ("lease_ms", "token_ms", "dead_ms"))
        time.sleep(wait / 1000 + 1)

    def behind(self):
        return self.cluster.cli_json("status")["behind"]


class OlderCopy(NamespaceCase):
    def test_a_snapshot_deletes_nothing_and_the_newest_namespace_has_all(self):
        with ControlClient(self.cluster.address) as client:
            writing = client.create("being/written")
            plan = client.add_block(writing)
            older = self.snapshot("older")
            receipts = [write_block(planned(plan), b"closed later")]
            client.close_key(writing, receipts, Durability.WRITTEN)
        self.kept["being/written"] = b"closed later"
        self.put("second", 20)
        before = self.files()
        self.assertGreaterEqual(len(before), 31 * 3)

        self.run_on(older)
        self.restart_datanodes()
        with ControlClient(self.cluster.address) as client:
            for number in range(8):
                with contextlib.suppress(Refused, Refusal, Closed):
                    values.put(client, f"fork/{number}", b"under the older namespace" * 40)
            client.delete("first/0")
            client.create("left/open")
        self.wait_beyond_tokens()
        self.restart_datanodes()
        self.wait_beyond_tokens()
        self.assertEqual(before - self.files(), set(), "deleted by a namespace that is older")
        self.assertIn("older than its datanodes", self.cluster.namenode.log.read_text())
        self.assertIn("OLDER", self.cluster.cli("status").stdout.decode())
        self.assertIn("datanode", self.behind()["sentence"])
        strays = self.cluster.cli_json("admin", "strays", "--delete")
        self.assertEqual(strays["deleting"], 0)

        self.run_on(self.folder)
        self.assert_all_read()

    def test_a_number_that_a_datanode_holds_is_not_given_again(self):
        older = self.snapshot("older")
        self.put("second", 5)
        highest = max(int(path.stem, 16) for path in self.files())
        # Nobody remembers the commits: the blocks alone say it.
        for node in self.cluster.nodes:
            node.kill()
            for folder in node.folders:
                (folder / "namespace").unlink(missing_ok=True)
        self.cluster.namenode.kill()
        self.cluster.namenode_folder = older
        self.cluster.start_namenode()
        with ControlClient(self.cluster.address) as client:
            self.cluster.revive()
            self.assertGreater(client.add_block(client.create("next")).block, highest)
        self.assertEqual(self.behind()["block"], highest)

    def test_a_datanode_tells_what_it_has_heard_when_it_holds_nothing_new(self):
        older = self.snapshot("older")
        with ControlClient(self.cluster.address) as client:
            for number in range(5):
                client.rename(f"first/{number}", f"moved/{number}")
            until(lambda: not self.behind(), "the status")
        time.sleep(10 * self.cluster.settings["heartbeat_ms"] / 1000)
        self.run_on(older)
        self.restart_datanodes()
        self.assertGreater(self.behind()["commit"], self.behind()["own_commit"])
        # It is remembered, and accepted on the operator's word alone.
        self.run_on(older)
        self.assertTrue(self.behind())
        self.cluster.namenode.kill()
        self.assertEqual(care("accept", "--dir", older).returncode, 0)
        self.run_on(older)
        self.restart_datanodes()
        self.assertIsNone(self.behind())
        self.put("third", 3)
        with ControlClient(self.cluster.address) as client:
            client.delete("first/0")
        with ControlClient(self.cluster.address) as client:
            self.assertEqual(values.get(client, "third/0"), self.kept["third/0"])

    def test_a_backup_is_not_run(self):
        backup, restored = self.cluster.folder / "backup", self.cluster.folder / "restored"
        self.assertEqual(care("backup", "--dir", self.folder, "--to", backup).returncode, 0)
        code, said = self.run_once(backup)
        self.assertEqual(code, EX_CONFIG, said)
        self.assertIn(f"catena-namenode restore --from {backup}", said)
        self.assertEqual(care("check", "--dir", backup).returncode, 0)
        self.put("lost", 5)
        done = care("restore", "--from", backup, "--dir", restored)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.run_on(restored)
        self.restart_datanodes()
        self.assertIsNone(self.behind(), "a restore is the operator's word")
        for number in range(5):
            self.kept.pop(f"lost/{number}")
        self.put("after", 3)
        self.assert_all_read()
        # The directory that was moved away is the older one now.
        self.run_on(self.folder)
        self.restart_datanodes()
        self.assertTrue(self.behind())


class LogCase(NamespaceCase):
    settings = {**SETTINGS, "datanodes": 1, "replicas": 1, "min_nodes": 1}

    def setUp(self):
        super().setUp()
        self.put("second", 20)
        self.cluster.namenode.kill()
        self.wal = self.folder / "namespace.db-wal"
        self.whole = self.wal.read_bytes()


class CutLog(LogCase):
    def assert_refused(self, *texts):
        code, said = self.run_once()
        self.assertEqual(code, EX_DATAERR, said)
        for text in texts:
            self.assertRegex(said, text)
        self.assertEqual(care("check", "--dir", self.folder).returncode, EX_DATAERR)
        # Nothing was made of it: with its end the log is whole.
        self.wal.write_bytes(self.whole)
        self.run_on(self.folder)
        self.assert_all_read()

    def test_to_half(self):
        os.truncate(self.wal, len(self.whole) // 2)
        self.assert_refused(r"comes to commit \d+, and commit \d+ was answered")

    def test_to_nine_tenths(self):
        os.truncate(self.wal, len(self.whole) * 9 // 10)
        self.assert_refused(r"comes to commit \d+, and commit \d+ was answered")

    def test_its_second_place_is_missing(self):
        (self.folder / "namespace.end").rename(self.folder / "away")
        code, said = self.run_once()
        self.assertEqual(code, EX_DATAERR, said)
        self.assertIn("namespace.end is missing", said)

    def test_an_operator_goes_on_with_what_is_there_and_loses_no_block(self):
        before = self.files()
        os.truncate(self.wal, len(self.whole) // 2)
        done = care("accept", "--dir", self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.run_on(self.folder)
        self.restart_datanodes()
        self.wait_beyond_tokens()
        self.assertEqual(before - self.files(), set())
        self.assertIsNone(self.behind())
        with ControlClient(self.cluster.address) as client:
            self.assertEqual(values.get(client, "first/0"), self.kept["first/0"])
            with self.assertRaises(Refused) as caught:
                client.open("second/19")
            self.assertEqual(caught.exception.code, Code.NOT_FOUND)


class GivenUpInTheMiddle(NamespaceCase):
    def test_what_a_part_of_close_had_listed_is_forgotten_with_its_value(self):
        with ControlClient(self.cluster.address) as client:
            lease = client.create("long")
            receipts = [write_block(planned(client.add_block(lease)), b"a part") for _ in range(3)]
            client.close_key(lease, receipts[:2], Durability.WRITTEN, more=True)
            self.assertEqual(client.status().blocks, len(self.kept) + 3)
        before = self.files()
        self.cluster.namenode.kill()
        done = care("accept", "--dir", self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(care("check", "--dir", self.folder).returncode, 0)
        self.run_on(self.folder)
        status = self.cluster.cli_json("status")
        self.assertEqual((status["blocks"], status["missing_blocks"]), (len(self.kept), 0))
        self.restart_datanodes()
        self.assertEqual(before - self.files(), set())
        until(lambda: self.cluster.cli_json("status")["stray_blocks"] == 9,
              "the blocks to be strays")
        self.assert_all_read()


class ForeignLook(LogCase):
    """Another program looks into the database of a namenode that was killed."""

    def look(self):
        with sqlite3.connect(self.folder / "namespace.db") as connection:
            count, = connection.execute("select count(*) from key").fetchone()
        connection.close()
        self.assertEqual(count, len(self.kept))
        self.assertFalse(self.wal.exists(), "SQLite moves the log into the database")

    def test_a_look_costs_nothing(self):
        self.look()
        self.assertEqual(care("check", "--dir", self.folder).returncode, 0)
        self.run_on(self.folder)
        self.put("third", 3)
        self.assert_all_read()

    def test_a_start_after_a_look_says_so(self):
        self.look()
        self.run_on(self.folder)
        self.assert_all_read()
        self.assertIn("another program has moved", self.cluster.namenode.log.read_text())

    def test_a_look_at_a_cut_log_does_not_make_it_whole(self):
        os.truncate(self.wal, len(self.whole) // 2)
        with sqlite3.connect(self.folder / "namespace.db") as connection:
            connection.execute("select count(*) from key").fetchone()
        connection.close()
        code, said = self.run_once()
        self.assertEqual(code, EX_DATAERR, said)
        self.assertRegex(said, r"comes to commit \d+, and commit \d+ was answered")


class DirectoryGone(NamespaceCase):
    settings = {**SETTINGS, "datanodes": 1, "replicas": 1, "min_nodes": 1}

    def assert_ends(self):
        with self.assertRaises(OSError), ControlClient(self.cluster.address) as client:
            values.put(client, "into/nothing", b"x" * 100)
        self.assertEqual(self.cluster.namenode.wait(), EX_IOERR)
        self.assertIn("under", self.cluster.namenode.tail())

    def test_it_was_removed(self):
        shutil.rmtree(self.folder)
        self.assert_ends()

    def test_it_was_moved(self):
        self.folder.rename(self.cluster.folder / "elsewhere")
        self.assert_ends()

    def test_its_log_was_unlinked(self):
        (self.folder / "namespace.db-wal").unlink()
        self.assert_ends()

    def test_it_was_replaced(self):
        self.folder.rename(self.cluster.folder / "elsewhere")
        shutil.copytree(self.cluster.folder / "elsewhere", self.folder)
        self.assert_ends()

    def test_without_a_request_too(self):
        (self.folder / "namespace.end").unlink()
        self.assertEqual(self.cluster.namenode.wait(), EX_IOERR)


if __name__ == "__main__":
    unittest.main()
