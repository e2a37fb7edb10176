"""The peer against itself: put, get and a refusal with the Python stand-ins. Needs no build.

The whole suite runs against them with CATENA_BIN=standin; this is the part that always does.
"""

import os
import pathlib
import subprocess
import sys
import unittest

SCRIPT = """
import random
from catena_peer import values
from catena_peer.cluster import Cluster
from catena_peer.control import Refused
from catena_peer.status import Code

with Cluster(3) as cluster:
    client = cluster.client()
    data = random.Random(1).randbytes(3_000_001)
    values.put(client, "key", data)
    assert values.get(client, "key") == data
    out = cluster.folder / "out"
    assert cluster.cli("get", "key", out).returncode == 0 and out.read_bytes() == data
    try:
        client.create("key")
    except Refused as refused:
        assert refused.code == Code.EXISTS
    else:
        raise AssertionError("an existing key was created again")
    folder = cluster.folder
assert not folder.exists(), "the harness cleans up"
"""


class PeerAgainstItself(unittest.TestCase):
    def test_a_value_goes_through_a_chain_of_three_stand_ins(self):
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=120,
            cwd=pathlib.Path(__file__).parent, env={**os.environ, "CATENA_BIN": "standin"},
            check=False)
        self.assertEqual(done.returncode, 0, done.stderr)


if __name__ == "__main__":
    unittest.main()
