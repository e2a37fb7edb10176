"""What put reads and get writes: files that change, that say nothing by their size, that are mounted,
linked, locked, left behind, or have names of any bytes."""

import fcntl
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from catena_peer.case import CommandCase
from catena_peer.cluster import (
    EX_IOERR, EX_USAGE, PATIENCE, STANDIN, command_environment, program, until)
from catena_peer.mounts import SmallMount

NOBODY = 65_534


def as_nobody():
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


def needs_root(test):
    return unittest.skipIf(os.geteuid() != 0, "SKIPPED: another user needs root")(test)


@unittest.skipIf(STANDIN, "the stand-in reads files as Python reads them")
class Sources(CommandCase):
    settings = {"datanodes": 3}

    def put_while(self, change, source=None):
        """Puts a file that `change` works on after the put has begun and before it has an end."""
        source = source or self.source(self.bytes(12_000_000))
        nodes = [node.daemon for node in self.cluster.nodes]
        for node in nodes:
            node.send_signal(signal.SIGSTOP)
        try:
            put = subprocess.Popen(
                program("catena") + ["put", str(source), self.key()], stderr=subprocess.PIPE,
                env=command_environment(self.cluster.address))
            until(lambda: self.cluster.status().leases, "the put to begin")
            change(source)
        finally:
            for node in nodes:
                node.send_signal(signal.SIGCONT)
        _, error = put.communicate(timeout=PATIENCE)
        return subprocess.CompletedProcess(put.args, put.returncode, b"", error)

    def assert_not_stored(self, done, text):
        self.assert_cli(done, {EX_IOERR}, text)
        self.assertEqual(self.cluster.cli("test", self.key()).returncode, 1)
        self.assertEqual(self.cluster.status().leases, 0, "its lease was given back")
        self.cluster.wait_settled()

    def test_a_source_that_is_written_in_place_is_not_stored(self):
        def write(source):
            with open(source, "r+b") as file:
                file.seek(-5, os.SEEK_END)
                file.write(b"other")

        self.assert_not_stored(self.put_while(write), "changed while it was read")

    def test_nor_one_whose_time_was_put_back(self):
        def write(source):
            facts = source.stat()
            with open(source, "r+b") as file:
                file.write(b"other")
            os.utime(source, ns=(facts.st_atime_ns, facts.st_mtime_ns))

        self.assert_not_stored(self.put_while(write), "changed while it was read")

    def test_nor_one_that_became_shorter(self):
        self.assert_not_stored(
            self.put_while(lambda source: os.truncate(source, 11_000_000)),
            "changed while it was read")

    def test_nor_one_that_takes_no_blocks_of_its_device(self):
        source = self.source(b"")
        os.truncate(source, 500_000)
        if source.stat().st_blocks:
            self.skipTest("SKIPPED: this file system has no holes")

        def write(source):
            with open(source, "r+b") as file:
                file.write(b"other")

        self.assert_not_stored(self.put_while(write, source), "changed while it was read")

    def test_files_that_a_kernel_makes_up(self):
        for path in ("/proc/version", "/sys/kernel/mm/transparent_hugepage/enabled",
                     "/sys/devices/system/cpu/online", "/sys/kernel/notes"):
            if not os.access(path, os.R_OK):
                continue
            with self.subTest(path):
                key = self.key(path)
                self.assert_cli(self.cluster.cli("put", path, key), {0})
                self.assertEqual(self.got(key), pathlib.Path(path).read_bytes())

    def test_a_file_that_is_all_hole(self):
        source = self.cluster.folder / "hole"
        for size in (5_000, 3_000_000):
            with self.subTest(size):
                source.unlink(missing_ok=True)
                source.touch()
                os.truncate(source, size)
                key = self.key(f"/{size}")
                self.assert_cli(self.cluster.cli("put", source, key), {0})
                self.assertEqual(self.got(key), bytes(size))

    def test_names_that_are_not_utf_8(self):
        data = self.bytes(100_000)
        source = os.fsencode(self.cluster.folder) + b"/sou\xffrce"
        with open(source, "wb") as file:
            file.write(data)
        self.assert_cli(self.cluster.cli("put", source, self.key()), {0})
        out = os.fsencode(self.cluster.folder) + b"/\xfe\xffout"
        self.assert_cli(self.cluster.cli("get", self.key(), out), {0})
        with open(out, "rb") as file:
            self.assertEqual(file.read(), data)
        os.unlink(out)
        missing = self.cluster.cli("put", os.fsencode(self.cluster.folder) + b"/\xfd", self.key())
        self.assert_cli(missing, {66}, "\\xfd")

    def test_a_key_is_utf_8(self):
        key = os.fsencode(self.key()) + b"\xff"
        for words in (["put", self.source(b"x"), key], ["rm", key], ["get", key, "out"],
                      ["ls", "--config", b"\xff"]):
            with self.subTest(words[0]):
                self.assert_cli(self.cluster.cli(*words), {EX_USAGE}, "not UTF-8")


@unittest.skipIf(STANDIN, "the stand-in writes files as Python writes them")
class Targets(CommandCase):
    settings = {"datanodes": 3}

    def setUp(self):
        super().setUp()
        # Another user cannot look into the cluster's folder.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="catena-get-"))
        self.folder.chmod(0o755)
        self.addCleanup(shutil.rmtree, self.folder)
        self.data = self.bytes(200_000)
        self.put(self.data)

    def get(self, path, *words, **process):
        return self.cluster.cli("get", self.key(), path, *words, **process)

    def names(self):
        return sorted(path.name for path in self.folder.iterdir())

    def test_what_a_killed_get_has_left_goes_with_the_next(self):
        left = self.folder / "value.partial-0123456789abcdef"
        locked = self.folder / "value.partial-fedcba9876543210"
        others = [self.folder / name for name in (
            "value.partial-0123", "value.partial-0123456789ABCDEF", "value.partial-notes1234567890",
            "other.partial-0123456789abcdef")]
        for path in (left, locked, *others):
            path.write_bytes(b"part")
        with open(locked, "rb") as writer:
            fcntl.flock(writer, fcntl.LOCK_EX)
            done = self.get(self.folder / "value")
        self.assert_cli(done, {0}, "removed", left.name)
        self.assertEqual(self.names(), sorted(["value", locked.name, *(p.name for p in others)]))
        self.assertEqual((self.folder / "value").read_bytes(), self.data)

    def test_a_get_is_killed_and_the_next_one_works(self):
        self.put(self.bytes(64 << 20), None, "--overwrite", "--durability", "written")
        target = self.folder / "value"

        def partial():
            return [path for path in self.folder.glob("value.partial-*") if path.stat().st_size]

        for _ in range(20):
            get = subprocess.Popen(
                program("catena") + ["get", "--quiet", self.key(), str(target)],
                env=command_environment(self.cluster.address))
            while get.poll() is None and not partial():
                pass
            get.kill()
            if get.wait() == -signal.SIGKILL:
                break
            target.unlink()
        self.assertEqual(len(partial()), 1, "it was killed in the middle")
        self.assert_cli(self.get(target), {0}, "which a get that was killed had left")
        self.assertEqual(self.names(), ["value"])

    def interrupted_get(self):
        """The exit code of a get that is interrupted while it waits for nodes that stand still."""
        for node in self.cluster.nodes:
            node.daemon.send_signal(signal.SIGSTOP)
        try:
            get = subprocess.Popen(
                program("catena") + ["get", self.key(), str(self.folder / "value")],
                env=command_environment(self.cluster.address))
            until(self.names, "the partial file")
            get.send_signal(signal.SIGINT)
            return get.wait(PATIENCE)
        finally:
            for node in self.cluster.nodes:
                node.daemon.send_signal(signal.SIGCONT)

    def test_an_interrupted_get_leaves_nothing(self):
        # On a machine that stands still the nodes count as dead before the signal comes: such a get
        # fails by itself, and is asked for again.
        for _ in range(5):
            code = self.interrupted_get()
            self.assertEqual(self.names(), [])
            self.cluster.wait_settled()
            if code != os.EX_UNAVAILABLE:
                break
        self.assertEqual(code, 128 + signal.SIGINT)

    def test_names_as_long_as_they_may_be(self):
        for name in ("n" * 255, "\u00fc" * 127):
            with self.subTest(len(os.fsencode(name))):
                self.assert_cli(self.get(self.folder / name), {0})
                self.assertEqual((self.folder / name).read_bytes(), self.data)
        self.assert_cli(self.get(self.folder / ("n" * 256)), {EX_IOERR}, "too long")
        deep = self.folder
        while len(os.fsencode(deep)) < 4_095 - 256:
            deep /= "d" * 200
            os.makedirs(deep)
        last = "n" * (4_095 - len(os.fsencode(deep)) - 1)
        self.assert_cli(self.get(deep / last), {0})

    @needs_root
    def test_a_file_that_something_is_mounted_on(self):
        target, mounted = self.folder / "target", self.folder / "mounted"
        target.write_bytes(b"below")
        for old in (b"old", bytes(1_000_000)):
            with self.subTest(len(old)):
                mounted.write_bytes(old)
                number = mounted.stat().st_ino
                done = subprocess.run(
                    ["unshare", "-m", "sh", "-c",
                     'mount --bind "$1" "$2" && shift 2 && exec "$@"', "sh", mounted, target,
                     *program("catena"), "get", self.key(), target],
                    capture_output=True, check=False, timeout=PATIENCE,
                    env=command_environment(self.cluster.address))
                self.assert_cli(done, {0})
                self.assertEqual(mounted.read_bytes(), self.data)
                self.assertEqual(mounted.stat().st_ino, number)
                self.assertEqual(self.names(), ["mounted", "target"])
        self.assertEqual(target.read_bytes(), b"below")

    @needs_root
    def test_a_mounted_file_that_is_cut_is_called_so(self):
        target, small = self.folder / "target", SmallMount(self.folder / "small", 1, is_tmpfs=True)
        self.addCleanup(small.unmount)
        target.write_bytes(b"below")
        mounted = small.folder / "mounted"
        mounted.write_bytes(b"old")
        self.put(self.bytes(4 << 20), self.key("/long"))
        done = subprocess.run(
            ["unshare", "-m", "sh", "-c",
             'mount --bind "$1" "$2" && shift 2 && exec "$@"', "sh", mounted, target,
             *program("catena"), "get", self.key("/long"), target],
            capture_output=True, check=False, timeout=PATIENCE,
            env=command_environment(self.cluster.address))
        self.assert_cli(done, {EX_IOERR}, f"{target} cannot be written: No space left on device",
                        "written in place, and has only a part of the value")
        self.assertEqual(target.read_bytes(), b"below")

    @needs_root
    def test_a_file_that_was_written_in_place_in_part_is_called_so(self):
        """Its nodes die in the middle: what is there of the value is named, however far it got."""
        key, target = self.key("/cut"), self.folder / "target"
        self.put(self.bytes(64 << 20), key)
        self.folder.chmod(0o755)
        for pause in (0, 0.01, 0.05):
            target.write_bytes(b"old")
            os.chown(target, NOBODY, NOBODY)
            get = subprocess.Popen(
                program("catena") + ["get", "--timeout", "1s", key, str(target)],
                stderr=subprocess.PIPE, preexec_fn=as_nobody,
                env=command_environment(self.cluster.address))
            until(lambda: target.read_bytes()[:4] != b"old" or get.poll() is not None, "some bytes")
            time.sleep(pause)
            for node in self.cluster.nodes:
                node.kill()
            _, error = get.communicate(timeout=PATIENCE)
            self.cluster.revive()
            if get.returncode:
                break
        self.assertNotEqual(get.returncode, 0, "it was cut")
        self.assertIn(f"{target} was written in place and has a part of the value", error.decode())

    @needs_root
    def test_a_writable_file_in_a_directory_that_is_not(self):
        target = self.folder / "target"
        for old in (b"old", bytes(1_000_000)):
            with self.subTest(len(old)):
                target.write_bytes(old)
                os.chown(target, NOBODY, NOBODY)
                self.assert_cli(self.get(target, preexec_fn=as_nobody), {0})
                self.assertEqual(target.read_bytes(), self.data)
                self.assertEqual(self.names(), ["target"])

    @needs_root
    def test_a_get_that_fails_before_the_first_byte_changes_nothing_there(self):
        target = self.folder / "target"
        target.write_bytes(b"old")
        os.chown(target, NOBODY, NOBODY)
        done = self.cluster.cli("get", self.key("/no"), target, preexec_fn=as_nobody)
        self.assert_cli(done, {66})
        self.assertEqual(target.read_bytes(), b"old")

    @needs_root
    def test_a_new_file_in_a_directory_that_may_not_be_written(self):
        done = self.get(self.folder / "new", preexec_fn=as_nobody)
        self.assert_cli(done, {EX_IOERR}, "new cannot be written: Permission denied")
        self.assertNotIn("partial", done.stderr.decode())

    def test_a_link_to_nothing_is_refused_and_stays(self):
        link = self.folder / "link"
        link.symlink_to(self.folder / "nothing")
        self.assert_cli(self.get(link), {EX_IOERR}, "symbolic link")
        self.assertTrue(link.is_symlink())
        self.assertEqual(self.names(), ["link"])

    def test_a_link_to_a_file_stays_one(self):
        link, file = self.folder / "link", self.folder / "file"
        file.write_bytes(b"old")
        link.symlink_to(file)
        self.assert_cli(self.get(link), {0})
        self.assertTrue(link.is_symlink())
        self.assertEqual(file.read_bytes(), self.data)


if __name__ == "__main__":
    unittest.main()
