"""Nobody is believed without proof: processes at dead datanodes' addresses and at a dead namenode's,
nodes at each other's addresses, blocks that are another one than was closed, keys on the wire."""

import json
import pathlib
import struct
import tempfile
import unittest

from catena_peer import frames
from catena_peer.case import ClusterCase, Durability, Level, Refusal, Status
from catena_peer.cluster import until
from catena_peer.control import Registration, chain_of
from catena_peer.credentials import decode_token
from catena_peer.crc32c import crc32c
from catena_peer.datanode import WriteStream, located, planned, read_range, write_block
from catena_peer.impostor import Impostor, ImpostorNamenode
from catena_peer.proxy import Tap

CHUNK = frames.CHUNK
# A killed datanode stays in chains for as long as these tests take.
PATIENT = {"stale_ms": 60_000, "dead_ms": 120_000}


class Impostors(ClusterCase):
    settings = {"datanodes": 4, "replicas": 3, "min_nodes": 3, **PATIENT}

    def impostor(self):
        """Kills the last datanode; somebody else listens where it did, until the test ends. Who says
        to be beside it is sent there first."""
        node = self.cluster.nodes[-1]
        address = node.address
        self.beside = next(
            entry.node.location for entry in self.client.report().nodes
            if entry.node.port == address[1])
        self.addCleanup(self.cluster.revive)
        node.kill()
        impostor = Impostor(address)
        self.addCleanup(impostor.close)
        return address[1], impostor

    def planned_with(self, port, place):
        """A block whose chain has the impostor at this place."""
        for turn in range(200):
            target = self.target(self.lease(key=self.key(f"/{turn}")))
            if target.chain[place].port == port:
                return target
        raise AssertionError("no chain of 200 has the node at this place")

    def assert_whole(self, key, data):
        """Every node of every chain holds what was put."""
        for block in self.client.open(key).blocks:
            target = located(block)
            part = data[block.offset : block.offset + block.length]
            self.assertEqual(len(target.chain), 3)
            for place in range(3):
                self.assertEqual(read_range(target, 0, block.length, place), part)

    def test_no_successor_is_believed(self):
        port, impostor = self.impostor()
        data = self.bytes(3 * CHUNK + 5)
        for place in (1, 2):
            target = self.planned_with(port, place)
            with WriteStream(target) as stream:
                stream.begin(more=True).data(0, data, more=True).seal(data, Level.durable)
                refused = stream.refusal()
            self.assert_status(Status.unproven, refused)
            self.assertEqual(refused.node, target.chain[place].node, "the hop is blamed")
            self.assertIn(str(port), refused.text)
            self.assertEqual(stream.acks, [])
            self.assertGreater(impostor.times(frames.WRITE, place), 0)

    def test_puts_go_around_an_impostor(self):
        port, impostor = self.impostor()
        values = {}
        for turn in range(40):
            if len(values) >= 6 and impostor.times(frames.WRITE, 0) and any(
                    impostor.times(frames.WRITE, place) for place in (1, 2)):
                break
            key, data = self.key(f"/{turn}"), self.bytes(100_000 + turn)
            place = ["--location", self.beside] if turn % 2 else []
            done = self.cluster.cli("put", "-", key, *place, stdin=data)
            self.assert_cli(done, [0])
            values[key] = data
        self.assertGreater(impostor.times(frames.WRITE, 0), 0, "as head")
        self.assertGreater(
            impostor.times(frames.WRITE, 1) + impostor.times(frames.WRITE, 2), 0, "as successor")
        for key, data in values.items():
            chains = [chain_of(block.replicas) for block in self.client.info(key).blocks]
            self.assertTrue(chains)
            for chain in chains:
                self.assertNotIn(port, [node.port for node in chain])
            self.assert_whole(key, data)

    def test_no_reader_gets_forged_bytes(self):
        key, data = self.key(), self.bytes(5 * CHUNK + 7)
        for turn in range(100):
            self.assert_cli(self.cluster.cli("put", "--overwrite", "-", key, stdin=data), [0])
            ports = [node.port for node in self.client.info(key).blocks[0].replicas]
            if self.cluster.nodes[-1].address[1] in ports:
                break
        _, impostor = self.impostor()
        for turn in range(60):
            if impostor.times(frames.READ) >= 6:
                break
            start = turn * 5000 % (4 * CHUNK)
            done = self.cluster.cli(
                "cat", key, "--offset", start, "--length", CHUNK, "--location", self.beside)
            self.assert_cli(done, [0])
            self.assertEqual(done.stdout, data[start : start + CHUNK])
        self.assertGreaterEqual(impostor.times(frames.READ), 6, "it is asked")
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "whole"
            self.assert_cli(
                self.cluster.cli("get", key, path, "--location", self.beside), [0])
            self.assertEqual(path.read_bytes(), data)


class SwappedAddresses(ClusterCase):
    """Two datanodes come back at each other's ports."""

    settings = {"datanodes": 3, "replicas": 3, "min_nodes": 3, **PATIENT}

    def swap(self, first, second):
        """Gives the nodes at two ports each other's ports."""
        nodes = [self.cluster.node_at(port) for port in (first, second)]
        for node in nodes:
            node.kill()
        for node, port in zip(nodes, (second, first)):
            node.start(port)
        self.cluster.wait_settled()

    @staticmethod
    def unfenced(call):
        """How `call` is refused, once that is not for a node that has yet to get its keys."""
        try:
            call()
        except Refusal as refused:
            return refused if refused.status != Status.fenced else None
        raise AssertionError("it must be refused")

    def write_refused(self, target):
        def write():
            with WriteStream(target) as stream:
                stream.begin().next_ack()

        return until(lambda: self.unfenced(write), "the nodes' keys")

    def test_a_node_answers_for_its_own_place_alone(self):
        data = self.bytes(70_000)
        for places in ((0, 1), (1, 2), (0, 2)):
            with self.subTest(swapped=places):
                target = self.target(self.lease(key=self.key(str(places))))
                self.swap(*(target.chain[place].port for place in places))
                refused = self.write_refused(target)
                blamed = next(place for place in range(3) if place in places)
                if blamed == 0:
                    self.assert_status(Status.tokenWrongNode, refused)
                else:
                    self.assert_status(Status.unproven, refused)
                    self.assertEqual(refused.node, target.chain[blamed].node)
                key = self.key(f"{places}/after")
                self.assert_cli(self.cluster.cli("put", "-", key, stdin=data), [0])
                block = located(self.client.open(key).blocks[0])
                for place in range(3):
                    self.assertEqual(read_range(block, 0, len(data), place), data)

    def test_a_reader_goes_on(self):
        key, data = self.key(), self.bytes(70_000)
        self.assert_cli(self.cluster.cli("put", "-", key, stdin=data), [0])
        target = located(self.client.open(key).blocks[0])
        self.swap(target.chain[0].port, target.chain[1].port)
        refused = until(
            lambda: self.unfenced(lambda: read_range(target, 0, len(data), 0)), "the node's keys")
        self.assert_status(Status.tokenWrongNode, refused)
        self.assertEqual(read_range(target, 0, len(data), 2), data)
        done = self.cluster.cli("cat", key)
        self.assert_cli(done, [0])
        self.assertEqual(done.stdout, data)


class AnotherBlock(ClusterCase):
    """A copy whose chunks match their checksums and that is another block than was closed."""

    settings = {"datanodes": 3, "replicas": 3, "min_nodes": 3}

    def damaged(self, target, place, chunk, length):
        """Changes a byte of one copy, and the checksum of its chunk with it."""
        node = self.cluster.node_at(target.chain[place].port)
        path = next(
            path for folder in node.folders
            if (path := folder / "blocks" / f"{target.block:016x}.blk").exists())
        with open(path, "r+b") as file:
            start = 8192 + chunk * CHUNK
            file.seek(start)
            part = bytearray(file.read(min(CHUNK, length - chunk * CHUNK)))
            part[len(part) // 2] ^= 0x20
            file.seek(start)
            file.write(part)
            for copy in (0, 4096):
                file.seek(copy)
                page = bytearray(file.read(4096))
                if page[:8] != b"CTNABLK1":
                    continue
                struct.pack_into("<I", page, 256 + 4 * chunk, crc32c(bytes(part)))
                struct.pack_into("<I", page, 3840, crc32c(bytes(page[:3840])))
                file.seek(copy)
                file.write(page)

    def stored(self, data, suffix):
        key = self.key(suffix)
        lease = self.lease(key=key)
        target = planned(self.client.add_block(lease))
        receipt = write_block(target, data, level=Level.durable)
        self.client.close_key(lease, [receipt], Durability.DURABLE)
        return key, located(self.client.open(key).blocks[0])

    def get(self, key):
        """(bytes, replicas tried) of a get into a file, which must succeed."""
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "value"
            done = self.cluster.cli("get", key, path, "--json")
            self.assert_cli(done, [0])
            return path.read_bytes(), json.loads(done.stdout)["replicas_tried"]

    def test_the_next_replica_is_taken(self):
        data = self.bytes(9 * CHUNK + 11)
        # In the first chunk, which is in the file by the time it shows; and in the last.
        for chunk in (0, 9):
            with self.subTest(chunk=chunk):
                key, target = self.stored(data, f"/{chunk}")
                self.damaged(target, 0, chunk, len(data))
                start, end = chunk * CHUNK, min(len(data), (chunk + 1) * CHUNK)
                self.assertNotEqual(read_range(target, start, end - start, 0), data[start:end])
                for _ in range(200):
                    got, tried = self.get(key)
                    self.assertEqual(got, data)
                    if tried > 1:
                        break
                self.assertGreater(tried, 1, "the bad copy was met")

    def test_a_pipe_gets_no_last_chunk_of_another_block(self):
        data = self.bytes(12 * CHUNK + 1)
        for chunk, ends in ((12, {0}), (0, {0, 65})):
            with self.subTest(chunk=chunk):
                key, target = self.stored(data, f"/{chunk}")
                self.damaged(target, 0, chunk, len(data))
                codes = set()
                for _ in range(60):
                    done = self.cluster.cli("cat", key)
                    codes.add(done.returncode)
                    if done.returncode == 0:
                        self.assertEqual(done.stdout, data)
                        continue
                    # What has gone into a pipe cannot be taken back, and is not called right.
                    self.assert_cli(done, [65], "the output is wrong")
                    self.assertLessEqual(len(done.stdout), 12 * CHUNK)
                    break
                self.assertEqual(codes - {0}, ends - {0})


class AnotherNamenode(ClusterCase):
    """Somebody without the secret listens where the namenode did."""

    settings = {"datanodes": 3, "replicas": 3, "min_nodes": 3, "heartbeat_ms": 20,
                "stale_ms": 3_000, "dead_ms": 10_000}

    def deletion(self, location):
        """The command that would delete a block, with all a namenode says of it."""
        token, _ = decode_token(location.token)
        return {"kind": 2, "block": location.block, "epoch": location.epoch,
                "incarnation": token.incarnation, "sealed": True, "length": location.length,
                "crc": location.crc}

    def test_its_word_deletes_nothing_and_ends_no_datanode(self):
        key, data = self.key(), self.bytes(200_000)
        self.assert_cli(self.cluster.cli("put", "-", key, stdin=data), [0])
        located_at = self.client.open(key).blocks
        self.cluster.namenode.kill()
        impostor = ImpostorNamenode(
            self.cluster.address, self.client.cluster_id, map(self.deletion, located_at))
        try:
            # Each refusal, and between them an answer with the deletions, to each node.
            most = 2 * len(impostor.REFUSALS)
            until(lambda: len(impostor.answers) == 3 and min(impostor.answers.values()) > most,
                  lambda: f"answers to all: {impostor.answers}\n{self.cluster.tails()}")
        finally:
            impostor.close()
        self.assertEqual(impostor.registered, 0, "no refusal without proof ends a session")
        for node in self.cluster.nodes:
            self.assertTrue(node.daemon.running())
            for location in located_at:
                name = f"{location.block:016x}.blk"
                self.assertTrue(any((path / "blocks" / name).exists() for path in node.folders))
        self.cluster.start_namenode()
        self.cluster.wait_settled()
        for location in self.client_again().open(key).blocks:
            target = located(location)
            part = data[location.offset : location.offset + location.length]
            self.assertEqual(len(target.chain), 3)
            for place in range(3):
                self.assertEqual(read_range(target, 0, location.length, place), part)

    def client_again(self):
        self.client.close()
        self.client.connect()
        return self.client


class KeysOnTheWire(ClusterCase):
    settings = {"datanodes": 1, "replicas": 1, "min_nodes": 1, "heartbeat_ms": 100}

    def test_no_heartbeat_shows_a_key(self):
        tap = Tap(self.cluster.address)
        self.addCleanup(tap.close)
        node = self.cluster.nodes[0]
        node.kill()
        address, self.cluster.address = self.cluster.address, tap.address
        try:
            node.start()
        finally:
            self.cluster.address = address
        self.cluster.wait_settled()
        beats = len(tap.heard[1])
        until(lambda: len(tap.heard[1]) > beats + 2000, "some heartbeats' answers")
        # The node has the keys.
        write_block(self.target(), self.bytes(5000))
        with_key = Registration(self.cluster.address, self.cluster.secret)
        self.addCleanup(with_key.close)
        self.assertGreaterEqual(len(with_key.keys), 2)
        answers = bytes(tap.heard[1])
        for key in with_key.keys:
            self.assertNotIn(key.secret, answers)


if __name__ == "__main__":
    unittest.main()
