"""Slow and silent peers are cut off by the deadlines (PROTOCOL section 1.7).

No test measures how long it took: each waits for the node's own decision.
"""

import socket
import time
import unittest

from catena_peer import frames, values
from catena_peer.case import ClusterCase, Level, Refusal, Status
from catena_peer.cluster import until
from catena_peer.control import Closed
from catena_peer.crc32c import crc32c
from catena_peer.datanode import DataConnection, located, read_range

CHUNK = frames.CHUNK
PEERS = 200
PROGRESS_SECONDS = 6  # the Python writer, too, must be faster on a loaded machine


class Slow(ClusterCase):
    settings = {
        "datanodes": 1, "replicas": 1, "min_nodes": 1, "block_bytes": 64 << 20,
        "node_settings": {"progress_timeout_ms": 1000 * PROGRESS_SECONDS,
                          "idle_timeout_ms": 8000}}

    def setUp(self):
        super().setUp()
        self.node = self.cluster.nodes[0]

    def connection(self):
        connection = DataConnection(self.node.address)
        self.addCleanup(connection.close)
        return connection

    def connections(self):
        """Established connections on the datanode's side, as the kernel lists them (proc(5), /proc/net/tcp)."""
        port = f":{self.node.address[1]:04X}"
        with open("/proc/net/tcp") as table:
            rows = [line.split() for line in table.readlines()[1:]]
        return sum(row[1].endswith(port) and row[3] == "01" for row in rows)

    def half_frame(self, number):
        """A connection that stops inside a header, inside credentials, or inside data."""
        if number % 3 == 0:
            connection = self.connection()
            connection.send_raw(frames.Header(frames.READ).encode()[: number % 128 + 1])
            return connection
        if number % 3 == 1:
            connection = self.connection()
            connection.send(frames.Header(frames.READ, payload_length=1000), b"x" * 500)
            return connection
        stream = self.stream(self.target(self.lease(key=self.key(f"/{number}"))))
        data = self.bytes(CHUNK)
        header = stream.header(
            frames.DATA, payload_length=CHUNK, piece_count=1, pieces=frames.piece_crcs(0, data))
        stream.connection.send_raw(header.encode() + data[: CHUNK // 2])
        return stream.connection

    def test_a_frame_that_stops_half_way_is_cut_off(self):
        for number in range(3):
            with self.subTest(kind=number):
                self.assert_status(Status.slowPeer, self.half_frame(number).refusal())

    def test_a_frame_that_drips_is_cut_off_too(self):
        connection = self.connection()
        raw = frames.Header(frames.READ, payload_length=1500).encode() + bytes(1500)

        def cut():
            try:
                connection.send_raw(raw[:1])
            except (ConnectionResetError, BrokenPipeError):
                return True
            connection.socket.settimeout(0.1)
            try:
                connection.receive()
            except TimeoutError:
                return False
            except Refusal as refused:
                self.assert_status(Status.slowPeer, refused)
            return True

        connection.send_raw(raw[:128])
        raw = raw[128:]
        until(cut, "a dripping peer to be cut off")

    def test_a_connection_without_a_stream_is_closed_when_idle(self):
        connection = self.connection()
        self.assert_status(Status.slowPeer, connection.refusal())

    def test_an_open_stream_may_be_silent_for_longer(self):
        data = self.bytes(CHUNK)
        stream = self.stream().data(0, data[:100])
        stream.wait_ack(100)
        time.sleep(9)  # beyond the progress deadline and the idle deadline of a bare connection
        stream.data(100, data[100:]).wait_ack(CHUNK, Level.written)
        self.finish(stream, data)

    def test_many_stuck_peers_are_cut_off_and_a_good_stream_does_well(self):
        before = self.connections()
        stuck = [self.half_frame(number) for number in range(PEERS)]
        data = self.bytes(40 * 10_000)
        good = self.stream()
        for at in range(0, len(data), 10_000):
            good.data(at, data[at : at + 10_000]).wait_ack(at + 10_000)
        for connection in stuck:
            self.assert_status(Status.slowPeer, connection.refusal())
            connection.close()
        self.finish(good, data)
        until(lambda: self.connections() <= before + 5, "the connections to be gone")
        again = self.bytes(16 << 20)  # more than any pool could have left if buffers had leaked
        stream = self.stream(self.target(self.lease(key=self.key("/again"))))
        for at in range(0, len(again), 1 << 20):
            stream.data(at, again[at : at + (1 << 20)], more=True)
        self.finish(stream, again)

    def test_a_reader_that_takes_nothing_is_cut_off(self):
        data = self.bytes(1 << 20) * 32
        values.put(self.client, self.key(), data, block_bytes=len(data))
        target = located(self.client.open(self.key()).blocks[0])
        payload = target.credentials
        slow = socket.socket()
        self.addCleanup(slow.close)
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        slow.connect(target.head)
        before = self.connections()
        slow.sendall(frames.Header(
            frames.READ, block=target.block, epoch=target.epoch, length=len(data),
            payload_length=len(payload), checksum=crc32c(payload)).encode() + payload)
        until(lambda: self.connections() < before, "the reader to be cut off")
        taken = 0
        try:
            while part := slow.recv(1 << 20):
                taken += len(part)
        except (ConnectionResetError, Closed):
            pass  # an end like another: the answer was not complete
        self.assertLess(taken, len(data))
        self.assertEqual(read_range(target, 5, 100_000), data[5:100_005])


if __name__ == "__main__":
    unittest.main()
