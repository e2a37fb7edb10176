"""What `dev/bench` makes of two programs' results. Stand-ins for both print what they are told to."""

import json
import pathlib
import subprocess
import sys
import tempfile
import textwrap
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BENCH = ROOT / "dev" / "bench.py"

NUMBER = (int, float)
NOT_KNOWN = type(None)

# The members of a line in Benchmarks/results, in their order. An older run may not have them all.
COMMON = {
    "date": (str,), "run": (str,), "commit": (str, NOT_KNOWN), "machine": (str,),
    "command": (str,), "name": (str,), "unit": (str,),
}
PAIRS = {
    **COMMON,
    "catena": (*NUMBER, NOT_KNOWN), "roof": (*NUMBER, NOT_KNOWN),
    "ratio_median": NUMBER, "ratio_min": NUMBER, "ratio_max": NUMBER,
    "cpu_catena": (*NUMBER, NOT_KNOWN), "cpu_roof": (*NUMBER, NOT_KNOWN),
    "cpu_ratio_median": (*NUMBER, NOT_KNOWN), "pairs": (list, NOT_KNOWN), "note": (str, NOT_KNOWN),
}
SINGLE = {
    **COMMON,
    "rounds": (int, NOT_KNOWN), "median": (*NUMBER, NOT_KNOWN), "min": (*NUMBER, NOT_KNOWN),
    "max": (*NUMBER, NOT_KNOWN), "values": (list, NOT_KNOWN),
    "cpu_median": (*NUMBER, NOT_KNOWN), "cpu_min": (*NUMBER, NOT_KNOWN),
    "cpu_max": (*NUMBER, NOT_KNOWN), "note": (str, NOT_KNOWN),
}


class BenchTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="catena-bench-test-")
        self.addCleanup(self.folder.cleanup)

    def program(self, name, body):
        """A program of that name whose calls are counted in `calls`, by verb."""
        path = pathlib.Path(self.folder.name) / name
        log = pathlib.Path(self.folder.name) / f"{name}.log"
        path.write_text(f"#!{sys.executable}\n" + textwrap.dedent(f"""\
            import json, sys
            verb = sys.argv[1]
            with open({str(log)!r}, "a+") as log:
                log.write(verb + "\\n")
                log.seek(0)
                calls = log.read().split().count(verb)
            with open({str(log.parent / "order")!r}, "a") as order:
                order.write({name!r} + " " + verb + "\\n")
            """) + textwrap.dedent(body))
        path.chmod(0o755)
        return path

    def bench(self, load, *words):
        roof = self.program("roof", """\
            print(json.dumps({"GB_per_s": 2.0, "cpu_s_per_GB": 1.0, "p50_us": 100.0}))
            """)
        return subprocess.run(
            [sys.executable, "-B", str(BENCH), "--roof", str(roof), "--load",
             str(self.program("load", load)), "--dir", self.folder.name, *words],
            capture_output=True, text=True, timeout=120, check=False)

    GOOD = """\
        print("a line before the result")
        print(json.dumps({"GB_per_s": [1.0, 1.0, 1.0, 1.6, 1.8, 2.2][min(calls, 6) - 1]
                          if verb == "put" else 1.0,
                          "cpu_s_per_GB": 1.25, "p50_us": 130.0, "failed": 0}))
        """

    def test_ratios_are_of_pairs(self):
        done = self.bench(self.GOOD, "--pairs", "3", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        write, read, ping = map(json.loads, done.stdout.splitlines())
        self.assertEqual([row["name"] for row in (write, read, ping)], ["write", "read", "ping"])
        # The first three puts are the warm-up.
        self.assertEqual(write["pairs"], [[1.6, 2.0], [1.8, 2.0], [2.2, 2.0]])
        self.assertAlmostEqual(write["catena"], 1.8)
        self.assertAlmostEqual(write["ratio_median"], 0.9)
        self.assertAlmostEqual(write["ratio_min"], 0.8)
        self.assertAlmostEqual(write["ratio_max"], 1.1)
        self.assertAlmostEqual(write["cpu_ratio_median"], 1.25)
        self.assertAlmostEqual(ping["ratio_median"], 1.3)
        self.assertIsNone(ping["cpu_catena"])

    def test_who_goes_first_alternates(self):
        done = self.bench(self.GOOD, "--pairs", "2", "--only", "read")
        self.assertEqual(done.returncode, 0, done.stderr)
        order = (pathlib.Path(self.folder.name) / "order").read_text().splitlines()
        self.assertEqual(order[-4:], ["load get", "roof read", "roof read", "load get"])
        self.assertIn("0.500", done.stdout)

    def test_a_recorded_run_is_appended(self):
        results = pathlib.Path(self.folder.name) / "results" / "bench.jsonl"
        words = ["--pairs", "1", "--only", "write,ping", "--record", str(results),
                 "--command", "dev/bench --pairs 1"]
        self.assertEqual(self.bench(self.GOOD, *words, "--commit", "abc1234").returncode, 0)
        self.assertEqual(self.bench(self.GOOD, *words, "--commit", "").returncode, 0)
        rows = [json.loads(line) for line in results.read_text().splitlines()]
        self.assertEqual([row["name"] for row in rows], ["write", "ping"] * 2)
        self.assertEqual([row["commit"] for row in rows], ["abc1234"] * 2 + [None] * 2)
        self.assertEqual(rows[0]["run"], rows[1]["run"])
        self.assertEqual(rows[0]["command"], "dev/bench --pairs 1")
        self.assertEqual(rows[0]["pairs"], [[1.6, 2.0]])
        for row in rows:
            self.assert_shape(row, PAIRS)

    def test_a_failed_run_is_not_recorded(self):
        results = pathlib.Path(self.folder.name) / "bench.jsonl"
        load = self.GOOD.replace('"failed": 0', '"failed": verb == "get" and calls > 1 and 3')
        self.assertEqual(self.bench(load, "--pairs", "1", "--record", str(results)).returncode, 1)
        self.assertFalse(results.exists())

    def test_every_recorded_line_has_its_shape(self):
        files = {"bench.jsonl": PAIRS, "single.jsonl": SINGLE}
        folder = ROOT / "Benchmarks" / "results"
        self.assertEqual({path.name for path in folder.iterdir()}, set(files))
        for name, members in files.items():
            for number, line in enumerate((folder / name).read_text().splitlines(), 1):
                with self.subTest(file=name, line=number):
                    self.assert_shape(json.loads(line), members)

    def assert_shape(self, row, members):
        self.assertEqual(list(row), list(members))
        for name, types in members.items():
            self.assertIn(type(row[name]), types, name)
        self.assertRegex(row["date"], r"^\d{4}-\d\d-\d\d$")

    def test_a_failed_operation_fails_the_bench(self):
        done = self.bench(self.GOOD.replace('"failed": 0', '"failed": verb == "get" and 3'))
        self.assertEqual(done.returncode, 1)
        self.assertIn("3 operations failed", done.stderr)

    def test_a_failed_program_fails_the_bench(self):
        done = self.bench("sys.exit(69)")
        self.assertEqual(done.returncode, 1)
        self.assertIn("exit code 69", done.stderr)

    def test_a_program_without_a_result_fails_the_bench(self):
        done = self.bench("print('hello')")
        self.assertEqual(done.returncode, 1)


if __name__ == "__main__":
    unittest.main()
