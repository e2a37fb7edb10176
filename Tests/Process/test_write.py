"""Writing: HWM, window, duplicates, conflicts, seals (PROTOCOL 1.4) against live datanodes."""

import unittest

from catena_peer import frames
from catena_peer.case import ClusterCase, Level, Status
from catena_peer.datanode import WriteStream, read_range
from catena_peer.credentials import READ, reforge

CHUNK = frames.CHUNK


class Writes(ClusterCase):
    settings = {"datanodes": 3, "block_bytes": 32 << 20}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.signing_key = cls.cluster.signing_key()

    def read_token(self, target):
        return target.changed(
            token=reforge(target.token, self.signing_key, modes=READ, lease=bytes(16)))

    def assert_on_every_replica(self, target, data):
        reading = self.read_token(target)
        for replica in range(len(target.chain)):
            self.assertEqual(read_range(reading, 0, len(data), replica), data)

    def pieces(self, data, sizes):
        at = 0
        for size in sizes:
            yield at, data[at : at + size]
            at += size

    def test_frames_in_order_are_acked_and_are_on_every_replica(self):
        data = self.bytes(3 << 20)
        stream = self.stream()
        for at in range(0, len(data), 1 << 20):
            stream.data(at, data[at : at + (1 << 20)], more=at + (1 << 20) < len(data))
        stream.wait_ack(len(data), Level.written)
        self.finish(stream, data)
        self.assert_on_every_replica(stream.target, data)

    def test_the_first_ack_comes_before_any_data(self):
        self.assertEqual(self.stream().next_ack(), (0, 0, 0))

    def test_out_of_order_frames_are_buffered_until_the_gap_fills(self):
        data = self.bytes(8 * CHUNK)
        for turn in range(3):
            order = list(range(8))
            self.random.shuffle(order)
            stream = self.stream(self.target(self.lease(key=self.key(f"/{turn}"))))
            for index in order:
                stream.data(index * CHUNK, data[index * CHUNK : (index + 1) * CHUNK])
            stream.wait_ack(len(data), Level.written)
            self.finish(stream, data)
            self.assert_on_every_replica(stream.target, data)

    def test_an_ack_never_passes_a_hole(self):
        data = self.bytes(3 * CHUNK)
        stream = self.stream()
        stream.data(0, data[:CHUNK]).data(2 * CHUNK, data[2 * CHUNK :])
        stream.wait_ack(CHUNK, Level.written)
        stream.data(0, data[:CHUNK])  # the answer to the duplicate shows where the prefix ends
        self.assertEqual(stream.next_ack()[0], CHUNK)
        stream.data(CHUNK, data[CHUNK : 2 * CHUNK]).wait_ack(len(data))
        self.finish(stream, data)
        self.assert_on_every_replica(stream.target, data)

    def test_a_duplicate_is_acked_again(self):
        data = self.bytes(2 * CHUNK)
        stream = self.stream().data(0, data[:CHUNK]).data(CHUNK, data[CHUNK:])
        stream.wait_ack(len(data), Level.written)
        for at in (0, CHUNK, 0):
            stream.data(at, data[at : at + CHUNK])
            self.assertEqual(stream.next_ack()[0], len(data))
        stream.data(100, data[100:70000])  # with another framing
        self.assertEqual(stream.next_ack()[0], len(data))
        self.finish(stream, data)
        self.assert_on_every_replica(stream.target, data)

    def test_other_bytes_at_the_same_offset_fail_the_stream_and_change_nothing(self):
        data = self.bytes(CHUNK)
        stream = self.stream().data(0, data)
        stream.wait_ack(len(data), Level.written)
        stream.data(4096, bytes([data[4096] ^ 1]) + data[4097:8192])
        self.assert_status(Status.conflict, stream.refusal())
        again = self.again(stream.target).data(0, data)
        self.finish(again, data)
        self.assert_on_every_replica(stream.target, data)

    def test_a_frame_that_ends_at_the_window_s_end_is_buffered(self):
        data = self.bytes(frames.WINDOW_BYTES)
        stream = self.stream()
        stream.next_ack()
        stream.data(len(data) - CHUNK, data[-CHUNK:])
        for at in range(0, len(data) - CHUNK, 15 * CHUNK):
            stream.data(at, data[at : min(len(data) - CHUNK, at + 15 * CHUNK)])
        stream.wait_ack(len(data), Level.written)
        self.finish(stream, data)

    def test_a_frame_beyond_the_window_is_refused(self):
        for offset in (frames.WINDOW_BYTES - CHUNK + 1, frames.WINDOW_BYTES, 20 << 20):
            with self.subTest(offset=offset):
                stream = self.stream(self.target(self.lease(key=self.key(f"/{offset}"))))
                stream.data(offset, self.bytes(CHUNK))
                self.assert_status(Status.gapBeyondWindow, stream.refusal())

    def test_a_seventeenth_buffered_frame_is_refused(self):
        stream = self.stream()
        for index in range(1, frames.WINDOW_FRAMES + 2):
            stream.data(index * 1000, self.bytes(500))
        self.assert_status(Status.gapBeyondWindow, stream.refusal())

    def test_a_frame_across_the_hwm_is_refused(self):
        data = self.bytes(2 * CHUNK)
        stream = self.stream().data(0, data[:CHUNK])
        stream.wait_ack(CHUNK)
        stream.data(CHUNK - 1, data[CHUNK - 1 : CHUNK + 99])
        self.assert_status(Status.straddles, stream.refusal())
        again = self.again(stream.target).data(0, data[:CHUNK]).data(CHUNK, data[CHUNK:])
        self.finish(again, data)

    def test_a_writer_that_flushes_100_bytes_at_a_time(self):
        data = self.bytes(70_050)
        stream = self.stream()
        for at in range(0, len(data), 100):
            stream.data(at, data[at : at + 100])
            if at % 10_000 == 0:
                stream.wait_ack(min(len(data), at + 100), Level.written)
        stream.wait_ack(len(data), Level.written)
        self.finish(stream, data)
        self.assert_on_every_replica(stream.target, data)

    def test_odd_frame_sizes_across_chunk_borders(self):
        sizes = [1, 65_535, 65_537, 4095, 4097, 131_071, 3, 65_536, 512, 200_001]
        self.random.shuffle(sizes)
        data = self.bytes(sum(sizes))
        stream = self.stream()
        for at, part in self.pieces(data, sizes):
            stream.data(at, part, more=True)
        self.finish(stream, data)
        self.assert_on_every_replica(stream.target, data)

    def test_a_frame_may_be_missing_when_the_seal_comes(self):
        data = self.bytes(3 * CHUNK)
        stream = self.stream().data(0, data[:CHUNK]).data(2 * CHUNK, data[2 * CHUNK :])
        stream.seal(data)
        stream.data(CHUNK, data[CHUNK : 2 * CHUNK])
        _, receipt, _ = stream.wait_sealed()
        self.assertEqual(receipt.length, len(data))
        self.assert_on_every_replica(stream.target, data)

    def test_a_seal_with_another_length_or_crc_is_refused(self):
        data = self.bytes(CHUNK + 17)
        wrong = {"checksum": {"checksum": 1}, "shorter": {"length": CHUNK}}
        for name, fields in wrong.items():
            with self.subTest(name):
                stream = self.stream(self.target(self.lease(key=self.key(name))))
                stream.data(0, data).wait_ack(len(data))
                stream.seal(data, **fields)
                self.assert_status(Status.sealMismatch, stream.refusal())

    def test_a_payload_that_does_not_match_its_crc_is_not_kept(self):
        data = self.bytes(2 * CHUNK)
        good = frames.piece_crcs(0, data)
        stream = self.stream().data(0, data, pieces=(good[0], good[1] ^ 1))
        self.assert_status(Status.badPayloadChecksum, stream.refusal())
        again = self.again(stream.target)
        self.assertEqual(again.acks[0][0], 0)
        self.finish(again.data(0, data), data)

    def test_sealing_again_gives_a_receipt_again(self):
        data = self.bytes(5000)
        first = self.stream().data(0, data)
        before = self.finish(first, data)
        after = self.finish(self.again(first.target), data)
        self.assertEqual((before.length, before.checksum), (after.length, after.checksum))

    def test_sealing_a_sealed_block_differently_is_refused(self):
        data = self.bytes(5000)
        first = self.stream().data(0, data)
        self.finish(first, data)
        for fields in ({"checksum": 1}, {"length": 4999}):
            stream = self.again(first.target).seal(data, **fields)
            self.assert_status(Status.sealMismatch, stream.refusal())

    def test_a_sealed_block_acks_duplicates_and_refuses_more(self):
        data = self.bytes(CHUNK)
        first = self.stream().data(0, data)
        self.finish(first, data)
        stream = self.again(first.target).data(0, data)
        stream.wait_ack(CHUNK, Level.written)
        stream.data(CHUNK, b"more")
        self.assert_status(Status.sealed, stream.refusal())
        self.assert_on_every_replica(first.target, data)

    def test_data_beyond_the_token_s_length_is_refused(self):
        target = self.target()
        short = target.changed(token=reforge(target.token, self.signing_key, max_length=CHUNK))
        stream = self.stream(short).data(0, self.bytes(CHUNK))
        stream.wait_ack(CHUNK)
        stream.data(CHUNK, b"x")
        self.assert_status(Status.tokenTooShort, stream.refusal())

    def test_one_connection_carries_one_block_after_another(self):
        first = self.stream()
        data = self.bytes(100_000)
        self.finish(first.data(0, data), data)
        lease = self.lease(key=self.key("/2"))
        target = self.target(lease)
        while target.head != first.target.head:
            target = self.target(lease)
        second = WriteStream(target, first.connection, stream=2)
        self.finish(second.begin().data(0, data[::-1]), data[::-1])
        self.assert_on_every_replica(second.target, data[::-1])

    def test_the_receipt_is_signed_by_the_head(self):
        data = self.bytes(100)
        stream = self.stream().data(0, data).seal(data)
        _, receipt, signature = stream.wait_sealed()
        self.assertEqual(receipt.key_id, self.signing_key.id)
        self.assertEqual(signature, self.signing_key.sign(receipt.unsigned()))
        self.assertEqual(receipt.cluster, self.client.cluster_id)


class FiveNodes(ClusterCase):
    settings = {"datanodes": 5, "replicas": 5, "min_nodes": 5}

    def test_a_chain_of_any_length_up_to_five(self):
        key = self.cluster.signing_key()
        for count in range(1, 6):
            with self.subTest(nodes=count):
                data = self.bytes(200_000 + count)
                target = self.target(self.lease(key=self.key(f"/{count}")), replicas=count)
                self.assertEqual(len(target.chain), count)
                self.assertEqual(len({node.node for node in target.chain}), count)
                stream = self.stream(target).data(0, data)
                self.finish(stream, data)
                reading = target.changed(
                    token=reforge(target.token, key, modes=READ, lease=bytes(16)))
                for replica in range(count):
                    self.assertEqual(read_range(reading, 0, len(data), replica), data)


if __name__ == "__main__":
    unittest.main()
