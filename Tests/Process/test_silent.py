"""A datanode that is silent, though its connections stand, costs a command little and the next one
nothing."""

import json
import signal
import time
import unittest

from catena_peer import cluster, values
from catena_peer.case import ClusterCase
from catena_peer.cluster import until


@unittest.skipIf(cluster.STANDIN, "SKIPPED: the stand-ins are asked in turn")
class Silent(ClusterCase):
    # The namenode itself notices nothing.
    settings = {"datanodes": 4, "replicas": 3, "min_nodes": 1, "stale_ms": 500_000,
                "dead_ms": 600_000, "node_settings": {"progress_timeout_ms": 1_000}}

    def silence(self, port):
        node = self.cluster.node_at(port)
        node.daemon.send_signal(signal.SIGSTOP)
        self.addCleanup(self.wake, node)

    def wake(self, node):
        """Trusted again, for the next test."""
        node.daemon.kill()
        node.start()
        self.cluster.wait_settled()

    def suspected(self):
        return [entry.node.port for entry in self.client.report().nodes if entry.suspected]

    def test_a_reader_asks_the_next_replica_meanwhile_and_later_ones_ask_it_first(self):
        data = self.bytes(3 << 20)
        values.put(self.client, self.key(), data)
        # Until each node's heartbeat has said that the put is over: who seems busy is asked last, and
        # one that is stopped would seem so for good.
        time.sleep(10 * self.cluster.settings["heartbeat_ms"] / 1000)
        first = self.client.open(self.key()).blocks[0].replicas[0].port
        self.silence(first)
        # The order of equals is drawn anew for each OPEN.
        for _ in range(20):
            out = self.cluster.folder / "out"
            out.unlink(missing_ok=True)
            done = self.cluster.cli("get", self.key(), out, "--timeout", "60s", "--json")
            self.assert_cli(done, {0})
            self.assertEqual(out.read_bytes(), data)
            if self.suspected():
                break
        self.assertEqual(self.suspected(), [first])
        # One more than there are blocks: the rival of the one that said nothing.
        tried = json.loads(done.stdout)["replicas_tried"]
        self.assertGreater(tried, len(self.client.info(self.key()).blocks))
        for _ in range(20):
            for block in self.client.open(self.key()).blocks:
                ports = [replica.port for replica in block.replicas]
                self.assertNotIn(first, ports[:-1])

    def test_a_writer_goes_elsewhere_and_later_ones_begin_there(self):
        lease = self.lease()
        head = self.client.add_block(lease).chain[0].port
        self.silence(head)
        source = self.cluster.folder / "source"
        data = self.bytes(2 << 20)
        source.write_bytes(data)
        for number in range(20):
            key = self.key(f"/{number}")
            self.assert_cli(self.cluster.cli("put", source, key, "--timeout", "60s"), {0})
            if self.suspected():
                break
        self.assertEqual(self.suspected(), [head])
        for _ in range(20):
            ports = [node.port for node in self.client.add_block(lease).chain]
            self.assertNotIn(head, ports)

    def test_a_node_that_comes_back_is_trusted_again(self):
        port = self.cluster.nodes[0].address[1]
        entry = next(e for e in self.client.report().nodes if e.node.port == port)
        self.client.call("report_bad", {"node_id": entry.node.node_id, "reason": 1})
        self.assertEqual(self.suspected(), [port])
        self.wake(self.cluster.nodes[0])
        until(lambda: not self.suspected(), "the node to be trusted")


if __name__ == "__main__":
    unittest.main()
