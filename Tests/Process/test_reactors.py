"""Datanodes with several reactors: a connection moves to the reactor that has its block."""

import random
import signal
import time
import unittest

import test_read
import test_resend
import test_restart
import test_slow
import test_write
from catena_peer import frames
from catena_peer.bench import BenchNodes
from catena_peer.case import Level, Status
from catena_peer.cluster import EX_CONFIG, EX_USAGE, STANDIN, PATIENCE
from catena_peer.control import SECONDS
from catena_peer.crc32c import crc32c
from catena_peer.datanode import DataConnection, WriteStream, read_range, write_block

CHUNK = frames.CHUNK


def with_reactors(base, count=2):
    """The tests of `base` on datanodes with `count` reactors."""
    settings = {**base.settings, "node_settings": {
        **base.settings.get("node_settings", {}), "reactors": count}}
    name = f"{base.__name__}On{count}Reactors"
    made = type(name, (base,), {"settings": settings, "__module__": __name__})
    return unittest.skipIf(STANDIN, "the stand-ins have no reactors")(made)


WritesOn2 = with_reactors(test_write.Writes)
FiveNodesOn3 = with_reactors(test_write.FiveNodes, 3)
ReadsOn2 = with_reactors(test_read.Reads)
LostAcksOn2 = with_reactors(test_resend.LostAcks)
NextHopOn2 = with_reactors(test_resend.NextHop)
RestartsOn2 = with_reactors(test_restart.Restarts)
SlowOn2 = with_reactors(test_slow.Slow)


@unittest.skipIf(STANDIN, "the stand-ins have no reactors")
class Moving(unittest.TestCase):
    def setUp(self):
        self.nodes = BenchNodes()
        self.addCleanup(self.nodes.stop)

    def connection(self, daemon):
        connection = DataConnection(("127.0.0.1", daemon.port()))
        self.addCleanup(connection.close)
        return connection

    def test_one_connection_writes_and_reads_blocks_of_every_reactor(self):
        head = self.nodes.start("head", reactors=3)
        connection = self.connection(head)
        values = {}
        for turn in range(12):
            target = self.nodes.target(head)
            values[target.block] = bytes([turn]) * (CHUNK + turn)
            stream = WriteStream(target, connection, stream=turn + 1)
            stream.begin(more=turn % 2 == 0).data(0, values[target.block])
            stream.wait_ack(CHUNK)
            stream.seal(values[target.block])
            self.assertEqual(stream.wait_sealed()[1].block, target.block)
        for block, data in values.items():
            reading = self.nodes.identity.reading(
                self.nodes.identity.target(block, [head.port()]))
            self.assertEqual(read_range(reading, 0, len(data), connection=connection), data)

    def test_a_connection_moves_while_its_last_answer_is_still_on_its_way(self):
        """A zero-copy send of the first answer holds its memory until the reader has read it."""
        head = self.nodes.start("head", reactors=2)
        data = bytes(range(256)) * 512
        targets = [self.nodes.target(head) for _ in range(6)]
        for target in targets:
            write_block(target, data)
        connection = self.connection(head)
        for target in targets:
            payload = self.nodes.identity.reading(target).credentials
            connection.send(frames.Header(
                frames.READ, stream=target.block, block=target.block, epoch=1, offset=0,
                length=len(data), payload_length=len(payload), checksum=crc32c(payload)), payload)
        time.sleep(0.2)  # so that the answers are sent, as far as they fit, before one is read
        for target in targets:
            parts = b""
            while len(parts) < len(data):
                header, part = connection.receive()
                self.assertEqual(header.block, target.block)
                parts += part
            self.assertEqual(parts, data)

    def test_chains_of_nodes_with_other_counts(self):
        chain = [self.nodes.start(f"n{count}", reactors=count) for count in (1, 2, 3)]
        for turn in range(12):
            target = self.nodes.target(*chain)
            data = bytes([turn]) * (3 * CHUNK + 7)
            write_block(target, data, frame_bytes=CHUNK, level=Level.durable)
            for replica in range(3):
                reading = self.nodes.identity.reading(target)
                self.assertEqual(read_range(reading, 0, len(data), replica), data)

    def test_a_bad_token_is_refused_where_it_arrives_or_where_it_goes(self):
        head = self.nodes.start("head", reactors=2)
        for _ in range(8):
            target = self.nodes.target(head)
            forged = target.changed(token=target.token[:-1] + bytes([target.token[-1] ^ 1]))
            with WriteStream(forged) as stream:
                self.assertEqual(stream.begin().refusal().status, Status.tokenForged)

    def test_a_writer_comes_back_on_another_connection(self):
        head = self.nodes.start("head", reactors=2)
        for _ in range(6):
            target = self.nodes.target(head)
            first = WriteStream(target)
            self.addCleanup(first.connection.close)
            first.begin().data(0, bytes(CHUNK)).wait_ack(CHUNK)
            with WriteStream(target) as second:
                second.begin()
                self.assertEqual(first.refusal().status, Status.superseded)
                second.data(0, bytes(CHUNK)).data(CHUNK, b"end").seal(bytes(CHUNK) + b"end")
                self.assertEqual(second.wait_sealed()[1].length, CHUNK + 3)

    def test_more_connections_than_places_wait_their_turn(self):
        """Every place of both reactors is taken; whoever is refused may come again."""
        head = self.nodes.start("head", reactors=2, connections=16)
        chosen = random.Random(7)
        open_streams = []
        for _ in range(14):
            target = self.nodes.identity.target(2 * chosen.getrandbits(40), [head.port()])
            stream = WriteStream(target)
            self.addCleanup(stream.connection.close)
            stream.begin()
            stream.next_ack()
            open_streams.append(stream)
        # The reactor of the even blocks has 14 of 16 places in use, one more for its accept.
        refused = 0
        for _ in range(8):
            target = self.nodes.identity.target(2 * chosen.getrandbits(40), [head.port()])
            stream = WriteStream(target)
            self.addCleanup(stream.connection.close)
            stream.begin()
            header, _ = self.first_answer(stream)
            refused += header is None
        self.assertGreater(refused, 0)
        for stream in open_streams:
            stream.data(0, b"still here").seal(b"still here")
            self.assertEqual(stream.wait_sealed()[1].length, 10)
            stream.connection.close()
        write_block(self.nodes.identity.target(4, [head.port()]), b"room again")

    def first_answer(self, stream):
        """The first ack, or (None, status) when the node has no place."""
        stream.connection.socket.settimeout(SECONDS)
        try:
            return stream.connection.receive()
        except OSError:
            return None, None
        except Exception as refused:  # a Refusal, or an early end
            self.assertIn(getattr(refused, "status", Status.busy), (Status.busy,))
            return None, Status.busy

    def test_a_clean_stop_with_streams_open(self):
        head = self.nodes.start("head", reactors=3)
        for _ in range(6):
            stream = WriteStream(self.nodes.target(head))
            self.addCleanup(stream.connection.close)
            stream.begin().data(0, b"open")
            stream.wait_ack(4)
        self.assertEqual(head.kill(signal.SIGTERM), 0, head.tail())

    def test_pins_and_pages_are_told(self):
        head = self.nodes.start("head", "--huge-pages", reactors=2, pin="0-1", numa="auto")
        write_block(self.nodes.target(head), bytes(CHUNK))
        line = next(text for text in head.tail().splitlines() if '"reactors"' in text)
        self.assertIn('"count":"2"', line.replace(" ", ""))

    def test_bad_placements_are_refused_with_a_sentence(self):
        for settings, code, words in (
                ({"pin": "0,0"}, EX_USAGE, "without repeats"),
                ({"pin": "1-"}, EX_USAGE, "such as 2-5,8"),
                ({"pin": "1000"}, EX_CONFIG, "not one that this process may use"),
                ({"pin": "0", "reactors": 2}, EX_CONFIG, "name one for each"),
                ({"numa": "997"}, EX_CONFIG, "NUMA nodes are"),
                ({"numa": "near"}, EX_USAGE, "auto"),
                ({"reactors": 0}, EX_USAGE, "from 1 to 256")):
            with self.subTest(settings):
                daemon = self.nodes.start("bad", **settings)
                self.assertEqual(daemon.wait(PATIENCE), code, daemon.tail())
                self.assertIn(words, daemon.tail())


if __name__ == "__main__":
    unittest.main()
