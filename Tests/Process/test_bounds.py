"""What one stream must not do to a datanode: frames that cross an answer, gaps that stay open, silence behind it."""

import os
import socket
import tempfile
import threading
import time
import unittest

from catena_peer import frames
from catena_peer.case import ClusterCase, Level, Status
from catena_peer.cluster import Cluster
from catena_peer.control import SECONDS
from catena_peer.credentials import ChainNode, chain_hash, reforge
from catena_peer.datanode import WriteStream

CHUNK = frames.CHUNK


class CrossingFrames(ClusterCase):
    settings = {"datanodes": 1}

    def test_a_duplicate_that_crosses_sealed_is_dropped_and_the_connection_goes_on(self):
        data = self.bytes(8192)
        lease = self.lease()
        stream = self.stream(self.target(lease)).data(0, data)
        stream.wait_ack(len(data), Level.written)
        stream.seal(data)
        header = stream.header(
            frames.DATA, offset=0, payload_length=len(data), piece_count=1,
            pieces=frames.piece_crcs(0, data))
        stream.connection.send_raw(header.encode() + data[:4096])
        stream.wait_sealed()
        stream.connection.send_raw(data[4096:])
        stream.data(0, data)  # and one more that comes whole
        second = WriteStream(self.target(lease), stream.connection, stream=2)
        self.finish(second.begin().data(0, data), data)

    def test_two_frames_at_one_offset_beyond_a_gap_must_be_the_same(self):
        stream = self.stream()
        stream.data(4096, b"x" * 4096).data(4096, b"x" * 4096)
        stream.data(0, b"a" * 4096)
        stream.wait_ack(8192, Level.written)
        other = self.stream(self.target(self.lease(key=self.key("/2"))))
        other.data(4096, b"x" * 4096).data(4096, b"y" * 4096)
        self.assert_status(Status.conflict, other.refusal())


class Starved(ClusterCase):
    settings = {"datanodes": 1, "node_settings": {"progress_timeout_ms": 2000}}

    def test_gaps_that_stay_open_hold_up_nobody_else(self):
        streams = [
            self.stream(self.target(self.lease(key=self.key(f"/{number}"))))
            for number in range(10)]
        for stream in streams:
            stream.next_ack()
            try:
                for place in range(16):
                    stream.data(4096 * (place + 1), b"x" * 4096)
            except OSError:
                pass  # refused with busy while it was sending
        data = self.bytes(1 << 20)
        good = self.stream(self.target(self.lease(key=self.key("/good"))))
        self.finish(good.data(0, data), data)
        for stream in streams:
            self.assertIn(
                stream.connection.refusal().status, (Status.busy, Status.slowPeer))

    def test_a_trickled_header_is_cut_off(self):
        header = self.stream().header(frames.READ).encode()
        with socket.create_connection(self.cluster.nodes[0].address) as connection:
            connection.settimeout(SECONDS)
            answer = []
            reader = threading.Thread(target=lambda: answer.append(connection.recv(128)))
            reader.start()
            for byte in header[:-1]:
                try:
                    connection.send(bytes([byte]))
                except OSError:
                    break
                if answer:
                    break
                time.sleep(0.5)
            reader.join()
        self.assertEqual(frames.decode(answer[0]).status, Status.slowPeer)

    def test_a_silent_next_node_is_named_on_every_stream(self):
        target = self.target()
        with socket.create_server(("127.0.0.1", 0)) as silent:
            chain = [target.chain[0], ChainNode(os.urandom(16), *silent.getsockname())]
            token = reforge(
                target.token, self.cluster.signing_key(), chain_hash=chain_hash(chain))
            for _ in range(2):
                stream = self.stream(target.changed(chain=chain, token=token))
                stream.data(0, b"x" * 4096)
                self.assert_status(Status.slowPeer, stream.refusal())
                stream.connection.close()


class Starts(unittest.TestCase):
    def test_a_namenode_that_starts_again_gives_numbers_of_its_own(self):
        with Cluster(1) as cluster, tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "file")
            for number in range(3):
                with open(path, "wb") as file:
                    file.write(os.urandom(100_000))
                self.assertEqual(cluster.cli("put", path, f"before/{number}").returncode, 0)
            cluster.namenode.kill()
            cluster.start_namenode()
            cluster.wait_settled()
            for number in range(3):
                put = cluster.cli("put", path, f"after/{number}")
                self.assertEqual(put.returncode, 0, put.stderr)


if __name__ == "__main__":
    unittest.main()
