"""Datanodes that die and come back; a ledger outside the cluster says what must still be there."""

import itertools
import os
import signal
import unittest

from catena_peer import values
from catena_peer.case import ClusterCase, Durability, Level, Refusal, Status
from catena_peer.cluster import until
from catena_peer.control import Refused
from catena_peer.crc32c import crc32c
from catena_peer.credentials import READ, reforge
from catena_peer.datanode import DataConnection, located, read_range
from catena_peer.ledger import Ledger
from catena_peer.mounts import SmallMount

SIZES = [1, 4095, 4096, 65_537, 300_000, (1 << 20) + 1]


class Restarts(ClusterCase):
    settings = {"datanodes": 3, "replicas": 3, "min_nodes": 2, "dirs": 2}

    def setUp(self):
        super().setUp()
        self.cluster.revive()
        self.ledger = Ledger(self.cluster.folder / f"{self._testMethodName}.ledger")
        self.addCleanup(self.ledger.close)

    def put_all(self):
        for size in SIZES:
            key, data = self.key(f"/{size}"), self.bytes(size)
            values.put(self.client, key, data)
            self.ledger.acked(key, 0, data)

    def read_by_command(self, key):
        out = self.cluster.folder / "out"
        out.unlink(missing_ok=True)
        done = self.cluster.cli("get", key, out)
        self.assert_cli(done, {0})
        return out.read_bytes()

    def assert_ledger(self, read=None):
        count, wrong = self.ledger.verify(read or self.read_by_command)
        self.assertGreater(count, 0)
        self.assertEqual(wrong, [])

    def assert_replicas(self, node_id):
        """Every block of the ledger's keys is read from this one datanode."""
        for entry in self.ledger.entries():
            for location in self.client.open(entry["key"]).blocks:
                target = located(location)
                replica = [node.node for node in target.chain].index(node_id)
                data = read_range(target, 0, location.length, replica)
                self.assertEqual(crc32c(data), location.crc, entry)

    def back(self, node):
        node.start()
        self.cluster.wait_settled()

    def node_ids(self):
        """node -> its id, by the ports they listen on."""
        reports = {entry.node.port: entry.node.node_id for entry in self.client.report().nodes}
        return [(node, reports[node.address[1]]) for node in self.cluster.nodes]

    def test_sealed_blocks_survive_a_restart_of_every_datanode(self):
        self.put_all()
        for number, (node, node_id) in enumerate(self.node_ids()):
            node.kill(signal.SIGTERM if number == 0 else signal.SIGKILL)
            self.back(node)
            self.assert_replicas(node_id)
        self.assertEqual(len(self.node_ids()), 3, "every node kept its id")
        self.assert_ledger()

    def test_every_key_is_read_while_one_datanode_is_dead(self):
        self.put_all()
        for node, _ in self.node_ids():
            node.kill()
            self.assert_ledger()
            self.assert_ledger(lambda key: values.get(self.client, key))
            self.back(node)

    def test_a_frozen_datanode_does_not_keep_a_reader_from_the_next_replica(self):
        data = self.bytes(200_000)
        values.put(self.client, self.key(), data)
        first = self.client.open(self.key()).blocks[0].replicas[0]
        node = self.cluster.node_at(first.port)
        node.daemon.send_signal(signal.SIGSTOP)
        try:
            self.assertEqual(self.read_by_command(self.key()), data)
        finally:
            node.daemon.send_signal(signal.SIGCONT)
        self.cluster.wait_settled()

    def test_a_block_that_was_open_at_the_kill_may_be_lost_not_unknown(self):
        key = self.cluster.signing_key()
        data = self.bytes(100_000)
        stream = self.stream().data(0, data)
        stream.wait_ack(len(data))
        target = stream.target
        node = self.cluster.node_at(target.head[1])
        node.kill()
        self.back(node)
        token = reforge(target.token, key, modes=READ, lease=bytes(16))
        with DataConnection(node.address) as connection:
            with self.assertRaises(Refusal) as caught:
                read_range(target.changed(token=token), 0, 1, connection=connection)
        self.assert_status(Status.mayBeLost, caught.exception)

    def test_a_seal_from_before_a_restart_is_not_acked_again(self):
        """What a power cut left of it nobody has looked at; readers compare."""
        data = self.bytes(100_000)
        stream = self.stream().data(0, data).seal(data, Level.written)
        stream.wait_sealed()
        target = stream.target
        again = self.stream(target).data(0, data).seal(data, Level.durable)
        again.wait_sealed()
        node = self.cluster.node_at(target.head[1])
        node.kill()
        # The chain of the token names the port.
        node.start(target.head[1])
        self.cluster.wait_settled()
        answers = []

        def is_heard():
            late = self.stream(target).data(0, data).seal(data, Level.durable)
            try:
                late.wait_sealed()
                answers.append(Status.ok)
            except Refusal as refused:
                answers.append(refused.status)
            return answers[-1] != Status.fenced

        until(is_heard, "the node has its namenode again")
        self.assertEqual(answers[-1], Status.mayBeLost)

    def test_what_was_acked_before_a_kill_in_the_middle_is_there_after(self):
        self.put_all()
        lease = self.lease(key=self.key("/victim"))
        stream = self.stream(self.target(lease))
        data = self.bytes(200_000)
        stream.data(0, data[:100_000]).wait_ack(100_000)
        node = self.cluster.node_at(stream.target.chain[-1].port)
        node.kill()
        refused = stream.refusal()
        self.assertIn(refused.status, (Status.nextHopFailed, Status.nextHopUnreachable))
        self.client.abandon(lease)
        self.assert_ledger()
        self.back(node)
        key, fresh = self.key("/after"), self.bytes(100_000)
        values.put(self.client, key, fresh)
        self.ledger.acked(key, 0, fresh)
        self.assert_ledger()

    def test_an_overwrite_under_way_at_a_kill_leaves_the_old_value(self):
        old = self.bytes(50_000)
        values.put(self.client, self.key(), old)
        self.ledger.acked(self.key(), 0, old)
        lease = self.lease(overwrite=True)
        receipts = values.put_blocks(self.client, lease, self.bytes(60_000))
        node = self.cluster.nodes[1]
        node.kill()
        self.assert_ledger()
        self.back(node)
        self.client.close_key(lease, receipts, Durability.WRITTEN)
        self.assertEqual(len(values.get(self.client, self.key())), 60_000)


class Deleted(ClusterCase):
    """A token that is good for longer than its block."""

    settings = {"datanodes": 1, "replicas": 1, "min_nodes": 1, "delete_grace_ms": 0}

    def test_a_good_token_does_not_bring_a_deleted_block_back(self):
        data = self.bytes(100_000)
        lease = self.lease()
        target = self.target(lease)
        stream = self.stream(target)
        stream.data(0, data).seal(data)
        self.client.close_key(lease, [stream.receipt()], Durability.WRITTEN)
        blocks = self.cluster.nodes[0].folders[0] / "blocks"
        name = f"{target.block:016x}.blk"
        self.assertTrue((blocks / name).exists())
        self.client.delete(self.key())
        until(lambda: not (blocks / name).exists(), "the block's file to go")
        self.assert_status(Status.notFound, self.stream(target).data(0, data).refusal())
        self.assertFalse((blocks / name).exists())

    def test_a_damaged_copy_goes_with_its_key_and_not_with_its_tokens(self):
        node = self.cluster.nodes[0]
        blocks = node.folders[0] / "blocks"
        files = []
        for number in range(2):
            values.put(self.client, self.key(f"/{number}"), self.bytes(100_000))
            block = self.client.info(self.key(f"/{number}")).blocks[0].block
            files.append(blocks / f"{block:016x}.blk")
        node.kill()
        with open(files[0], "r+b") as file:
            file.write(bytes(8192))  # both copies of its header
        os.truncate(files[1], 0)
        node.start()
        self.cluster.wait_settled()
        for number in range(2):
            self.assertTrue(files[number].exists(), "it is left alone while it has a key")
            self.client.delete(self.key(f"/{number}"))
        for file in files:
            until(lambda: not file.exists(), "the damaged copy to go")


class Remains(ClusterCase):
    """What is deleted where its node no longer has it."""

    settings = {"datanodes": 3, "replicas": 3, "token_ms": 1000, "key_rotation_ms": 1000,
                "delete_grace_ms": 0}

    def test_a_copy_that_its_node_lost_goes_with_its_block(self):
        lease = self.lease()
        stream = self.stream(self.target(lease)).data(0, self.bytes(100_000))
        stream.wait_ack(100_000)
        node = self.cluster.node_at(stream.target.head[1])
        node.kill()
        node.start()
        self.cluster.wait_settled()
        name = f"{stream.target.block:016x}.blk"
        files = [path for folder in node.folders for path in folder.rglob(name)]
        self.assertEqual(len(files), 1, "it may be lost, and lies there")
        self.client.abandon(lease)
        until(lambda: not files[0].exists(), "the file to go when the block's tokens are over")
        self.assertEqual(self.cluster.cli_json("admin", "strays")["total"], 0)


BLOCK = 8 << 20


class FillingUp(ClusterCase):
    """A device that fills up while the datanode runs."""

    settings = {"datanodes": 1, "replicas": 1, "min_nodes": 1, "block_bytes": BLOCK}

    def mounted(self, mebibytes):
        """The node's only directory is a file system of this size from now on."""
        mount = SmallMount(self.cluster.folder / self._testMethodName, mebibytes)
        self.addCleanup(mount.unmount)
        node = self.cluster.nodes[0]
        node.daemon.stop()
        node.folders = [mount.folder]
        self.addCleanup(node.daemon.stop)
        node.start()
        self.cluster.wait_settled()
        return mount

    def put(self, suffix, size):
        """What refused it, or None."""
        lease = self.client.create(self.key(suffix), False)
        try:
            receipts = values.put_blocks(self.client, lease, self.bytes(size), BLOCK)
            self.client.close_key(lease, receipts, Durability.WRITTEN)
            return None
        except (Refusal, Refused) as fault:
            self.client.abandon(lease)
            return fault

    def assert_no_room(self, fault):
        if isinstance(fault, Refusal):
            self.assert_status(Status.noSpace, fault)
        else:
            self.assertEqual(fault.code.name, "NO_SPACE")

    def test_what_deleted_keys_held_is_room_for_any_block(self):
        mount = self.mounted(128)
        ballast = mount.folder / "ballast"
        ballast.write_bytes(bytes(2 << 20))
        keys = []
        while (fault := self.put(f"/{len(keys)}", 2 << 20)) is None:
            keys.append(self.key(f"/{len(keys)}"))
        self.assert_no_room(fault)
        ballast.unlink()
        # Their files are kept for blocks of their length, and no block has it any more.
        for key in keys[:4]:
            self.client.delete(key)
        until(lambda: self.put("/large", BLOCK) is None, "room for a large block")

    def test_no_inodes_are_no_room_and_that_is_said(self):
        mount = self.mounted(24)
        node = self.cluster.nodes[0]
        self.assertIsNone(self.put("/before", 100_000))
        numbers = itertools.count()
        files = []
        try:
            while True:
                files.append(mount.folder / f"file.{next(numbers)}")
                files[-1].touch()
        except OSError:
            files.pop()
        until(lambda: "no inodes" in node.daemon.tail(), "the log to say what is missing")
        self.assert_no_room(self.put("/full", 100_000))
        values.get(self.client, self.key("/before"))
        for file in files[:100]:
            file.unlink()
        until(lambda: self.put("/after", 100_000) is None, "the node takes blocks again")

    def test_a_full_device_refuses_new_blocks_and_keeps_the_old(self):
        self.mounted(48)
        ledger = Ledger(self.cluster.folder / "full.ledger")
        self.addCleanup(ledger.close)
        refused = None
        for number in range(64):
            key, data = self.key(f"/{number}"), self.bytes(2 << 20)
            try:
                values.put(self.client, key, data, block_bytes=4 << 20)
            except (Refusal, Refused) as fault:
                refused = fault
                break
            ledger.acked(key, 0, data)
        self.assertIsNotNone(refused, "128 MiB do not fit into 48")
        self.assert_no_room(refused)
        count, wrong = ledger.verify(lambda key: values.get(self.client, key))
        self.assertGreaterEqual(count, 3)
        self.assertEqual(wrong, [])


if __name__ == "__main__":
    unittest.main()
