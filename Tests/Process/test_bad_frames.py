"""Malformed frames to a datanode: an error frame with the reason, that connection closed."""

import json
import pathlib
import re
import unittest

from catena_peer import frames, golden, malform
from catena_peer.case import ClusterCase, Level, Refusal, Status
from catena_peer.control import Closed, read_exactly
from catena_peer.datanode import DataConnection, WriteStream

CHUNK = frames.CHUNK
FRAMES = 1000
GROWTH_BYTES = 96 << 20  # what a daemon may grow by, however long the lengths it is told


def resident(pid):
    """Bytes of memory a process holds."""
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", text)[1]) * 1024


class BadFrames(ClusterCase):
    settings = {"datanodes": 1, "replicas": 1, "min_nodes": 1}

    def setUp(self):
        super().setUp()
        self.address = self.cluster.nodes[0].address

    def answer_to(self, raw):
        """The refusal that these bytes get on a connection of their own, which then is closed."""
        with DataConnection(self.address) as connection:
            connection.send_raw(raw)
            connection.half_close()
            return connection.refusal()

    def test_every_malformed_header_gets_its_status(self):
        for entry in json.loads(golden.PATH.read_text())["malformed_headers"]:
            with self.subTest(entry["name"]), DataConnection(self.address) as connection:
                connection.send_raw(bytes.fromhex(entry["hex"]))
                self.assert_status(Status[entry["status"]], connection.refusal())

    def test_an_error_frame_names_the_node(self):
        with DataConnection(self.address) as connection:
            connection.send_raw(b"x" * 128)
            refused = connection.refusal()
        report = self.client.report().nodes[0]
        self.assertEqual(refused.node, report.node.node_id)

    def test_a_wrong_version_is_named(self):
        for version in (1, 3):
            with self.subTest(version=version), DataConnection(self.address) as connection:
                connection.send_raw(frames.Header(frames.READ, version=version).encode())
                raw = read_exactly(connection.socket, frames.HEADER_BYTES)
                self.assertEqual(raw[4], version, "who is refused can read why")
                self.assertEqual(frames.decode(raw).status, Status.badVersion)

    def test_a_connection_that_ends_inside_a_frame(self):
        target = self.target()
        payload = target.credentials
        raw = frames.Header(
            frames.WRITE, block=target.block, epoch=target.epoch, payload_length=len(payload),
            checksum=frames.crc32c(payload)).encode() + payload
        for count in (1, 64, 127, 128, 129, len(raw) - 1):
            with self.subTest(bytes=count):
                self.assert_status(Status.truncated, self.answer_to(raw[:count]))

    def test_credentials_that_do_not_match_their_checksum(self):
        stream = WriteStream(self.target())
        with stream:
            self.assert_status(Status.badPayloadChecksum, stream.begin(checksum=1).refusal())

    def test_operations_out_of_place(self):
        target = self.target()
        with self.subTest("data without a stream"), WriteStream(target) as stream:
            stream.data(0, b"early")
            self.assert_status(Status.unexpectedOperation, stream.refusal())
        with self.subTest("seal without a stream"), WriteStream(target) as stream:
            stream.seal(b"early")
            self.assert_status(Status.unexpectedOperation, stream.refusal())
        for operation in (frames.ACK, frames.SEALED):
            with self.subTest(frames.NAMES[operation]), WriteStream(target) as stream:
                stream.begin().connection.send(stream.header(operation))
                self.assert_status(Status.unexpectedOperation, stream.refusal())
        with self.subTest("write inside a write"), WriteStream(target) as stream:
            stream.begin().data(0, b"x").begin()
            self.assert_status(Status.unexpectedOperation, stream.refusal())

    def test_a_malformed_frame_inside_a_stream_ends_only_that_stream(self):
        data = self.bytes(CHUNK)
        good, bad = self.stream(), self.stream(self.target(self.lease(key=self.key("/bad"))))
        good.data(0, data[:1000])
        bad.data(0, data).wait_ack(CHUNK)
        bad.connection.send_raw(bytes(128))
        self.assert_status(Status.badMagic, bad.refusal())
        self.finish(good.data(1000, data[1000:]), data)

    def test_long_lengths_take_no_memory(self):
        pid = self.cluster.nodes[0].daemon.pid
        before = resident(pid)
        held = []
        for operation in (frames.WRITE, frames.DATA, frames.READ, frames.SEAL) * 25:
            connection = DataConnection(self.address)
            self.addCleanup(connection.close)
            connection.send(frames.Header(operation, payload_length=0xFFFFFFFF, piece_count=16))
            held.append(connection)
        for connection in held:
            refused = connection.refusal()
            self.assertIn(refused.status, (Status.payloadTooLarge, Status.badPayloadLength))
        self.assertLess(resident(pid) - before, GROWTH_BYTES)

    def test_1000_random_malformed_frames_beside_a_good_stream(self):
        before = resident(self.cluster.nodes[0].daemon.pid)
        victim = self.target(self.lease(key=self.key("/victim")))
        good = self.stream()
        data = self.bytes(FRAMES // 20 * 5000)
        wrong, at = [], 0
        for number in range(FRAMES):
            raw, statuses = malform.malformed(self.random, victim)
            try:
                got = self.answer_to(raw).status
            except (OSError, Closed, frames.Malformed) as fault:
                got = repr(fault)
            if got not in statuses:
                names = "/".join(status.name for status in statuses)
                wrong.append(f"frame {number}: {names} expected, {got!r} came: {raw[:128].hex()}")
            if number % 20 == 19:
                good.data(at, data[at : at + 5000]).wait_ack(at + 5000, Level.written)
                at += 5000
        first = "\n".join(wrong[:10])
        self.assertFalse(wrong, f"{len(wrong)} of {FRAMES}; CATENA_SEED={self.seed}\n{first}")
        self.finish(good, data)
        untouched = self.stream(victim)
        self.assertEqual(untouched.next_ack(), (0, 0, 0))
        growth = resident(self.cluster.nodes[0].daemon.pid) - before
        self.assertLess(growth, GROWTH_BYTES)

    def test_a_refused_connection_is_an_error_frame_not_a_reset(self):
        """Bytes that the node has not read must not turn its answer into a reset."""
        with DataConnection(self.address) as connection:
            connection.send_raw(b"?" * 128 + self.bytes(200_000))
            with self.assertRaises(Refusal) as caught:
                connection.receive()
        self.assert_status(Status.badMagic, caught.exception)


if __name__ == "__main__":
    unittest.main()
