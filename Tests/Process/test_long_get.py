"""A get that takes long: its nodes restart on other addresses, its value is replaced meanwhile."""

import subprocess
import time
import unittest

from catena_peer import cluster, values
from catena_peer.case import ClusterCase
from catena_peer.cluster import PATIENCE, command_environment, program, until


@unittest.skipIf(cluster.STANDIN, "SKIPPED: the stand-ins hold whole values in memory")
class LongGet(ClusterCase):
    settings = {"datanodes": 3, "replicas": 3, "min_nodes": 1, "delete_grace_ms": 0}

    def begin(self, key):
        """Starts to read a value into a pipe, and takes its first bytes."""
        command = subprocess.Popen(
            [*program("catena"), "cat", key], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, bufsize=0, env=command_environment(self.cluster.address))
        self.addCleanup(lambda: (command.kill(), command.communicate()))
        return command, command.stdout.read(100_000)

    def finish(self, command):
        rest, error = command.communicate(timeout=PATIENCE)
        self.assertEqual(command.returncode, 0, error.decode())
        return rest

    def blocks(self):
        return sum(entry.blocks for entry in self.client.report().nodes)

    def test_all_nodes_restart_one_after_another_on_other_addresses(self):
        data = self.bytes(12 << 20)
        values.put(self.client, self.key(), data)
        command, first = self.begin(self.key())
        for node in self.cluster.nodes:
            before = node.address
            node.kill()
            node.start()
            self.cluster.wait_settled()
            self.assertNotEqual(node.address, before)
        self.assertEqual(first + self.finish(command), data)

    def test_the_value_is_replaced_and_its_blocks_stay_for_who_reads_them(self):
        data = self.bytes(12 << 20)
        values.put(self.client, self.key(), data)
        command, first = self.begin(self.key())
        until(lambda: self.blocks() >= 36, "all copies to be reported")
        values.put(self.client, self.key(), b"the next value", overwrite=True)
        time.sleep(1)  # ten heartbeats
        self.assertEqual(first + self.finish(command), data)
        self.assertEqual(values.get(self.client, self.key()), b"the next value")


@unittest.skipIf(cluster.STANDIN, "SKIPPED: the stand-ins hold whole values in memory")
class ShortTokens(ClusterCase):
    settings = {"datanodes": 1, "replicas": 1, "min_nodes": 1, "delete_grace_ms": 0,
                "token_ms": 500, "key_rotation_ms": 1_000}

    def test_what_was_opened_is_deleted_when_its_token_has_ended(self):
        values.put(self.client, self.key(), self.bytes(100))
        until(lambda: self.client.report().nodes[0].blocks == 1, "the block to be reported")
        self.client.open(self.key())
        self.client.delete(self.key())
        until(lambda: self.client.status().blocks == 0, "the block to go")


if __name__ == "__main__":
    unittest.main()
