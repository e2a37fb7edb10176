"""Reading (PROTOCOL section 1.5) against live datanodes."""

import pathlib
import unittest

from catena_peer import frames, values
from catena_peer.case import ClusterCase, Refusal, Status
from catena_peer.credentials import READ, reforge
from catena_peer.crc32c import crc32c
from catena_peer.datanode import DataConnection, located, read_range

CHUNK = frames.CHUNK
LENGTH = 5 * CHUNK + 1234


class Reads(ClusterCase):
    settings = {"datanodes": 2, "replicas": 2, "min_nodes": 2}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.signing_key = cls.cluster.signing_key()

    def written(self):
        """(location, data) of a one-block value of this test's own."""
        data = self.bytes(LENGTH)
        values.put(self.client, self.key(), data)
        return located(self.client.open(self.key()).blocks[0]), data

    def assert_refused_range(self, status, target, offset, length):
        with self.assertRaises(Refusal) as caught:
            read_range(target, offset, length)
        self.assert_status(status, caught.exception)

    def test_ranges_of_every_shape(self):
        target, data = self.written()
        edges = [0, 1, 4095, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, LENGTH - 1]
        ranges = [(at, size) for at in edges for size in (1, 2, 4096, CHUNK, LENGTH)]
        ranges += [(self.random.randrange(LENGTH), self.random.randrange(1, LENGTH))
                   for _ in range(20)]
        for offset, size in ranges:
            size = min(size, LENGTH - offset)
            with self.subTest(offset=offset, length=size):
                replica = self.random.randrange(2)
                self.assertEqual(
                    read_range(target, offset, size, replica), data[offset : offset + size])

    def test_a_range_of_a_block_that_nobody_has_any_more_is_a_failure_with_a_sentence(self):
        target, _ = self.written()
        for node in self.cluster.nodes:
            for folder in node.folders:
                for file in pathlib.Path(folder).rglob(f"{target.block:016x}.blk"):
                    file.unlink()
        out = self.cluster.folder / "out"
        done = self.cluster.cli("get", "--offset", "1000", "--length", "100", self.key(), out)
        self.assert_cli(done, {65})
        self.assertIn("is corrupt on all", done.stderr.decode())
        done = self.cluster.cli("get", self.key(), out)
        self.assert_cli(done, {65, 69})
        self.assertIn(f"block {target.block:016x} of", done.stderr.decode())

    def test_the_answer_covers_whole_chunks_and_says_which_frame_is_last(self):
        target, data = self.written()
        payload = target.credentials
        for offset, length, first, end in (
                (CHUNK + 5, 10, CHUNK, 2 * CHUNK), (CHUNK - 1, 2, 0, 2 * CHUNK),
                (LENGTH - 1, 1, 5 * CHUNK, LENGTH), (0, LENGTH, 0, LENGTH)):
            with self.subTest(offset=offset, length=length), DataConnection(target.head) as opened:
                opened.send(frames.Header(
                    frames.READ, stream=77, block=target.block, epoch=target.epoch,
                    offset=offset, length=length, payload_length=len(payload),
                    checksum=crc32c(payload)), payload)
                at, last = first, False
                while not last:
                    header, part = opened.receive()
                    self.assertEqual((header.offset, header.stream), (at, 77))
                    self.assertEqual(part, data[at : header.end])
                    at, last = header.end, bool(header.flags & frames.LAST)
                self.assertEqual(at, end)

    def test_one_connection_carries_one_read_after_another(self):
        target, data = self.written()
        with DataConnection(target.head) as opened:
            for offset in (0, 70_000, 5):
                self.assertEqual(
                    read_range(target, offset, 100, connection=opened), data[offset : offset + 100])

    def test_ranges_outside_the_block_are_refused(self):
        target, _ = self.written()
        for offset, length in ((0, 0), (LENGTH, 1), (0, LENGTH + 1), (LENGTH - 1, 2), (1 << 30, 1)):
            with self.subTest(offset=offset, length=length):
                self.assert_refused_range(Status.badRange, target, offset, length)

    def test_an_open_block_is_not_read(self):
        stream = self.stream().data(0, self.bytes(CHUNK))
        stream.wait_ack(CHUNK)
        token = reforge(stream.target.token, self.signing_key, modes=READ, lease=bytes(16))
        self.assert_refused_range(Status.notSealed, stream.target.changed(token=token), 0, 1)

    def test_a_block_this_node_never_had_is_not_found(self):
        target, _ = self.written()
        token = reforge(target.token, self.signing_key, block=1 << 40)
        self.assert_refused_range(
            Status.notFound, target.changed(token=token, block=1 << 40), 0, 1)

    def test_a_refused_read_leaves_the_block_readable(self):
        target, data = self.written()
        self.assert_refused_range(Status.badRange, target, LENGTH, 1)
        self.assertEqual(read_range(target, 0, LENGTH), data)


class DamagedReplica(ClusterCase):
    settings = {"datanodes": 3, "replicas": 3, "min_nodes": 2}

    def damage(self, needle):
        """Flips one bit of `needle` in the files of one datanode; the count of files changed."""
        changed = 0
        for folder in self.cluster.nodes[0].folders:
            for path in folder.rglob("*"):
                if not path.is_file():
                    continue
                with open(path, "r+b") as file:
                    at = file.read().find(needle)
                    if at < 0:
                        continue
                    file.seek(at)
                    file.write(bytes([needle[0] ^ 1]))
                    changed += 1
        return changed

    def test_a_damaged_chunk_is_never_returned(self):
        data = self.bytes(LENGTH)
        values.put(self.client, self.key(), data)
        self.cluster.nodes[0].daemon.stop()
        self.assertEqual(self.damage(data[CHUNK + 1000 : CHUNK + 1064]), 1)
        self.cluster.nodes[0].start()
        self.cluster.wait_settled()
        out = self.cluster.folder / "out"
        done = self.cluster.cli("get", self.key(), out)
        self.assert_cli(done, {0})
        self.assertEqual(out.read_bytes(), data)
        bad = self.client.open(self.key()).blocks[0]
        good = 0
        for replica in range(len(bad.replicas)):  # the namenode may have left the bad one out
            try:
                part = read_range(located(bad), CHUNK + 990, 20, replica)
            except Refusal as refused:
                self.assert_status(Status.corrupt, refused)
            except AssertionError as mismatch:
                self.assertIn("does not match its CRC", str(mismatch))
            else:
                self.assertEqual(part, data[CHUNK + 990 : CHUNK + 1010])
                good += 1
        self.assertEqual(good, 2, "the other two replicas are good")


if __name__ == "__main__":
    unittest.main()
