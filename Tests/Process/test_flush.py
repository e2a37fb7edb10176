"""`flush`: a prefix of an open block becomes durable on every node (PROTOCOL 1.4), and a node that was
killed knows it after its restart."""

import unittest

from catena_peer import frames
from catena_peer.case import ClusterCase, Level, Refusal, Status
from catena_peer.cluster import STANDIN, until
from catena_peer.credentials import READ, reforge
from catena_peer.datanode import DataConnection, WriteStream, read_range

CHUNK = frames.CHUNK
MIB = 1 << 20


class Flushes(ClusterCase):
    settings = {"datanodes": 3, "block_bytes": 64 * MIB}

    def setUp(self):
        super().setUp()
        self.cluster.revive()

    def test_durable_rises_in_the_middle_of_a_block(self):
        data = self.bytes(3 * CHUNK + 777)
        stream = self.stream()
        for start, stop in ((0, 100), (100, CHUNK + 1), (CHUNK + 1, len(data))):
            stream.data(start, data[start:stop]).wait_ack(stop, Level.written)
            self.assertLessEqual(stream.acks[-1][Level.durable], start)
            stream.flush(stop)
            self.assertEqual(stream.wait_ack(stop, Level.durable)[Level.durable], stop)
        self.finish(stream, data, Level.durable)

    def test_a_flush_may_come_before_its_bytes(self):
        data = self.bytes(2 * CHUNK)
        stream = self.stream().flush(len(data))
        stream.data(0, data[:CHUNK]).wait_ack(CHUNK, Level.written)
        self.assertEqual(stream.acks[-1][Level.durable], 0)
        stream.data(CHUNK, data[CHUNK:]).wait_ack(len(data), Level.durable)
        self.finish(stream, data)

    def test_flushes_join_and_all_are_answered(self):
        data = self.bytes(200 * 1000)
        stream = self.stream()
        for at in range(0, len(data), 1000):
            stream.data(at, data[at : at + 1000]).flush(at + 1000)
        stream.wait_ack(len(data), Level.durable)
        self.finish(stream, data, Level.durable)

    def test_a_seal_right_behind_a_flush_answers_both(self):
        data = self.bytes(70_000)
        for level in (Level.written, Level.durable):
            stream = self.stream(self.target(self.lease(key=self.key(f"/{level}"))))
            stream.data(0, data).flush(len(data))
            self.finish(stream, data, level)

    def test_who_reconnects_hears_what_is_durable(self):
        data = self.bytes(100_000)
        stream = self.stream().data(0, data).flush(len(data))
        stream.wait_ack(len(data), Level.durable)
        stream.connection.close()
        with WriteStream(stream.target) as again:
            again.begin()
            again.data(0, data).flush(len(data)).wait_ack(len(data), Level.durable)
            self.finish(again, data)

    def test_a_flush_beyond_the_token_is_refused(self):
        stream = self.stream()
        stream.flush(64 * MIB + 1)
        self.assert_status(Status.tokenTooShort, stream.refusal())

    def read_token(self, target, key):
        return target.changed(token=reforge(target.token, key, modes=READ, lease=bytes(16)))

    def restart_all(self, target, key):
        """Kills every node of the chain and starts it at its old port."""
        nodes = [self.cluster.node_at(hop.port) for hop in target.chain]
        ports = [node.address[1] for node in nodes]
        for node in nodes:
            node.kill()
        for node, port in zip(nodes, ports):
            node.start(port)
        # They are back so fast that the namenode may never have missed them.
        for hop in target.chain:
            until(lambda: self.has_keys(self.read_token(target, key), hop),
                  lambda: f"a restarted node to register\n{self.cluster.tails()}")

    def has_keys(self, reading, hop):
        try:
            with DataConnection(hop.address) as connection:
                read_range(reading, 0, 1, connection=connection)
        except (OSError, Refusal) as error:
            return getattr(error, "status", Status.fenced) != Status.fenced
        return True

    def assert_known(self, target, key, data, length):
        """Each node serves the first `length` bytes and no more."""
        reading = self.read_token(target, key)
        for replica in range(len(target.chain)):
            self.assertEqual(read_range(reading, 0, length, replica), data[:length])
            with DataConnection(target.chain[replica].address) as connection:
                with self.assertRaises(Refusal) as caught:
                    read_range(reading, 0, length + 1, replica, connection)
            self.assert_status(Status.mayBeLost, caught.exception)

    @unittest.skipIf(STANDIN, "the stand-in keeps no open blocks")
    def test_a_restarted_node_knows_the_durable_prefix(self):
        key = self.cluster.signing_key()
        data = self.bytes(300_000)
        stream = self.stream().data(0, data[:70_000]).flush(70_000)
        stream.wait_ack(70_000, Level.durable)
        stream.data(70_000, data[70_000:]).flush(200_001)
        stream.wait_ack(200_001, Level.durable)
        durable = stream.acks[-1][Level.durable]
        self.restart_all(stream.target, key)
        self.assert_known(stream.target, key, data, durable)
        name = self.key()
        until(lambda: self.client.info(name).open_length == durable,
              lambda: f"INFO to show {durable} bytes: {self.client.info(name)}")

    @unittest.skipIf(STANDIN, "the stand-in keeps no open blocks")
    def test_over_56_mib_the_checksums_are_in_a_table(self):
        key = self.cluster.signing_key()
        part = self.bytes(MIB)
        pieces = frames.piece_crcs(0, part)
        stream = self.stream(self.target(replicas=1))
        for number in range(61):
            stream.data(number * MIB, part, pieces=pieces)
            if number in (57, 59):
                stream.flush((number + 1) * MIB)
        stream.wait_ack(60 * MIB, Level.durable)
        stream.wait_ack(61 * MIB, Level.written)
        durable = stream.acks[-1][Level.durable]
        self.restart_all(stream.target, key)
        reading = self.read_token(stream.target, key)
        for at in (0, 57 * MIB, durable - CHUNK):
            self.assertEqual(read_range(reading, at, CHUNK), part[at % MIB : at % MIB + CHUNK])
        with self.assertRaises(Refusal) as caught:
            read_range(reading, durable, 1)
        self.assert_status(Status.mayBeLost, caught.exception)

    @unittest.skipIf(STANDIN, "the stand-in's command does not flush")
    def test_the_command_flushes_on_its_way(self):
        source = self.cluster.folder / "flushed"
        source.write_bytes(self.bytes(3 * MIB + 5))
        done = self.cluster.cli("put", "--flush-every", "256KiB", source, self.key())
        self.assert_cli(done, {0})
        out = self.cluster.folder / "back"
        self.assert_cli(self.cluster.cli("get", self.key(), out), {0})
        self.assertEqual(out.read_bytes(), source.read_bytes())


if __name__ == "__main__":
    unittest.main()
