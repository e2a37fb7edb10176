"""What every process counts, as `catena report --json` shows it after a put and a get."""

import unittest

from catena_peer.case import CommandCase
from catena_peer.cluster import STANDIN, until

MiB = 1 << 20
SIZE = 5 * MiB
BLOCK = 2 * MiB


@unittest.skipIf(STANDIN, "the stand-ins count nothing")
class Metrics(CommandCase):
    settings = {"datanodes": 3, "block_bytes": BLOCK}

    def counts(self, name):
        """Of all datanodes together."""
        report = self.cluster.cli_json("report")
        return sum(node["metrics"][f"catena_datanode_{name}"] for node in report["datanodes"])

    def test_a_put_and_a_get_are_counted_on_every_node(self):
        data = self.bytes(SIZE)
        before = self.cluster.cli_json("report")["metrics"]
        self.put(data)
        self.assertEqual(self.got(self.key()), data)
        # Three copies; the counts come with a heartbeat.
        until(lambda: self.counts("written_bytes_total") == 3 * SIZE, "the bytes written")
        until(lambda: self.counts("blocks_sealed_total") == 9, "three blocks on three nodes")
        until(lambda: self.counts("read_bytes_total") == SIZE, "the bytes read")
        received = self.counts("received_bytes_total")
        self.assertGreaterEqual(received, 3 * SIZE)
        self.assertLess(received, 3 * SIZE + MiB)
        # The head and the middle pass on, with headers.
        forwarded = self.counts("forwarded_bytes_total")
        self.assertGreaterEqual(forwarded, 2 * SIZE)
        self.assertLess(forwarded, 2 * SIZE + MiB)
        self.assertGreater(self.counts("frames_received_total"), 3 * 3)
        self.assertEqual(self.counts("refusals_total"), 0)

        after = self.cluster.cli_json("report")
        for node in after["datanodes"]:
            self.assertGreater(node["metrics"]["catena_reactor_turns_total"], 0)
        after = after["metrics"]

        def more(operation):
            name = "catena_namenode_requests_total"
            return after[name][operation] - before[name][operation]

        self.assertEqual([more(name) for name in ("create", "close", "open")], [1, 1, 1])
        self.assertGreaterEqual(more("addblock"), 1)
        self.assertGreaterEqual(more("heartbeat"), 3)
        self.assertEqual(after["catena_namenode_keys"], before["catena_namenode_keys"] + 1)
        self.assertEqual(after["catena_namenode_connections"]["datanode"], 3)
        self.assertEqual(after["catena_namenode_datanodes"]["live"], 3)
        commits = after["catena_namenode_commit_duration_seconds"]
        self.assertGreaterEqual(commits["count"], 3)
        self.assertEqual(commits["buckets"][-1]["count"], commits["count"])
        self.assertGreater(commits["sum"], 0)
        bounds = [bucket["le"] for bucket in commits["buckets"]]
        self.assertEqual(bounds, sorted(bounds))

    def test_a_refusal_is_counted_by_its_code(self):
        def refused():
            metrics = self.cluster.cli_json("report")["metrics"]
            return metrics["catena_namenode_refusals_total"]["not_found"]

        before = refused()
        done = self.cluster.cli("get", "nowhere", self.cluster.folder / "out")
        self.assert_cli(done, {66})
        self.assertGreater(refused(), before)

    def test_the_report_for_people_stays_a_table(self):
        done = self.cluster.cli("report")
        self.assert_cli(done, {0})
        self.assertNotIn(b"catena_", done.stdout)


if __name__ == "__main__":
    unittest.main()
