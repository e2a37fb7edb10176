"""The crash campaign, and that its oracle finds what is wrong."""

import contextlib
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import unittest

from catena_peer import cluster
from catena_peer.campaign import oracle, plan
from catena_peer.campaign.campaign import Campaign
from catena_peer.campaign.power import PowerCampaign
from catena_peer.campaign.journal import Journal, KeyState, Ledger

CRASH = pathlib.Path(__file__).resolve().parents[2] / "dev" / "crash"
CYCLES = os.environ.get("CATENA_CYCLES", "20")
CUTS = os.environ.get("CATENA_CUTS", "5")
BLOCK_HEADERS = 8192


@unittest.skipIf(cluster.STANDIN, "SKIPPED: the stand-ins keep nothing over a kill")
class P4(unittest.TestCase):
    def test_what_was_acked_survives_kills_at_any_time_and_place(self):
        seed = os.environ.get("CATENA_SEED") or str(random.SystemRandom().getrandbits(31) + 1)
        print(f"P4: CATENA_SEED={seed}", file=sys.stderr)
        done = subprocess.run(
            [CRASH, "--no-build", "--cycles", CYCLES, "--seed", seed, "--json"],
            env={**os.environ, "CATENA_BIN": cluster.BIN}, text=True, stdout=subprocess.PIPE,
            timeout=cluster.PATIENCE + 30 * int(CYCLES), check=False)
        self.assertEqual(done.returncode, 0, done.stdout)
        summary = json.loads(done.stdout)
        self.assertEqual(summary["cycles"], int(CYCLES))
        self.assertGreater(summary["acked"]["durable"], 0)
        self.assertGreater(summary["values_read"], 0)
        for what in ("lost_durable_bytes", "lost_bytes", "wrong_bytes", "in_between"):
            self.assertEqual(summary[what], 0)


@unittest.skipIf(cluster.STANDIN, "SKIPPED: the stand-ins keep nothing over a kill")
class P5(unittest.TestCase):
    def test_what_was_acked_durable_survives_power_cuts(self):
        seed = int(os.environ.get("CATENA_SEED") or random.SystemRandom().getrandbits(31))
        print(f"P5: CATENA_SEED={seed}", file=sys.stderr)
        campaign = PowerCampaign(seed)
        with campaign:
            for number in range(1, int(CUTS) + 1):
                campaign.run(number)
        self.assertEqual(campaign.findings.sentences, [])
        self.assertGreater(campaign.summary()["acked"]["durable"], 0)


@unittest.skipIf(cluster.STANDIN, "SKIPPED: the stand-ins keep nothing over a kill")
class Oracles(unittest.TestCase):
    """Damage that the campaign has to find, done to a cluster that did nothing wrong."""

    def setUp(self):
        patience, oracle.PATIENCE = oracle.PATIENCE, 0
        self.addCleanup(setattr, oracle, "PATIENCE", patience)

    def findings_of(self, damage):
        """One cycle without damage, then one before whose check `damage` is done."""
        campaign = Campaign(7)
        self.addCleanup(shutil.rmtree, campaign.folder, ignore_errors=True)
        with campaign:
            campaign.run(1)
            self.assertEqual(campaign.findings.sentences, [])
            campaign.before_check = damage
            campaign.run(2)
        return campaign.findings

    @contextlib.contextmanager
    def away(self, campaign, targets):
        """Kills these, and has them back and settled at the end."""
        for target in targets:
            campaign.daemons[target].kill()
        yield
        for target in targets:
            campaign.start(target)
        campaign.cluster.wait_settled()

    def block_files(self, campaign):
        for node in campaign.cluster.nodes:
            for folder in node.folders:
                yield from (folder / "blocks").glob("*.blk")

    def test_blocks_that_are_gone_are_lost(self):
        def damage(campaign):
            with self.away(campaign, range(1, 5)):
                for path in self.block_files(campaign):
                    path.unlink()

        findings = self.findings_of(damage)
        self.assertGreater(findings.lost_durable, 0)

    def test_flipped_bits_are_wrong_bytes(self):
        def damage(campaign):
            for path in self.block_files(campaign):
                with contextlib.suppress(FileNotFoundError), open(path, "r+b") as file:
                    file.seek(BLOCK_HEADERS)
                    byte = file.read(1)
                    file.seek(BLOCK_HEADERS)
                    # A block that was given up may have no payload.
                    file.write(bytes([byte[0] ^ 1]) if byte else b"")
                    os.fsync(file.fileno())

        findings = self.findings_of(damage)
        self.assertGreater(findings.wrong_bytes, 0)

    def test_a_namespace_of_yesterday_is_found(self):
        kept = pathlib.Path(tempfile.mkdtemp(prefix="catena-yesterday-"))
        self.addCleanup(shutil.rmtree, kept)

        def keep(campaign):
            with self.away(campaign, [0]):
                shutil.copytree(campaign.cluster.namenode_folder, kept / "namenode")

        def restore(campaign):
            with self.away(campaign, [0]):
                shutil.rmtree(campaign.cluster.namenode_folder)
                shutil.copytree(kept / "namenode", campaign.cluster.namenode_folder)

        campaign = Campaign(9)
        self.addCleanup(shutil.rmtree, campaign.folder, ignore_errors=True)
        with campaign:
            campaign.before_check = keep
            campaign.run(1)
            campaign.before_check = restore
            campaign.run(2)
        self.assertNotEqual(campaign.findings.sentences, [])
        self.assertGreater(
            campaign.findings.lost_durable + campaign.findings.in_between, 0)


class Ledgers(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="catena-ledger-test-")
        self.addCleanup(self.folder.cleanup)
        self.path = pathlib.Path(self.folder.name) / "ledger"

    def state(self, *events):
        """The state after these; (event, version) or (event,). Gives it with the last sentence."""
        state, said = KeyState(), None
        for event, *version in events:
            said = state.note({"event": event, "version": version[0] if version else None,
                               "size": 1, "level": "durable", "why": "because"})
        return state, said

    def assert_possible(self, versions, *events):
        self.assertEqual(self.state(*events)[0].possible, versions)

    def test_what_may_be_read(self):
        self.assert_possible({None}, ("begin", 1))
        self.assert_possible({None, 1}, ("begin", 1), ("closing", 1))
        self.assert_possible({1}, ("begin", 1), ("closing", 1), ("closed", 1))
        self.assert_possible({None}, ("begin", 1), ("closing", 1), ("failed", 1))
        put = (("begin", 1), ("closing", 1), ("closed", 1))
        self.assert_possible({1}, *put, ("begin", 2))
        self.assert_possible({1, 2}, *put, ("begin", 2), ("closing", 2))
        # The client was killed, or gave up: both stay possible until one is read.
        self.assert_possible({1, 2}, *put, ("begin", 2), ("closing", 2), ("begin", 3))
        self.assert_possible({2}, *put, ("begin", 2), ("closing", 2), ("read", 2))
        self.assert_possible({None, 1}, *put, ("deleting",))
        self.assert_possible({None}, *put, ("deleting",), ("deleted",))
        self.assert_possible({1}, *put, ("deleting",), ("kept",))

    def test_what_cannot_be(self):
        put = (("begin", 1), ("closing", 1), ("closed", 1))
        over = (*put, ("begin", 2), ("closing", 2), ("closed", 2))
        for events in (
            (*put, ("read", None)), (*over, ("read", 1)), (*put, ("begin", 2), ("read", 2)),
            (*put, ("deleting",), ("missing",)), (*put, ("deleting",), ("deleted",), ("read", 1)),
            (("wrong",),),
        ):
            self.assertIsNotNone(self.state(*events)[1], events)
        self.assertIsNone(self.state(*over, ("read", 2))[1])
        self.assertIsNone(self.state(("deleting",), ("missing",))[1])

    def test_half_a_line_is_no_line(self):
        journal = Journal(self.path)
        journal.add("begin", "k", version=1, size=3, level="durable")
        with open(self.path, "ab") as file:
            file.write(b'{"event": "closi')
        Journal(self.path).add("closing", "k", version=1)
        ledger = Ledger()
        ledger.follow(self.path)
        self.assertEqual(ledger.state("k").possible, {None, 1})
        self.assertEqual(ledger.counts, {"begin": 1, "closing": 1})

    def test_a_ledger_is_followed_as_it_grows(self):
        journal, ledger = Journal(self.path), Ledger()
        for event in ("begin", "closing", "closed"):
            journal.add(event, "k", version=1, size=3, level="durable")
            ledger.follow(self.path)
        self.assertEqual(ledger.counts["acked durable"], 1)
        self.assertEqual(ledger.acked_bytes, 3)
        self.assertEqual(ledger.take_changed(), {"k"})


class Plans(unittest.TestCase):
    def test_a_seed_decides(self):
        for number in range(50):
            self.assertEqual(plan.cycle(3, number, 4), plan.cycle(3, number, 4))
        self.assertNotEqual([plan.cycle(3, n, 4).kind for n in range(50)],
                            [plan.cycle(4, n, 4).kind for n in range(50)])

    def test_every_kind_comes(self):
        kinds = {plan.cycle(1, number, 4).kind for number in range(300)}
        self.assertEqual(kinds, set(plan.KINDS))

    def test_a_value_says_what_it_is(self):
        data = plan.value(1, "k", 5, 100)
        self.assertEqual(len(data), 100)
        self.assertEqual(plan.described(data), (5, 100))
        self.assertNotEqual(data, plan.value(1, "j", 5, 100))
        self.assertEqual(len(plan.value(1, "k", 5, 3)), 3)


if __name__ == "__main__":
    unittest.main()
