"""Values of many blocks: listed in parts, and refused before they are written when they are too long."""

import os
import unittest

from catena_peer import values
from catena_peer.case import ClusterCase, Code, Durability
from catena_peer.crc32c import crc32c

BLOCK = 64 << 10
EX_USAGE = 64


class LongValues(ClusterCase):
    settings = {
        "datanodes": 1, "block_bytes": BLOCK, "longest_block_bytes": BLOCK, "stale_ms": 10_000,
        "dead_ms": 20_000}

    def test_a_part_is_kept_across_a_restart_and_the_key_comes_with_the_last(self):
        parts = [self.bytes(2 * BLOCK), self.bytes(BLOCK), self.bytes(5)]
        lease = self.lease()
        for number, part in enumerate(parts):
            receipts = values.put_blocks(self.client, lease, part, BLOCK)
            self.client.add_block(lease)  # planned and not used
            self.client.close_key(
                lease, receipts, Durability.WRITTEN, more=number + 1 < len(parts))
            if number == 0:
                self.assertFalse(self.client.info(self.key()).exists)
                self.cluster.namenode.kill()
                self.cluster.start_namenode()
                self.cluster.wait_settled()
                self.client.close()
                self.client.connect()
                self.assertEqual(self.client.info(self.key()).open_length, 2 * BLOCK)
        self.assertEqual(values.get(self.client, self.key()), b"".join(parts))
        fsck = self.cluster.cli("fsck", self.key())
        self.assertEqual(fsck.returncode, 0, fsck.stdout)

    def test_catena_lists_many_blocks_in_parts(self):
        path = self.cluster.folder / "long"
        data = self.random.randbytes(1 << 20) * 66 + b"end"
        path.write_bytes(data)
        put = self.cluster.cli("put", "--durability", "written", str(path), self.key())
        self.assertEqual(put.returncode, 0, put.stderr)
        self.assertEqual(self.client.open(self.key()).length, len(data))
        self.assertEqual(self.client.status().leases, 0)
        copy = self.cluster.folder / "copy"
        get = self.cluster.cli("get", self.key(), str(copy))
        self.assertEqual(get.returncode, 0, get.stderr)
        self.assertEqual(crc32c(copy.read_bytes()), crc32c(data))

    def test_a_file_that_is_too_long_is_refused_before_it_is_written(self):
        path = self.cluster.folder / "too-long"
        with open(path, "wb") as file:
            os.truncate(file.fileno(), 100_000 * BLOCK + 1)
        put = self.cluster.cli("put", str(path), self.key())
        self.assert_cli(put, {EX_USAGE}, f"at most {100_000 * BLOCK} bytes")
        self.assert_refused(Code.NOT_FOUND, self.client.info, self.key())
        self.assertEqual(self.client.status().leases, 0)


if __name__ == "__main__":
    unittest.main()
