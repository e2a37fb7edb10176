"""Lost acks, new streams, and what a head makes of the node behind it."""

import os
import socket
import unittest

from catena_peer import frames
from catena_peer.case import ClusterCase, Level, Status
from catena_peer.cluster import STANDIN, until
from catena_peer.control import SECONDS
from catena_peer.credentials import ChainNode, chain_hash, reforge
from catena_peer.datanode import DataConnection, WriteStream
from catena_peer.hop import Hop
from catena_peer.proxy import AnswerProxy

CHUNK = frames.CHUNK
PAYLOAD = 8192


class LostAcks(ClusterCase):
    settings = {"datanodes": 3}

    def dropping(self, target):
        """A stream behind a proxy that swallows acks while `self.swallow`."""
        self.swallow = False
        proxy = AnswerProxy(
            target.head, lambda header: self.swallow and header.operation == frames.ACK)
        self.enterContext(proxy)
        return proxy, self.stream(target, connection=DataConnection(proxy.address))

    def swallowed(self, proxy, offset):
        until(lambda: any(header.received >= offset for header in proxy.dropped),
              f"an ack of {offset} to swallow")

    def test_a_resend_on_the_same_stream_is_acked(self):
        data = self.bytes(4 * CHUNK)
        proxy, stream = self.dropping(self.target())
        stream.next_ack()
        self.swallow = True
        stream.data(0, data[: 2 * CHUNK]).data(2 * CHUNK, data[2 * CHUNK :])
        self.swallowed(proxy, len(data))
        self.swallow = False
        stream.data(0, data[: 2 * CHUNK]).data(2 * CHUNK, data[2 * CHUNK :])
        self.assertEqual(stream.next_ack()[0], len(data))
        self.finish(stream, data)

    def test_a_resend_on_a_new_stream_takes_the_block_over(self):
        data = self.bytes(4 * CHUNK)
        proxy, older = self.dropping(self.target())
        older.next_ack()
        self.swallow = True
        older.data(0, data[: 2 * CHUNK])
        self.swallowed(proxy, 2 * CHUNK)
        newer = self.stream(older.target)
        newer.data(0, data[: 2 * CHUNK]).data(2 * CHUNK, data[2 * CHUNK :])
        newer.wait_ack(len(data), Level.written)
        self.swallow = False
        self.assert_status(Status.superseded, older.refusal())
        self.finish(newer, data)

    def test_a_lost_sealed_is_asked_for_again(self):
        data = self.bytes(CHUNK)
        target = self.target()
        proxy = AnswerProxy(target.head, lambda header: header.operation == frames.SEALED)
        self.enterContext(proxy)
        stream = self.stream(target, connection=DataConnection(proxy.address))
        stream.data(0, data).seal(data)
        until(lambda: proxy.dropped, "a `sealed` to swallow")
        self.finish(self.stream(target), data)

    def test_a_writer_cut_inside_a_frame_goes_on_from_the_last_ack(self):
        data = self.bytes(4 * CHUNK)
        stream = self.stream().data(0, data[:CHUNK])
        stream.wait_ack(CHUNK, Level.written)
        header = stream.header(
            frames.DATA, offset=CHUNK, payload_length=CHUNK, piece_count=1,
            pieces=frames.piece_crcs(CHUNK, data[CHUNK : 2 * CHUNK]))
        stream.connection.send_raw(header.encode() + data[CHUNK : CHUNK + 1000])
        stream.connection.close()
        again = self.stream(stream.target)
        again.wait_ack(CHUNK)
        for at in range(CHUNK, len(data), CHUNK):
            again.data(at, data[at : at + CHUNK])
        self.finish(again, data)

    def test_ten_streams_one_after_another_lose_nothing(self):
        data = self.bytes(10 * CHUNK)
        target = self.target()
        for turn in range(10):
            stream = self.stream(target)
            stream.data(turn * CHUNK, data[turn * CHUNK : (turn + 1) * CHUNK])
            stream.wait_ack((turn + 1) * CHUNK)
            if turn % 2:
                stream.connection.close()
        self.finish(self.stream(target), data)


@unittest.skipIf(STANDIN, "SKIPPED: the stand-ins have no block files")
class CutFiles(ClusterCase):
    """Somebody cut a block's file inside a page. Its writer comes back and sends again what the
    node has to compare with it."""

    settings = {"datanodes": 1, "replicas": 1, "min_nodes": 1}

    def cut(self, stream, length):
        node = self.cluster.nodes[0]
        os.truncate(node.folders[0] / "blocks" / f"{stream.target.block:016x}.blk", length)

    def assert_takes_others(self, target):
        data = self.bytes(CHUNK)
        target = self.target(self.lease(key=self.key(f"/beside/{target.block}")))
        self.finish(self.stream(target).data(0, data), data)

    def test_an_open_block_is_given_up(self):
        data = self.bytes(20_000)
        stream = self.stream().data(0, data)
        stream.wait_ack(len(data), Level.written)
        self.cut(stream, PAYLOAD + 10_000)
        # Part of a chunk: its checksum alone does not tell whether these are the same bytes.
        stream.data(9_000, data[9_000:11_000])
        self.assert_status(Status.corrupt, stream.refusal())
        until(lambda: self.refusal(stream.target) == Status.mayBeLost, "the block is given up")
        self.assert_takes_others(stream.target)

    def refusal(self, target):
        return self.stream(target).refusal().status

    def test_a_sealed_block_is_corrupt(self):
        for cut in (5_000, PAYLOAD + 10_000):
            with self.subTest(cut):
                data = self.bytes(20_000)
                target = self.target(self.lease(key=self.key(f"/{cut}")))
                stream = self.stream(target).data(0, data)
                self.finish(stream, data)
                stream.connection.close()
                self.cut(stream, cut)
                again = self.stream(target).data(9_000, data[9_000:11_000])
                self.assert_status(Status.corrupt, again.refusal())
                until(lambda: self.refusal(target) == Status.corrupt, "the copy is condemned")
                self.assert_takes_others(target)


class NextHop(ClusterCase):
    """A real head, a next hop in Python."""

    settings = {"datanodes": 1, "replicas": 1, "min_nodes": 1}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.signing_key = cls.cluster.signing_key()

    def followed(self, *nodes):
        """A block whose chain goes on with `nodes`, behind the real head."""
        target = self.target()
        chain = target.chain + list(nodes)
        token = reforge(target.token, self.signing_key, chain_hash=chain_hash(chain))
        return target.changed(chain=chain, token=token)

    def begun(self):
        hop = self.enterContext(Hop(self.signing_key))
        stream = self.stream(self.followed(hop.chain_node))
        asked, credentials = hop.next_frame()
        self.assertEqual(asked.operation, frames.WRITE)
        self.assertEqual(credentials, stream.target.credentials)
        return hop, stream, asked

    def assert_silent(self, stream):
        """Nothing arrives for a moment. Cannot fail a good node, however slow."""
        stream.connection.socket.settimeout(0.3)
        with self.assertRaises(TimeoutError):
            stream.connection.socket.recv(1, socket.MSG_PEEK)
        stream.connection.socket.settimeout(SECONDS)

    def test_the_first_ack_waits_for_the_node_behind(self):
        hop, stream, asked = self.begun()
        self.assert_silent(stream)
        hop.ack(asked)
        self.assertEqual(stream.next_ack(), (0, 0, 0))

    def test_an_ack_is_the_minimum_over_the_chain(self):
        data = self.bytes(2 * CHUNK)
        hop, stream, asked = self.begun()
        hop.ack(asked)
        stream.next_ack()
        stream.data(0, data)
        header, payload = hop.next_frame()
        self.assertEqual((header.offset, payload), (0, data))
        self.assertEqual(header.pieces, frames.piece_crcs(0, data))
        hop.ack(asked, received=CHUNK)
        self.assertEqual(stream.wait_ack(CHUNK), (CHUNK, 0, 0))
        hop.ack(asked, received=2 * CHUNK, written=CHUNK)
        self.assertEqual(stream.wait_ack(CHUNK, Level.written), (2 * CHUNK, CHUNK, 0))

    def test_the_seal_waits_for_the_node_behind(self):
        data = self.bytes(100)
        hop, stream, asked = self.begun()
        hop.ack(asked)
        stream.data(0, data).seal(data)
        hop.next_frame()
        sealing, _ = hop.next_frame()
        self.assertEqual((sealing.operation, sealing.length), (frames.SEAL, 100))
        with self.assertRaises(TimeoutError):
            stream.connection.socket.settimeout(0.5)
            while stream.next_ack() == (0, 0, 0):
                pass
        self.assertEqual(stream.acks[-1], (0, 0, 0))

    def test_a_fault_behind_travels_up_with_its_status_and_node(self):
        hop, stream, asked = self.begun()
        hop.ack(asked)
        hop.error(asked, Status.noSpace, "no device of the hop has room")
        refused = stream.refusal()
        self.assert_status(Status.noSpace, refused)
        self.assertEqual(refused.node, hop.node)
        self.assertIn("no device of the hop has room", refused.text)

    def test_a_next_hop_that_closes_is_named(self):
        hop, stream, asked = self.begun()
        hop.ack(asked)
        stream.next_ack()
        hop.close()
        self.assert_status(Status.nextHopFailed, stream.refusal())

    def test_a_next_hop_that_cannot_be_reached_is_named(self):
        with socket.create_server(("127.0.0.1", 0)) as gone:
            port = gone.getsockname()[1]
        stream = self.stream(self.followed(ChainNode(bytes(15) + b"\1", "127.0.0.1", port)))
        self.assert_status(Status.nextHopUnreachable, stream.refusal())

    def test_a_next_hop_that_talks_nonsense_is_named(self):
        hop, stream, _ = self.begun()
        hop.socket.sendall(b"220 mail.example ESMTP\r\n".ljust(128))
        self.assert_status(Status.nextHopFailed, stream.refusal())

    def test_a_broken_chain_leaves_the_head_good_for_others(self):
        hop, stream, _ = self.begun()
        hop.close()
        stream.refusal()
        data = self.bytes(CHUNK)
        other = WriteStream(self.target(self.lease(key=self.key("/other"))))
        with other:
            self.finish(other.begin().data(0, data), data)


if __name__ == "__main__":
    unittest.main()
