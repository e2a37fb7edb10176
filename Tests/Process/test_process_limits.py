"""Few descriptors, few threads, little locked memory: every program works, or says what it lacks and
ends with a code of sysexits.h. None ends by a trap, and none waits without end."""

import os
import resource
import signal
import subprocess
import tempfile
import unittest

from catena_peer import cluster
from catena_peer.case import CommandCase
from catena_peer.cluster import PATIENCE, STANDIN, command_environment, program, until

NOBODY = 65_534
LOADER = 127  # the dynamic linker had no descriptor for a library


def limited(kind, count, user=None):
    """Sets a limit in the child. One of processes counts those of a user, and root has none."""

    def limit():
        resource.setrlimit(kind, (count, count))
        if user is not None:
            os.setgroups([])
            os.setgid(user)
            os.setuid(user)

    return limit


@unittest.skipIf(STANDIN, "the stand-ins are limited by Python")
class Limits(CommandCase):
    settings = {"datanodes": 3}

    def assert_sentence(self, code, error, *codes):
        self.assertIn(code, {0, 69, 74, 75, 78, *codes}, error)
        if code not in {0, LOADER}:
            self.assertTrue(error.strip(), "a sentence")
        for trace in ("Fatal error", "Backtracing", "Stack dump"):
            self.assertNotIn(trace, error)

    def test_commands_with_few_descriptors(self):
        source = self.source(self.bytes(3_000_000))
        self.assert_cli(self.cluster.cli("put", source, self.key()), {0})
        out = self.cluster.folder / "out"
        worked = set()
        for count in range(3, 24):
            for words in (["put", "--overwrite", source, self.key()], ["get", self.key(), out],
                          ["ls"]):
                with self.subTest(words[0], count=count):
                    done = self.cluster.cli(
                        *words, preexec_fn=limited(resource.RLIMIT_NOFILE, count))
                    self.assert_sentence(done.returncode, done.stderr.decode(), LOADER)
                    if done.returncode not in {0, LOADER}:
                        self.assertIn("ulimit -n", done.stderr.decode())
                    if done.returncode == 0:
                        worked.add(words[0])
                    self.assertEqual(self.cluster.status().leases, 0, "the lease is given back")
        self.assertEqual(worked, {"put", "get", "ls"})

    @unittest.skipIf(os.geteuid() != 0, "SKIPPED: another user needs root")
    def test_commands_with_few_threads(self):
        source = self.source(self.bytes(300_000))
        source.chmod(0o644)
        self.cluster.folder.chmod(0o755)
        for count in (1, 2):
            for words in (["put", "--overwrite", source, self.key()], ["get", self.key(), "-"]):
                with self.subTest(words[0], count=count):
                    done = self.cluster.cli(
                        *words, preexec_fn=limited(resource.RLIMIT_NPROC, count, NOBODY))
                    self.assert_sentence(done.returncode, done.stderr.decode())

    @unittest.skipIf(os.geteuid() != 0, "SKIPPED: another user needs root")
    def test_commands_with_little_locked_memory(self):
        source = self.source(self.bytes(3_000_000))
        source.chmod(0o644)
        self.cluster.folder.chmod(0o755)
        for words in (["put", "--overwrite", source, self.key()], ["get", self.key(), "-"]):
            with self.subTest(words[0]):
                none = limited(resource.RLIMIT_MEMLOCK, 0, NOBODY)
                done = self.cluster.cli(*words, preexec_fn=none)
                self.assert_sentence(done.returncode, done.stderr.decode())
                little = limited(resource.RLIMIT_MEMLOCK, 1 << 20, NOBODY)
                self.assert_cli(self.cluster.cli(*words, preexec_fn=little), {0})

    def ends(self, name, *words, preexec_fn):
        """A program that ends by itself."""
        done = subprocess.run(
            program(name) + [str(word) for word in words], capture_output=True, text=True,
            check=False, timeout=PATIENCE, preexec_fn=preexec_fn,
            env=command_environment(self.cluster.address))
        self.assert_sentence(done.returncode, done.stderr, LOADER)

    def test_loads(self):
        load = ["put", "--size", "64KiB", "--count", "2", "--threads", "2", "--streams", "2"]
        for count in range(3, 24, 2):
            with self.subTest(descriptors=count):
                self.ends("catena-load", *load,
                          preexec_fn=limited(resource.RLIMIT_NOFILE, count))
        for count in range(1, 5):
            with self.subTest(threads=count):
                self.ends("catena-load", *load,
                          preexec_fn=limited(resource.RLIMIT_NPROC, count, NOBODY))

    def test_simulations(self):
        for count in range(1, 4):
            with self.subTest(threads=count):
                self.ends("catena-sim", "--seeds", "2", "--cycles", "1", "--jobs", "2",
                          preexec_fn=limited(resource.RLIMIT_NPROC, count, NOBODY))

    # ---- daemons: they serve, or they say why not ----

    def serves(self, command, port_file, preexec_fn):
        """Whether it served; it is ended then."""
        port_file.unlink(missing_ok=True)
        with tempfile.TemporaryFile() as log:
            process = subprocess.Popen(
                [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                preexec_fn=preexec_fn, env=command_environment(("127.0.0.1", 0)))
            try:
                until(lambda: process.poll() is not None or port_file.exists(),
                      "it to serve or to end", PATIENCE)
                served = process.poll() is None
                process.send_signal(signal.SIGTERM)
                code = process.wait(PATIENCE)
            finally:
                process.kill()
            log.seek(0)
            self.text = log.read().decode()
            self.assert_sentence(code, self.text, LOADER)
            return served

    def daemon(self, name):
        """A command for a daemon that anybody may run, and its port file."""
        folder = self.cluster.folder / self._testMethodName / name
        folder.mkdir(parents=True)
        self.cluster.folder.chmod(0o755)
        port_file = folder / "port"
        data = folder / "data"
        if name == "namenode":
            made = subprocess.run(
                cluster.format_command(data), capture_output=True, check=False,
                timeout=PATIENCE)
            self.assertEqual(made.returncode, 0, made.stderr)
            command = cluster.namenode_command(data, 0, port_file, {})
        else:
            data.mkdir()
            secret = folder / "secret"
            secret.write_text("07" * 32 + "\n")
            command = program("catena-datanode") + [
                "bench", "--secret-file", secret, "--dir", data, "--listen", "127.0.0.1:0",
                "--port-file", port_file, "--connections", "16", "--write-streams", "16",
                "--read-streams", "16", "--payload-buffers", "64", "--packet-bytes", "512KiB"]
        for path in (folder, *folder.rglob("*")):
            os.chown(path, NOBODY, NOBODY)
        return command, port_file

    def limits(self, name, kind, counts, user=None):
        command, port_file = self.daemon(name)
        return [self.serves(command, port_file, limited(kind, count, user)) for count in counts]

    def test_daemons_with_few_descriptors(self):
        for name in ("namenode", "datanode"):
            with self.subTest(name):
                served = self.limits(
                    name, resource.RLIMIT_NOFILE, (4, 6, 8, 10, 12, 14, 16, 20, 24, 32, 128))
                self.assertTrue(served[-1], self.text)

    def test_daemons_with_few_threads(self):
        if os.geteuid() != 0:
            self.skipTest("SKIPPED: another user needs root")
        for name in ("namenode", "datanode"):
            with self.subTest(name):
                served = self.limits(
                    name, resource.RLIMIT_NPROC, (1, 2, 3, 4, 6, 8, 12, 64), NOBODY)
                # Whether another user may lock a datanode's buffers is the machine's to say.
                self.assertTrue(served[-1] or "memlock" in self.text, self.text)

    def test_daemons_with_little_locked_memory(self):
        if os.geteuid() != 0:
            self.skipTest("SKIPPED: another user needs root")
        for name in ("namenode", "datanode"):
            with self.subTest(name):
                self.limits(name, resource.RLIMIT_MEMLOCK, (0, 1 << 20), NOBODY)


if __name__ == "__main__":
    unittest.main()
