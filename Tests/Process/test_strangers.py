"""Good puts and gets succeed beside strangers that sit and hold: `strangers.py`, shortened."""

import unittest

import strangers
from catena_peer.case import ClusterCase

COUNTS = {
    "SilentCallers": 300, "Leases": 500, "Answers": 500, "LongMessages": 100,
    "HalfCredentials": 150, "Readers": 40}
OPERATIONS = 10  # puts, and as many gets


class Strangers(ClusterCase):
    settings = {"datanodes": 3}

    def test_every_good_operation_succeeds_beside_each(self):
        self.assertEqual(set(COUNTS), set(strangers.STRANGERS))
        strangers.prepare(self.cluster)
        for name, count in COUNTS.items():
            with self.subTest(stranger=name), strangers.STRANGERS[name](self.cluster, count):
                strangers.good(self.cluster, OPERATIONS, name)
        done = self.client.list("good/").entries
        self.assertEqual(len(done), OPERATIONS * len(COUNTS))
        self.assertEqual({entry.length for entry in done}, {len(strangers.VALUE)})


if __name__ == "__main__":
    unittest.main()
