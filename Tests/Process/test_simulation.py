"""The whole-cluster simulation: `catena-sim` runs a namenode, datanodes and clients from a seed, with
faults, and watches their promises. `CATENA_SEEDS` changes how many seeds run, `CATENA_SEED` runs one.
"""

import json
import os
import pathlib
import subprocess
import unittest

from catena_peer.cluster import BIN, STANDIN

SEEDS = int(os.environ.get("CATENA_SEEDS", "300"))
SEED = os.environ.get("CATENA_SEED")
# Seeds that a planted bug may take to be found.
PLANT_SEEDS = 40


@unittest.skipIf(STANDIN, "the simulation has no stand-in")
class SimulationTest(unittest.TestCase):
    def simulate(self, *words):
        """Exit code, the lines for single seeds, and the sums."""
        command = [str(pathlib.Path(BIN) / "catena-sim"), "--json", "--verbose", *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=1800)
        begun = [line for line in done.stderr.splitlines() if line.startswith("seed ")]
        self.assertIn(
            done.returncode, (0, 1), f"{command} ended in one of {begun[-8:]}: {done.stderr[-4000:]}")
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        return done.returncode, lines[:-1], lines[-1]

    def test_seeds_keep_every_promise(self):
        words = ["--seed", SEED or "1", "--seeds", "1" if SEED else str(SEEDS)]
        print(f"catena-sim {' '.join(words)}", flush=True)
        code, lines, sums = self.simulate(*words)
        self.assertEqual(code, 0, lines)
        # A simulation in which nothing happens keeps every promise too.
        self.assertGreater(sums["acks"], 2 * sums["seeds"])
        self.assertGreater(sums["crashes"], sums["seeds"])

    def test_named_scenarios(self):
        listed = subprocess.run(
            [str(pathlib.Path(BIN) / "catena-sim"), "--list"], capture_output=True, text=True,
            check=True)
        names = [line.split()[0] for line in listed.stdout.splitlines()]
        self.assertGreaterEqual(len(names), 3)
        for name in names:
            with self.subTest(scenario=name):
                code, lines, _ = self.simulate("--scenario", name)
                self.assertEqual(code, 0, lines)

    def test_chains_keep_their_promises(self):
        """What the members of a chain hold, have told and have on their devices, after every turn."""
        for name in ("nuisances", "broken-connections", "failing-device", "open-blocks"):
            with self.subTest(scenario=name):
                code, lines, sums = self.simulate(
                    "--scenario", name, "--seed", "1", "--seeds", str(min(SEEDS, 40)))
                self.assertEqual(code, 0, lines)
                self.assertGreater(sums["acks"], 2 * sums["seeds"])

    def test_one_seed_is_one_run_in_any_process(self):
        for seed in ("7", "8", "9"):
            with self.subTest(seed=seed):
                first = self.simulate("--seed", seed, "--cycles", "2")
                again = self.simulate("--seed", seed, "--cycles", "2")
                self.assertEqual(first[1][0]["hash"], again[1][0]["hash"])
                self.assertEqual(first[1][0]["checks"], again[1][0]["checks"])
        other = self.simulate("--seed", "10", "--cycles", "2")
        self.assertNotEqual(first[1][0]["hash"], other[1][0]["hash"])

    def find(self, plant, *words):
        """The breach that shows a planted bug."""
        code, lines, sums = self.simulate(
            "--seed", "1", "--seeds", str(PLANT_SEEDS), "--plant", plant, *words)
        self.assertEqual(code, 1, f"{plant} was not found in {sums['seeds']} seeds")
        return lines[0]

    def test_planted_ack_before_write_is_found(self):
        self.assertIn(self.find("ack-before-write")["oracle"], ("ack", "durable"))

    def test_planted_close_before_durable_is_found(self):
        self.assertEqual(self.find("close-before-durable")["oracle"], "durable")

    def test_planted_skipped_crc_is_found(self):
        self.assertEqual(self.find("skipped-crc")["oracle"], "bytes")

    def test_planted_missing_directory_fsync_is_found(self):
        self.assertEqual(self.find("missing-directory-fsync")["oracle"], "durable")

    def test_planted_reply_before_commit_is_found(self):
        self.assertEqual(self.find("reply-before-commit")["oracle"], "commit")

    def test_impostors_with_the_clusters_keys_are_found(self):
        """Without the keys they do no harm: the seeds above have them too."""
        self.assertIn(self.find("leaked-keys")["oracle"], ("ack", "durable", "bytes", "readable"))

    def test_forgotten_deletions_are_found(self):
        self.assertEqual(self.find("forgotten-deletions")["oracle"], "deleted")

    def test_a_believed_impostor_namenode_is_found(self):
        """Unbelieved it does no harm: the scenario of its name has it too."""
        self.assertIn(
            self.find("believed-impostors")["oracle"], ("ack", "durable", "readable", "liveness"))

    def test_plants_are_found_by_what_clients_see_alone(self):
        for plant in (
            "ack-before-write", "close-before-durable", "skipped-crc", "missing-directory-fsync",
            "reply-before-commit",
        ):
            with self.subTest(plant=plant):
                self.find(plant, "--black-box")


if __name__ == "__main__":
    unittest.main()
