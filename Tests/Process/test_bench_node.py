"""Datanodes of no cluster (`catena-datanode bench`): what a load generator may rely on."""

import signal
import unittest

from catena_peer import frames
from catena_peer.bench import BenchNodes
from catena_peer.case import Level, Status
from catena_peer.cluster import EXIT, STANDIN, PATIENCE, Cluster, Daemon, datanode_command, until
from catena_peer.credentials import reforge
from catena_peer.datanode import DataConnection, Refusal, WriteStream, read_range, write_block

CHUNK = frames.CHUNK


@unittest.skipIf(STANDIN, "the stand-ins have no bench nodes")
class BenchNode(unittest.TestCase):
    def setUp(self):
        self.nodes = BenchNodes()
        self.addCleanup(self.nodes.stop)

    def refused(self, target):
        """The status with which a read of a block's first bytes is refused."""
        with self.assertRaises(Refusal) as caught:
            read_range(self.nodes.identity.reading(target), 0, 1)
        return caught.exception.status

    def files(self, daemon):
        return sorted((self.nodes.folder / f"{daemon.name}.data" / "blocks").iterdir())

    def test_a_chain_of_two_without_a_namenode(self):
        head, tail = self.nodes.start("head"), self.nodes.start("tail")
        data = bytes(range(256)) * 4097
        target = self.nodes.target(head, tail)
        receipt = write_block(target, data, level=Level.durable)
        self.assertEqual(receipt["length"], len(data))
        for replica in range(2):
            self.assertEqual(
                read_range(self.nodes.identity.reading(target), 0, len(data), replica), data)
        self.assertEqual(head.kill(signal.SIGTERM), 0, head.tail())

    def test_a_token_of_another_secret_is_refused(self):
        head = self.nodes.start("head")
        target = self.nodes.target(head)
        other = self.nodes.identity.key
        forged = target.changed(token=reforge(target.token, type(other)(other.id, bytes(32))))
        with WriteStream(forged) as stream:
            self.assertEqual(stream.begin().refusal().status, Status.tokenForged)

    def test_a_start_removes_the_blocks_of_the_run_before(self):
        head = self.nodes.start("head")
        target = self.nodes.target(head)
        write_block(target, b"scratch")
        self.assertEqual(len(self.files(head)), 1)
        head.kill(signal.SIGTERM)
        again = self.nodes.start("head")
        again.port()
        self.assertEqual(self.files(again), [])
        self.assertIn('"removed":"1"', again.tail().replace(" ", ""))
        write_block(self.nodes.target(again), b"the next run")

    def test_keep_bounds_what_the_blocks_take(self):
        head = self.nodes.start("head", keep="200KiB")
        for _ in range(8):
            write_block(self.nodes.target(head), bytes(CHUNK))
        until(lambda: self.is_gone(1, head), "the oldest block to go")
        self.assertEqual(
            read_range(self.nodes.identity.reading(self.last(head)), 0, CHUNK), bytes(CHUNK))

    def is_gone(self, block, head):
        reading = self.nodes.identity.reading(self.nodes.identity.target(block, [head.port()]))
        try:
            read_range(reading, 0, 1)
        except Refusal as refused:
            return refused.status == Status.notFound
        return False

    def last(self, head):
        return self.nodes.identity.target(8, [head.port()])

    def test_a_null_forward_acks_for_a_chain_that_is_not_there(self):
        head = self.nodes.start("head", "--null-forward")
        target = self.nodes.identity.target(1, [head.port(), 1, 2])
        data = bytes(3 * CHUNK)
        self.assertEqual(write_block(target, data)["length"], len(data))
        self.assertEqual(read_range(self.nodes.identity.reading(target), 0, len(data)), data)

    def test_without_it_the_chain_that_is_not_there_fails_the_stream(self):
        head = self.nodes.start("head")
        with WriteStream(self.nodes.identity.target(1, [head.port(), 1])) as stream:
            self.assertEqual(stream.begin().refusal().status, Status.nextHopUnreachable)

    def test_a_null_device_acks_written_and_keeps_nothing(self):
        head = self.nodes.start("head", "--null-device")
        data = bytes(8 << 20)
        target = self.nodes.target(head)
        with WriteStream(target) as stream:
            stream.begin()
            for at in range(0, len(data), 1 << 20):
                stream.data(at, data[at : at + (1 << 20)])
            stream.wait_ack(len(data), Level.written)
            stream.seal(data, Level.written)
            stream.wait_sealed()
        self.assertEqual(self.refused(target), Status.deviceFailed)
        # Its headers are written, its bytes are not.
        self.assertLess(self.files(head)[0].stat().st_size, 64 << 10)

    def test_a_null_device_takes_unaligned_frames(self):
        head = self.nodes.start("head", "--null-device")
        data = bytes(range(250)) * 1000
        with WriteStream(self.nodes.target(head)) as stream:
            stream.begin()
            for at in range(0, len(data), 33_333):
                stream.data(at, data[at : at + 33_333], more=True)
            stream.seal(data)
            self.assertEqual(stream.wait_sealed()[1].length, len(data))

    def test_a_real_cluster_s_directory_is_refused_and_not_touched(self):
        with Cluster(1) as cluster:
            folder = cluster.nodes[0].folders[0]
            cluster.nodes[0].daemon.stop()
            before = (folder / "device").read_bytes()
            bench = self.nodes.start("head", folder=folder)
            self.assertIn(bench.wait(PATIENCE), EXIT["another cluster's directory"])
            self.assertIn("belongs to cluster", bench.tail())
            self.assertEqual((folder / "device").read_bytes(), before)
            # And the other way round.
            head = self.nodes.start("other")
            head.port()
            head.kill(signal.SIGTERM)
            run = Daemon("run", cluster.folder)
            cluster.extra.append(run)
            run.start(datanode_command(
                cluster.address, cluster.namenode_folder / "cluster.secret",
                [self.nodes.folder / "other.data"], 0, run.port_file, {}))
            self.assertIn(run.wait(PATIENCE), EXIT["another cluster's directory"])
            cluster.nodes[0].start()

    def test_blocks_that_say_not_whose_they_are_stay(self):
        blocks = self.nodes.folder / "head.data" / "blocks"
        blocks.mkdir(parents=True)
        (blocks / "0000000000000001.blk").write_bytes(b"precious")
        head = self.nodes.start("head")
        self.assertIn(head.wait(PATIENCE), EXIT["another cluster's directory"])
        self.assertEqual((blocks / "0000000000000001.blk").read_bytes(), b"precious")

    def test_run_knows_no_null_modes(self):
        config = self.nodes.folder / "datanode.yaml"
        config.write_text("null-device: true\n")
        command = datanode_command(
            ("127.0.0.1", 1), self.nodes.secret_file, [self.nodes.folder / "x"], 0,
            self.nodes.folder / "port", {})
        for words in (["--null-device"], ["--null-forward"], ["--config", str(config)]):
            with self.subTest(words):
                daemon = Daemon("run", self.nodes.folder)
                self.nodes.daemons.append(daemon)
                daemon.start(command + words)
                self.assertIn(daemon.wait(PATIENCE), EXIT["usage"] | {78}, daemon.tail())

    def test_several_streams_on_one_connection(self):
        head = self.nodes.start("head")
        connection = DataConnection(("127.0.0.1", head.port()))
        self.addCleanup(connection.close)
        for turn in range(3):
            data = bytes([turn]) * (CHUNK + turn)
            stream = WriteStream(self.nodes.target(head), connection, stream=turn + 1)
            stream.begin().data(0, data).seal(data)
            self.assertEqual(stream.wait_sealed()[1].length, len(data))


if __name__ == "__main__":
    unittest.main()
