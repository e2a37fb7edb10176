"""What `dev/bench` makes of two programs' results. Stand-ins for both print what they are told to."""

import json
import pathlib
import subprocess
import sys
import tempfile
import textwrap
import unittest

BENCH = pathlib.Path(__file__).resolve().parents[2] / "dev" / "bench.py"


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
        # The wait after a replaced value is for a real cluster's sake.
        start = f"import sys; sys.path.insert(0, {str(BENCH.parent)!r}); import bench; " \
            "bench.SETTLE_SECONDS = 0; sys.exit(bench.main())"
        return subprocess.run(
            [sys.executable, "-B", "-c", start, "--roof", str(roof), "--load",
             str(self.program("load", load)), "--dir", self.folder.name, *words],
            capture_output=True, text=True, timeout=60, check=False)

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
