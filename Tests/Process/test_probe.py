"""`catena-datanode probe`: facts, measurements and recommendations of this host."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from catena_peer.cluster import PATIENCE, STANDIN, program, until

FIT, UNFIT = 0, 69


@unittest.skipIf(STANDIN, "the stand-ins do not probe")
class Probe(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="catena-probe-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def probe(self, *words, **options):
        return subprocess.run(
            program("catena-datanode") + ["probe", "--seconds", "0.2", *map(str, words)],
            capture_output=True, text=True, timeout=PATIENCE, check=False, **options)

    def test_json_has_facts_measurements_and_advice(self):
        done = self.probe(self.folder, "--json")
        self.assertIn(done.returncode, (FIT, UNFIT), done.stderr)
        report = json.loads(done.stdout)
        self.assertEqual(report["fit"], done.returncode == FIT)
        self.assertEqual(report["fit"], not report["problems"])
        for name in ("fresh_write", "rewrite", "read"):
            self.assertGreater(report["device"][name + "_bytes_per_second"], 0)
        self.assertLessEqual(
            report["device"]["write_sync_p50_us"], report["device"]["write_sync_p99_us"])
        self.assertTrue(report["kernel"][0].isdigit())
        self.assertGreater(report["memory"]["total_bytes"], 1 << 20)
        advised = {line["setting"]: line for line in report["recommended"]}
        self.assertGreaterEqual(int(advised["--reactors"]["value"]), 1)
        self.assertIn("--payload-buffers", advised)
        self.assertTrue(all(line["reason"] for line in report["recommended"]))

    def test_text_for_people_leaves_nothing_behind(self):
        done = self.probe(self.folder)
        self.assertIn(done.returncode, (FIT, UNFIT), done.stderr)
        for word in ("kernel", "cpus", "memory", "limits", "throughput", "recommended"):
            self.assertIn(word, done.stdout)
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_a_probe_that_is_killed_leaves_nothing_behind(self):
        probe = subprocess.Popen(
            program("catena-datanode") + ["probe", "--seconds", "30", str(self.folder)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(probe.wait)
        self.addCleanup(probe.kill)

        def is_writing():
            files = pathlib.Path(f"/proc/{probe.pid}/fd")
            return any("catena-probe-data" in os.readlink(file) for file in files.iterdir())

        until(is_writing, "the probe to write its file")
        probe.kill()
        probe.wait()
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_without_a_directory_the_host_alone(self):
        report = json.loads(self.probe("--json").stdout)
        self.assertIsNone(report["device"])

    def test_a_directory_that_is_not_there(self):
        done = self.probe(self.folder / "missing")
        self.assertEqual(done.returncode, 74)
        self.assertIn("missing", done.stderr)

    def test_low_limits_make_it_unfit_and_name_the_limit(self):
        shell = ["sh", "-c", 'ulimit -n 512; exec "$@"', "sh"]
        done = subprocess.run(
            shell + program("catena-datanode") + ["probe"], capture_output=True, text=True,
            timeout=PATIENCE, check=False)
        self.assertEqual(done.returncode, UNFIT, done.stdout)
        self.assertIn("ulimit -n", done.stderr)

    def test_words_that_make_no_sense(self):
        for words in (["--seconds", "0"], [self.folder, "--dir", self.folder]):
            with self.subTest(words):
                self.assertEqual(self.probe(*words).returncode, 64)


if __name__ == "__main__":
    unittest.main()
