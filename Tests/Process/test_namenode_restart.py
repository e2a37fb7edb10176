"""A namenode that is killed, restarted or finds its files damaged."""

import itertools
import json
import os
import signal
import subprocess
import unittest

from catena_peer import values
from catena_peer.case import ClusterCase, Code, Durability
from catena_peer.cluster import (
    PATIENCE, Cluster, command_environment, namenode_command, program, until)
from catena_peer.control import ControlClient
from catena_peer.datanode import WriteStream, planned, write_block
from catena_peer.status import Level

EX_DATAERR, EX_IOERR = 65, 74


class NamenodeCase(ClusterCase):
    # Datanodes must not fence themselves while the namenode is away for a moment.
    settings = {"datanodes": 1, "replicas": 1, "min_nodes": 1, "stale_ms": 10_000,
                "dead_ms": 20_000, "lease_ms": 20_000}

    def setUp(self):
        super().setUp()
        self.numbers = itertools.count(1000)
        if not self.cluster.namenode.running():
            self.restart()

    def restart(self, fault=None, number=signal.SIGKILL):
        """Ends the namenode, when it runs, and starts it, with this fault armed."""
        if self.cluster.namenode.running():
            self.cluster.namenode.kill(number)
        if fault:
            os.environ["CATENA_FAULT"] = fault
        try:
            self.cluster.start_namenode()
        finally:
            os.environ.pop("CATENA_FAULT", None)
        self.cluster.wait_settled()
        self.client = self.again(self.client)

    def again(self, client):
        """A new connection of the same client."""
        fresh = self.cluster.client(client_id=client.client_id)
        fresh.numbers = client.numbers
        self.addCleanup(fresh.close)
        return fresh


class KilledBetweenCommitAndReply(NamenodeCase):
    def retried(self, operation, fields):
        """Has the namenode die on this request after it is committed; gives the retry's answer."""
        number = next(self.numbers)
        name = operation.replace("_", "")
        self.restart(f"{name}-after-commit-before-reply:kill:1")
        with self.assertRaises(OSError):
            self.client.call(operation, fields, request_id=number)
        self.assertEqual(self.cluster.namenode.wait(), -signal.SIGKILL)
        self.restart()
        first = self.client.call(operation, fields, request_id=number)
        self.assertEqual(repr(self.client.call(operation, fields, request_id=number)), repr(first))
        return first

    def test_m1_every_step_of_a_write_is_retried_to_its_first_answer(self):
        data = self.bytes(5_000)
        lease = self.retried("create", {"key": self.key()}).lease_id
        # It was committed, so that another client meets it.
        with ControlClient(self.cluster.address) as other:
            self.assert_refused(Code.LEASED, other.create, self.key())
        plan = self.retried("add_block", {"lease_id": lease})
        # Counted once: the next block is the next number.
        following = self.client.add_block(lease)
        self.assertEqual(following.block, plan.block + 1)
        receipt = write_block(planned(plan), data)
        self.retried("close", {
            "lease_id": lease, "blocks": [receipt], "durability": Durability.WRITTEN})
        self.assertEqual(values.get(self.client, self.key()), data)
        self.retried("delete", {"key": self.key()})
        self.assert_refused(Code.NOT_FOUND, self.client.open, self.key())

    def test_m1_what_was_not_committed_did_not_happen(self):
        self.restart("create-before-commit:kill:1")
        with self.assertRaises(OSError):
            self.client.create(self.key())
        self.assertEqual(self.cluster.namenode.wait(), -signal.SIGKILL)
        self.restart()
        with ControlClient(self.cluster.address) as other:
            other.create(self.key())

    def test_m1_a_failed_commit_is_answered_to_nobody_and_ends_the_process(self):
        values.put(self.client, self.key("/before"), b"kept")
        self.restart("commit:errno:6")
        with self.assertRaises(OSError):
            for number in range(10):
                self.client.create(self.key(f"/{number}"))
        self.assertEqual(self.cluster.namenode.wait(), EX_IOERR)
        self.assertIn("the namespace cannot be written", self.cluster.namenode.tail())
        self.restart()
        self.assertEqual(values.get(self.client, self.key("/before")), b"kept")


class RestartedDuringWrites(NamenodeCase):
    def test_m2_a_stream_goes_on_without_its_namenode_and_closes_after_it_is_back(self):
        data = self.bytes(300_000)
        lease = self.lease()
        plan = self.client.add_block(lease)
        stream = WriteStream(planned(plan))
        self.addCleanup(stream.connection.close)
        stream.begin().data(0, data[:100_000]).wait_ack(100_000)
        self.cluster.namenode.kill()
        stream.data(100_000, data[100_000:200_000]).wait_ack(200_000)
        self.restart()
        stream.data(200_000, data[200_000:]).wait_ack(300_000)
        stream.seal(data, Level.written)
        self.client.close_key(lease, [stream.receipt()], Durability.WRITTEN)
        self.assertEqual(values.get(self.client, self.key()), data)

    def test_m2_keys_and_block_numbers_survive_restarts(self):
        seen, data = set(), {}
        for round_ in range(4):
            key = self.key(f"/{round_}")
            data[key] = self.bytes(2_000)
            lease = self.client.create(key)
            plan = self.client.add_block(lease)
            self.assertNotIn(plan.block, seen)
            seen.add(plan.block)
            receipt = write_block(planned(plan), data[key])
            self.restart(number=signal.SIGTERM if round_ % 2 else signal.SIGKILL)
            self.client.close_key(lease, [receipt], Durability.WRITTEN)
        self.restart()
        for key, value in data.items():
            self.assertEqual(values.get(self.client, key), value)

    def test_m2_a_lease_has_its_full_time_again(self):
        lease = self.lease()
        self.restart()
        info = self.client.info(self.key())
        self.assertGreater(info.lease_remaining_ms, self.settings["lease_ms"] // 2)
        self.assertEqual(self.client.renew(lease).lease_id, lease)


class DamagedFiles(unittest.TestCase):
    def setUp(self):
        self.cluster = Cluster(datanodes=1)
        self.enterContext(self.cluster)
        self.client = self.cluster.client()
        for number in range(20):
            values.put(self.client, f"k{number}", b"x" * 100)
        self.cluster.namenode.kill()
        self.database = self.cluster.namenode_folder / "namespace.db"

    def run_once(self):
        """Starts the namenode and waits for its end; its exit status and what it said."""
        done = subprocess.run(
            namenode_command(self.cluster.namenode_folder, 0, self.cluster.folder / "port",
                             self.cluster.settings),
            capture_output=True, text=True, timeout=PATIENCE, check=False,
            env=command_environment(("127.0.0.1", 0)))
        return done.returncode, done.stderr

    def assert_refused(self, *texts):
        code, said = self.run_once()
        self.assertEqual(code, EX_DATAERR, said)
        for text in texts:
            self.assertIn(text, said)

    def test_m3_a_foreign_database(self):
        self.database.write_bytes(b"not a database" * 1000)
        self.assert_refused("namespace.db", "offset 0")

    def test_m3_a_cut_database(self):
        with open(self.database, "r+b") as file:
            file.truncate(50)
        self.assert_refused("namespace.db", "offset 50")

    def test_m3_a_missing_wal(self):
        (self.cluster.namenode_folder / "namespace.db-wal").unlink()
        self.assert_refused("namespace.db-wal is missing")

    def test_m3_a_flipped_bit_in_the_wal(self):
        wal = self.cluster.namenode_folder / "namespace.db-wal"
        data = bytearray(wal.read_bytes())
        data[2_000] ^= 1
        wal.write_bytes(data)
        self.assert_refused("namespace.db-wal, offset 32")

    def test_m3_a_backup_is_restored(self):
        self.cluster.start_namenode()
        backup, other = self.cluster.folder / "backup", self.cluster.folder / "restored"

        def care(*words):
            done = subprocess.run(
                program("catena-namenode") + [str(word) for word in words], timeout=PATIENCE,
                capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            return done.stdout

        folder = self.cluster.namenode_folder
        care("backup", "--dir", folder, "--to", backup)
        self.assertIn("sound", care("check", "--dir", folder))
        self.cluster.namenode.kill()
        care("restore", "--from", backup, "--dir", other)
        self.assertEqual(care("export", "--dir", other).count("\n"), 20)
        self.cluster.namenode_folder = other
        self.cluster.start_namenode()
        self.cluster.wait_settled()
        with ControlClient(self.cluster.address) as client:
            self.assertEqual(values.get(client, "k7"), b"x" * 100)
            lease = client.create("new")
            self.assertGreaterEqual(client.add_block(lease).block, 1 << 32)


class OneNodeDead(unittest.TestCase):
    def test_two_good_copies_of_three_are_served(self):
        cluster = Cluster(3, stale_ms=2500, dead_ms=5000)
        del cluster.settings["min_nodes"]  # the default: a majority of the copies
        with cluster:
            with cluster.client() as client:
                values.put(client, "kept", b"abc")
            cluster.nodes[2].kill()
            cluster.namenode.kill()
            cluster.start_namenode()
            cluster.wait_settled()
            with cluster.client() as client:
                self.assertEqual(values.get(client, "kept"), b"abc")
                client.delete("kept")
            put = cluster.cli("put", __file__, "new", "--timeout", "2s")
            self.assertEqual(put.returncode, 69)
            self.assertIn(b"its chain wants 3; not heard from: node ", put.stderr)


class Awaited(unittest.TestCase):
    """Nodes that the namespace knows and that have not come since the namenode's start."""

    def fsck(self):
        done = self.cluster.cli("fsck", "--json")
        return done.returncode, json.loads(done.stdout.splitlines()[-1])["summary"]

    def reports(self, count):
        """FSCK, when so many nodes have yet to name what they hold."""
        def found():
            code, summary = self.fsck()
            return (code, summary) if summary["reports_incomplete"] == count else None
        return until(found, f"{count} nodes to be awaited")

    def test_their_blocks_are_missing_when_they_are_dead_and_not_before(self):
        self.cluster = Cluster(3, replicas=1, min_nodes=1, dead_ms=8000)
        with self.cluster:
            with self.cluster.client() as client:
                for number in range(12):
                    values.put(client, f"k{number}", b"x" * 1000)
            for node in self.cluster.nodes[1:]:
                node.kill()
            self.cluster.namenode.kill()
            self.cluster.start_namenode()

            code, summary = self.reports(2)
            self.assertEqual((code, summary["status"]), (75, "awaited"), summary)
            self.assertEqual((summary["missing"], summary["dead_datanodes"]), (0, 0))
            self.assertGreater(summary["awaited"], 0)
            text = self.cluster.cli("fsck", "--locations").stdout.decode()
            self.assertIn("2 datanodes: a block that they may hold is awaited", text)
            self.assertIn("unreported  ", text)
            status = self.cluster.cli_json("status")
            self.assertEqual((status["awaited"], status["dead"]), (2, 0), status)
            self.assertEqual((status["missing_blocks"], status["reports_incomplete"]), (0, 2))
            self.assertEqual(status["awaited_blocks"], summary["awaited"])
            self.assertIn(b"0 dead, 2 awaited; ", self.cluster.cli("status").stdout)
            report = self.cluster.cli_json("report")
            states = sorted(node["state"] for node in report["datanodes"])
            self.assertEqual(states, ["awaited", "awaited", "live"])

            code, late = self.reports(0)
            self.assertEqual((code, late["status"], late["dead_datanodes"]), (2, "missing", 2))
            self.assertEqual((late["missing"], late["awaited"]), (summary["awaited"], 0))
            self.assertEqual(self.cluster.cli_json("status")["dead"], 2)
            self.cluster.revive()
            self.assertEqual(self.fsck()[0], 0)


if __name__ == "__main__":
    unittest.main()
