"""Many streams and connections on one datanode: each gets its share, and none costs much.

CATENA_STREAMS sets how many (10,000 for a full run; a stream takes two fixed files, so `ulimit -n`
must allow twice that).
"""

import os
import resource
import selectors
import socket
import struct
import sys
import unittest

from catena_peer import frames, values
from catena_peer.case import ClusterCase, Level, Status
from catena_peer.cluster import PATIENCE, until
from catena_peer.crc32c import crc32c
from catena_peer.datanode import DataConnection, Refusal, WriteStream, located, read_range

STREAMS = int(os.environ.get("CATENA_STREAMS", "2000"))
PAGE = 4096
BLOCK = 128 << 20
# What an open stream may take of a datanode's memory. For a block of 128 MiB, 8 KiB are its chunk
# table and 4 KiB its own record and the connection's.
BYTES_PER_STREAM = 20 << 10
BLOCKS_PER_LEASE = 1000
STORMS = 3


def setUpModule():
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


class Pump:
    """Writers that each keep their connection full, on one selector."""

    def __init__(self, streams, size):
        self.streams = streams
        self.payload = bytes(size)
        self.pieces = frames.piece_crcs(0, self.payload)
        self.pending = {stream: b"" for stream in streams}
        self.sent = dict.fromkeys(streams, 0)
        self.heard = {stream: b"" for stream in streams}
        self.acked = dict.fromkeys(streams, 0)

    def run(self, enough):
        """Until `enough(acked)`, which is a count of frames by stream."""
        with selectors.DefaultSelector() as selector:
            for stream in self.streams:
                stream.connection.socket.setblocking(False)
                selector.register(
                    stream.connection.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, stream)
            while not enough(self.acked):
                ready = selector.select(30)
                if not ready:
                    raise AssertionError(f"nobody goes on: {sorted(self.acked.values())}")
                for key, events in ready:
                    if events & selectors.EVENT_READ:
                        self.read(key.data)
                    if events & selectors.EVENT_WRITE:
                        self.write(key.data)

    def write(self, stream):
        if not self.pending[stream]:
            number, size = self.sent[stream], len(self.payload)
            header = stream.header(
                frames.DATA, offset=number * size, payload_length=size,
                piece_count=len(self.pieces), pieces=self.pieces)
            self.pending[stream] = memoryview(header.encode() + self.payload)
            self.sent[stream] += 1
        done = stream.connection.socket.send(self.pending[stream])
        self.pending[stream] = self.pending[stream][done:]

    def read(self, stream):
        self.heard[stream] += stream.connection.socket.recv(65536)
        whole = len(self.heard[stream]) // frames.HEADER_BYTES * frames.HEADER_BYTES
        for at in range(0, whole, frames.HEADER_BYTES):
            header = frames.decode(self.heard[stream][at : at + frames.HEADER_BYTES])
            if header.operation != frames.ACK:
                raise AssertionError(f"an ack was expected, not {header}")
            self.acked[stream] = header.written // len(self.payload)
        self.heard[stream] = self.heard[stream][whole:]


class Several(ClusterCase):
    """More writers than payload buffers."""

    settings = {
        "datanodes": 1, "block_bytes": BLOCK,
        "node_settings": {"payload_buffers": 32, "progress_timeout_ms": 120_000}}

    def streams(self, suffix, count):
        lease = self.lease(key=self.key(suffix))
        return [self.stream(self.target(lease, size_hint=PAGE)) for _ in range(count)]

    def stall(self, stream):
        """Sends half a frame of a chunk, and gives the other half."""
        data = bytes(frames.CHUNK)
        raw = stream.header(
            frames.DATA, payload_length=len(data), piece_count=1,
            pieces=frames.piece_crcs(0, data)).encode() + data
        stream.connection.send_raw(raw[: len(raw) // 2])
        return raw[len(raw) // 2 :]

    def test_writers_that_stall_in_a_frame_cost_the_others_nothing(self):
        stalled = self.streams("/stalled", 8)
        for stream in stalled:
            stream.next_ack()
        rests = [self.stall(stream) for stream in stalled]
        pump = Pump(self.streams("/good", 24), frames.CHUNK)
        pump.run(lambda acked: min(acked.values()) >= 32)
        for stream, rest in zip(stalled, rests):
            self.assertEqual(stream.acks[-1], (0, 0, 0))
            stream.connection.send_raw(rest)
            stream.wait_ack(frames.CHUNK, Level.written)

    def test_readers_that_take_nothing_cost_writers_nothing(self):
        data = self.bytes(1 << 20) * 16
        values.put(self.client, self.key("/read"), data, block_bytes=len(data))
        target = located(self.client.open(self.key("/read")).blocks[0])
        request = frames.Header(
            frames.READ, block=target.block, epoch=target.epoch, length=len(data),
            payload_length=len(target.credentials), checksum=crc32c(target.credentials))
        for _ in range(16):
            peer = socket.socket()
            self.addCleanup(peer.close)
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            peer.connect(target.head)
            peer.sendall(request.encode() + target.credentials)
        pump = Pump(self.streams("/good", 8), frames.CHUNK)
        pump.run(lambda acked: min(acked.values()) >= 32)

    def test_readers_that_take_nothing_cost_readers_nothing(self):
        data = self.bytes(1 << 20) * 16
        values.put(self.client, self.key("/read"), data, block_bytes=len(data))
        target = located(self.client.open(self.key("/read")).blocks[0])
        request = frames.Header(
            frames.READ, block=target.block, epoch=target.epoch, length=len(data),
            payload_length=len(target.credentials), checksum=crc32c(target.credentials))
        stalled = []
        for _ in range(100):
            peer = DataConnection(target.head)
            self.addCleanup(peer.close)
            peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            peer.send_raw(request.encode() + target.credentials)
            stalled.append(peer)
        for _ in range(3):
            self.assertEqual(read_range(target, 0, len(data)), data)
        # Who goes on gets what it asked for, to the byte.
        for peer in stalled[::10]:
            at = 0
            while at < len(data):
                header, part = peer.receive()
                self.assertEqual((header.offset, part), (at, data[at : header.end]))
                at = header.end
            self.assertTrue(header.flags & frames.LAST)

    def test_writers_share_the_buffers(self):
        streams, each = self.streams("", 64), 24
        pump = Pump(streams, frames.CHUNK)
        pump.run(lambda acked: sum(acked.values()) >= each * len(streams))
        shares = sorted(pump.acked.values())
        print(f"frames of {len(streams)} writers: {shares[0]} to {shares[-1]}", file=sys.stderr)
        self.assertGreaterEqual(shares[0], each // 3)
        self.assertLessEqual(shares[-1], each * 3)


class Strangers(ClusterCase):
    """Peers without a token, which stay for longer than any test."""

    settings = {
        "datanodes": 3, "node_settings": {
            "connections": 64, "payload_buffers": 32, "progress_timeout_ms": 600_000,
            "idle_timeout_ms": 600_000}}

    def stranger(self, node, number):
        """One that says nothing, half a header, or half its credentials."""
        raw = frames.Header(frames.READ, payload_length=300).encode() + bytes(300)
        peer = DataConnection(node.address)
        self.addCleanup(peer.close)
        peer.send_raw(raw[: (0, 64, 278)[number % 3]])
        return peer

    def assert_good_traffic(self, data):
        for number in range(3):
            key = self.key(f"/{number}")
            values.put(self.client, key, data)
            self.assertEqual(values.get(self.client, key), data)

    def test_half_said_credentials_hold_no_buffer(self):
        for node in self.cluster.nodes:
            for _ in range(31):
                self.stranger(node, 2)
        self.assert_good_traffic(self.bytes(3 << 20))

    def test_strangers_take_no_place_of_a_peer_with_a_token(self):
        stream = self.stream()
        data = self.bytes(PAGE)
        stream.data(0, data).wait_ack(PAGE, Level.written)
        idle = DataConnection(self.cluster.nodes[0].address)
        self.addCleanup(idle.close)
        for node in self.cluster.nodes:
            for number in range(200):
                self.stranger(node, number)
        self.assert_good_traffic(self.bytes(3 << 20))
        self.finish(stream, data)
        idle.expect_closed()  # it was here before the others, and had said nothing


class Sitting(ClusterCase):
    """Peers with a valid token that keep what they got."""

    settings = {
        "datanodes": 3, "block_bytes": 16 << 20, "node_settings": {
            "connections": 64, "read_streams": 32, "progress_timeout_ms": 600_000,
            "idle_timeout_ms": 600_000}}

    def located(self, data):
        values.put(self.client, self.key("/read"), data, block_bytes=len(data))
        return located(self.client.open(self.key("/read")).blocks[0])

    def test_idle_connections_give_way(self):
        data = self.bytes(PAGE)
        target = self.located(data)
        for number in range(3 * 100):
            place = number % 3
            peer = DataConnection(target.chain[place].address)
            self.addCleanup(peer.close)
            self.assertEqual(read_range(target, 0, PAGE, place, peer), data)
        for number in range(10):
            key = self.key(f"/{number}")
            values.put(self.client, key, data)
            self.assertEqual(values.get(self.client, key), data)

    def test_stalled_reads_give_way(self):
        data = self.bytes(1 << 20) * 16
        target = self.located(data)
        ask = frames.Header(
            frames.READ, block=target.block, epoch=target.epoch, length=len(data),
            payload_length=len(target.credentials), checksum=crc32c(target.credentials))
        for _ in range(50):
            peer = DataConnection(target.head)
            self.addCleanup(peer.close)
            peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            peer.send_raw(ask.encode() + target.credentials)
        # The first may be told that the node is busy, until the others have stalled for a turn.
        until(lambda: self.reads(target, data), "a read beside those that stall")
        for _ in range(20):
            self.assertTrue(self.reads(target, data))

    def reads(self, target, data):
        try:
            return read_range(target, 0, len(data)) == data
        except Refusal as refused:
            self.assert_status(Status.busy, refused)
            return False


class SittingOn2Reactors(Sitting):
    settings = {**Sitting.settings, "node_settings": {
        **Sitting.settings["node_settings"], "reactors": 2}}


class Many(ClusterCase):
    settings = {
        "datanodes": 1, "block_bytes": BLOCK, "heartbeat_ms": 1000, "stale_ms": 5000,
        "dead_ms": 10_000, "lease_ms": 600_000,
        "node_settings": {"connections": 2 * STREAMS + 100, "write_streams": STREAMS + 16,
                          "read_streams": 16, "idle_timeout_ms": 120_000}}

    def setUp(self):
        super().setUp()
        self.node = self.cluster.nodes[0]
        self.page = self.bytes(PAGE)
        self.pieces = frames.piece_crcs(0, self.page)

    def resident(self):
        """Bytes of memory the datanode uses (proc(5), VmRSS)."""
        with open(f"/proc/{self.node.daemon.pid}/status") as lines:
            return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmRSS"))

    def connection(self):
        """One that ends with a reset, so that its port is free at once."""
        connection = DataConnection(self.node.address)
        connection.socket.setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.addCleanup(connection.close)
        return connection

    def targets(self, count):
        targets = []
        for number in range(count):
            if number % BLOCKS_PER_LEASE == 0:
                lease = self.lease(key=self.key(f"/{number}"))
            targets.append(self.target(lease, size_hint=PAGE))
        return targets

    def page_frame(self, stream, offset):
        return stream.header(
            frames.DATA, offset=offset, payload_length=PAGE, piece_count=1,
            pieces=self.pieces).encode() + self.page

    def test_open_streams_take_data_and_little_memory(self):
        good = self.stream(self.target(self.lease(key=self.key("/good"))))
        good.data(0, self.page).wait_ack(PAGE, Level.written)
        targets = self.targets(STREAMS)
        before = self.resident()
        streams = []
        for target in targets:
            stream = WriteStream(target, self.connection())
            stream.begin(more=True)
            stream.connection.send_raw(self.page_frame(stream, 0))
            streams.append(stream)
        for stream in streams:
            stream.wait_ack(PAGE, Level.written)
        each = (self.resident() - before) / len(streams)
        print(f"{len(streams)} open streams: {each:.0f} bytes each", file=sys.stderr)
        self.assertLess(each, BYTES_PER_STREAM)
        for stream in streams:
            stream.connection.send_raw(self.page_frame(stream, PAGE))
        for stream in streams:
            stream.wait_ack(2 * PAGE, Level.written)
        good.data(PAGE, self.page).wait_ack(2 * PAGE, Level.written)
        one_more = WriteStream(
            self.target(self.lease(key=self.key("/more"))), self.connection()).begin()
        one_more.data(0, self.page).wait_ack(PAGE, Level.written)

    def test_idle_connections_cost_a_writer_nothing(self):
        before = self.resident()
        idle = [self.connection() for _ in range(STREAMS)]
        data = self.bytes(16 * PAGE)
        good = self.stream(self.target(self.lease(key=self.key("/good"))))
        self.finish(good.data(0, data), data)
        each = (self.resident() - before) / len(idle)
        print(f"{len(idle)} idle connections: {each:.0f} bytes each", file=sys.stderr)
        # Each is served still: it gets an answer of its own.
        for connection in idle:
            connection.send_raw(bytes(frames.HEADER_BYTES))
        for connection in idle:
            self.assert_status(Status.badMagic, connection.refusal())

    def storm(self, count):
        """`count` connects at once, each with a header that is refused; gives the sockets."""
        sockets = []
        for _ in range(count):
            peer = socket.socket()
            self.addCleanup(peer.close)
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            peer.setblocking(False)
            peer.connect_ex(self.node.address)
            sockets.append(peer)
        return sockets

    def test_storms_of_connections_do_not_stop_a_writer(self):
        stream = self.stream(self.target(self.lease()))
        stream.next_ack()
        at = 0
        for _ in range(STORMS):
            peers = self.storm(STREAMS // 2)
            for _ in range(50):
                stream.connection.send_raw(self.page_frame(stream, at))
                at += PAGE
                stream.wait_ack(at, Level.written)
            for peer in peers:
                peer.settimeout(PATIENCE)
                self.answered(peer)
                peer.close()

    def answered(self, peer):
        """The node took the connection up and answers what is sent on it."""
        until(lambda: peer.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0, "a connection")
        with selectors.DefaultSelector() as selector:
            selector.register(peer, selectors.EVENT_WRITE)
            self.assertTrue(selector.select(PATIENCE), "a connection of a storm is taken up")
        peer.sendall(bytes(frames.HEADER_BYTES))
        header = frames.decode(peer.recv(frames.HEADER_BYTES, socket.MSG_WAITALL))
        self.assertEqual(header.status, Status.badMagic)


if __name__ == "__main__":
    unittest.main()
