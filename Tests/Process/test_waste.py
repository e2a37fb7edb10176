"""A datanode allocates nothing, retains nothing and copies no payload for a data frame.

Each datanode runs with a library that counts on its reactor's thread (waste/counts.c). What a
process does once a second whether frames come or not is measured while none come, and taken off.
"""

import pathlib
import random
import subprocess
import sys
import tempfile
import time
import unittest

from catena_peer import frames
from catena_peer.case import ClusterCase, Durability, Level
from catena_peer.cluster import PATIENCE, Cluster, command_environment, program
from catena_peer.crc32c import combine, crc32c
from catena_peer.datanode import DataConnection, located
from waste import counting

BLOCK = 512 << 20
WARM_UP = 64
MEASURED = 640
IDLE_SECONDS = 3
NONE_PER_FRAME = ["allocate", "free", "object", "retain", "release", "access", "copy payload"]
# What may still differ between an idle second and a busy one, over a whole measurement: an open
# block that moved is reported once a second.
SLACK = MEASURED // 20


def show(what, seen):
    row = ", ".join(f"{kind} {seen.count[kind]}" for kind in counting.KINDS)
    print(f"{what}, {MEASURED} frames: {row}; {seen.bytes['copy payload']} bytes copied",
          file=sys.stderr)


def wasted(what, counts, seen, allowed):
    """A text for each kind that was counted more often than `allowed`: how often, and where."""
    faults = []
    for kind in NONE_PER_FRAME:
        if seen.count[kind] > allowed[kind]:
            places = {key: count for key, count in seen.places.items() if key[0] == kind}
            faults.append(f"{what}: {kind} {seen.count[kind]} times in {MEASURED} frames, "
                          f"{allowed[kind]:.0f} allowed\n{counts.text(places)}")
    return faults


class Counted(ClusterCase):
    """Three datanodes in a chain, and what each does per frame."""

    settings = {
        "block_bytes": BLOCK, "heartbeat_ms": 1000, "stale_ms": 5000, "dead_ms": 10_000}

    @classmethod
    def setUpClass(cls):
        cls.seed = 1  # nothing here is left to chance
        folder = cls.enterClassContext(tempfile.TemporaryDirectory(prefix="catena-waste-"))
        library = counting.build(folder)
        cls.cluster = Cluster(3, **cls.settings)
        for node in cls.cluster.nodes:
            node.daemon.environment = counting.environment(library, folder, "catena-react")
        cls.enterClassContext(cls.cluster)
        cls.counts = {
            node.address[1]: counting.Counts(folder, node.daemon.pid) for node in cls.cluster.nodes}
        for counts in cls.counts.values():
            cls.addClassCleanup(counts.close)

    def setUp(self):
        super().setUp()
        self.payload = random.Random(self.seed).randbytes(frames.CHUNK)
        self.crc = crc32c(self.payload)

    def at(self, nodes):
        """The counts of each node of a chain, now."""
        return [self.counts[node.port].snapshot() for node in nodes]

    def idle(self, nodes):
        """What a second costs each node when no frame comes."""
        before = self.at(nodes)
        time.sleep(IDLE_SECONDS)
        return [
            {kind: count / IDLE_SECONDS for kind, count in after.since(then).count.items()}
            for then, after in zip(before, self.at(nodes))]

    def measure(self, what, nodes, work):
        """Runs `work`, which is MEASURED frames, and judges what each node did meanwhile."""
        idle = self.idle(nodes)
        before, start = self.at(nodes), time.monotonic()
        work()
        after, seconds = self.at(nodes), time.monotonic() - start
        faults = []
        for node, second, then, now in zip(nodes, idle, before, after):
            seen = now.since(then)
            show(f"{what}, node {nodes.index(node) + 1}", seen)
            allowed = {kind: 2 * second[kind] * (seconds + 1) + SLACK for kind in NONE_PER_FRAME}
            faults += wasted(what, self.counts[node.port], seen, allowed)
        if faults:
            self.fail("\n".join(["", *faults]))

    def assert_counting(self, nodes, befores, *kinds):
        """The counters work: each of `kinds` has risen everywhere."""
        for before, after in zip(befores, self.at(nodes)):
            for kind in kinds:
                self.assertGreater(after.since(before).count[kind], 0, f"{kind} is not counted")
            self.assertEqual(after.threads, 1)

    def send(self, stream, start, count, size):
        """`count` frames of `size` bytes, and every ack of them."""
        payload = self.payload * (size // frames.CHUNK)
        pieces = (self.crc,) * (size // frames.CHUNK)
        for number in range(start, start + count):
            header = stream.header(
                frames.DATA, flags=frames.MORE if number + 1 < start + count else 0,
                offset=number * size, payload_length=size, piece_count=len(pieces), pieces=pieces)
            stream.connection.send(header, payload)
        stream.wait_ack((start + count) * size, Level.written)

    def seal(self, stream, count, size):
        """The receipt of a block of `count` frames that `send` sent."""
        checksum = 0
        for _ in range(count * size // frames.CHUNK):
            checksum = combine(checksum, self.crc, frames.CHUNK)
        stream.connection.send(stream.header(
            frames.SEAL, flags=frames.WRITTEN, length=count * size, checksum=checksum))
        return stream.receipt()

    def written(self, size):
        """A closed key of one block, and what its frames cost the chain."""
        lease = self.lease(key=self.key(f"/{size}"))
        target = self.target(lease, size_hint=BLOCK)
        opening = self.at(target.chain)
        stream = self.stream(target)
        self.send(stream, 0, WARM_UP, size)
        # The stream's opening allocated its chunk table, and copied its names.
        self.assert_counting(
            target.chain, opening, "allocate", "free", "retain", "release", "copy small")
        self.measure(f"written {size >> 10} KiB", target.chain,
                     lambda: self.send(stream, WARM_UP, MEASURED, size))
        receipt = self.seal(stream, WARM_UP + MEASURED, size)
        self.client.close_key(lease, [receipt], Durability.WRITTEN)

    def test_frames_read(self):
        size, count = 512 << 10, WARM_UP + MEASURED + WARM_UP
        lease = self.lease()
        stream = self.stream(self.target(lease, size_hint=BLOCK))
        self.send(stream, 0, count, size)
        self.client.close_key(
            lease, [self.seal(stream, count, size)], Durability.WRITTEN)
        target = located(self.client.open(self.key()).blocks[0])
        connection = DataConnection(target.head)
        self.addCleanup(connection.close)
        credentials = target.credentials
        connection.send(frames.Header(
            frames.READ, stream=1, block=target.block, epoch=target.epoch, length=count * size,
            payload_length=len(credentials), checksum=crc32c(credentials)), credentials)

        def take(number):
            for _ in range(number):
                header, payload = connection.receive()
                self.assertEqual((header.operation, len(payload)), (frames.DATA, size))
                self.assertEqual(header.pieces, (self.crc,) * (size // frames.CHUNK))

        take(WARM_UP)
        self.measure("read 512 KiB", target.chain[:1], lambda: take(MEASURED))

    def test_frames_written(self):
        for size in (64 << 10, 512 << 10):
            with self.subTest(size=size):
                self.written(size)


class Tool(ClusterCase):
    """`catena put` and `get`: a long file against a short one, so that what a process does once
    falls out."""

    settings = {"datanodes": 3, "block_bytes": BLOCK}
    frame = 512 << 10

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.folder = cls.enterClassContext(tempfile.TemporaryDirectory(prefix="catena-waste-"))
        cls.library = counting.build(cls.folder)

    def run_counted(self, *words):
        """Everything one `catena WORDS` counted, and the Counts that name its places."""
        # Hashes that are drawn anew in each process would make two runs differ outside of frames.
        environment = {
            **command_environment(self.cluster.address), "SWIFT_DETERMINISTIC_HASHING": "1",
            **counting.environment(self.library, self.folder, "catena")}
        process = subprocess.Popen(
            program("catena") + [str(word) for word in words], env=environment,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        _, error = process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, 0, error.decode())
        counts = counting.Counts(self.folder, process.pid)
        self.addCleanup(counts.close)
        return counts

    def file(self, count):
        path = pathlib.Path(self.folder) / f"{count}"
        with open(path, "wb") as file:
            piece = self.bytes(self.frame)
            for _ in range(count):
                file.write(piece)
        return path

    def compare(self, what, short, long):
        seen = long.snapshot().since(short.snapshot())
        show(what, seen)
        self.assertGreater(short.snapshot().count["retain"], 0)
        faults = wasted(what, long, seen, dict.fromkeys(NONE_PER_FRAME, SLACK))
        if faults:
            self.fail("\n".join(["", *faults]))

    def test_put_and_get(self):
        counts = (WARM_UP, WARM_UP + MEASURED)
        files = [self.file(count) for count in counts]
        self.compare("catena put", *[
            self.run_counted("put", path, self.key(f"/{path.name}")) for path in files])
        self.compare("catena get", *[
            self.run_counted("get", self.key(f"/{path.name}"), f"{path}.got") for path in files])
        self.assertEqual(files[1].read_bytes(), pathlib.Path(f"{files[1]}.got").read_bytes())


if __name__ == "__main__":
    unittest.main()
