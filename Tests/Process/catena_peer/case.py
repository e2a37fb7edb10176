"""What the process tests share: a cluster for each class, its logs shown when a test fails."""

import os
import random
import sys
import unittest

from .cluster import Cluster, until
from .control import Refused
from .datanode import Refusal, WriteStream, planned
from .status import Code, Durability, Level, Status


class ClusterCase(unittest.TestCase):
    """A class of tests on one cluster; `settings` are its arguments."""

    settings = {}

    @classmethod
    def setUpClass(cls):
        cls.seed = int(os.environ.get("CATENA_SEED", "0")) or random.SystemRandom().getrandbits(32)
        print(f"{cls.__name__}: CATENA_SEED={cls.seed}", file=sys.stderr)
        cls.cluster = Cluster(**cls.settings)
        cls.enterClassContext(cls.cluster)

    def setUp(self):
        self.random = random.Random(self.seed)
        self.client = self.cluster.client()
        self.addCleanup(self.client.close)

    def run(self, result=None):
        before = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > before and hasattr(self, "cluster"):
            print(f"logs after {self.id()}:\n{self.cluster.tails()}", file=sys.stderr)

    def bytes(self, count):
        return self.random.randbytes(count)

    def lease(self, overwrite=False, key=None):
        """A lease on a key of this test's own."""
        lease = self.client.create(key or self.key(), overwrite)
        return lease

    def key(self, suffix=""):
        return f"{type(self).__name__}/{self._testMethodName}{suffix}"

    def target(self, lease=None, **fields):
        """A planned block, ready to be written."""
        return planned(self.client.add_block(lease or self.lease(), **fields))

    def stream(self, target=None, **fields):
        """A begun write stream on a block of this test's own, closed at its end."""
        stream = WriteStream(target or self.target(), **fields)
        self.addCleanup(stream.connection.close)
        return stream.begin()

    def again(self, target):
        """A further stream on a block, when the one before has ended: a node is busy until it has
        closed that one's file. Its first ack is read."""
        streams = []

        def is_heard():
            streams.append(self.stream(target))
            try:
                streams[-1].next_ack()
                return True
            except Refusal as refused:
                if refused.status != Status.busy:
                    raise
                return False

        until(is_heard, "the stream before to end")
        return streams[-1]

    def finish(self, stream, data, level=Level.written):
        """Seals and checks the receipt; the block is good when this returns."""
        stream.seal(data, level)
        header, receipt, _ = stream.wait_sealed()
        self.assertEqual(receipt.length, len(data))
        self.assertEqual(receipt.checksum, header.checksum)
        self.assertGreaterEqual(receipt.level, level)
        return receipt

    def assert_status(self, status, refused):
        self.assertEqual(refused.status, status, refused.text)
        self.assertTrue(refused.text, "an error frame says why in a sentence")

    def assert_refused(self, code, call, *words, **fields):
        """`call` must be refused with `code`; gives the reply."""
        with self.assertRaises(Refused) as caught:
            call(*words, **fields)
        self.assertEqual(caught.exception.code, code, str(caught.exception))
        self.assertTrue(caught.exception.reply.message, "a refusal says why in a sentence")
        return caught.exception.reply

    def assert_cli(self, done, codes, *texts):
        """`catena` must have ended with one of `codes` and said each of `texts` on stderr."""
        error = done.stderr.decode()
        self.assertIn(done.returncode, codes, error)
        for text in texts:
            self.assertIn(text, error)


class CommandCase(ClusterCase):
    def source(self, data, name="source"):
        path = self.cluster.folder / name
        path.write_bytes(data)
        return path

    def put(self, data, key=None, *words):
        done = self.cluster.cli("put", self.source(data), key or self.key(), *words)
        self.assert_cli(done, {0})
        return done

    def got(self, key):
        out = self.cluster.folder / "out"
        out.unlink(missing_ok=True)
        self.assert_cli(self.cluster.cli("get", key, out), {0})
        return out.read_bytes()


__all__ = ["ClusterCase", "CommandCase", "Code", "Durability", "Level", "Refusal", "Refused", "Status"]
