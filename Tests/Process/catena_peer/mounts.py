"""Small file systems for full and read-only directories. Needs root; skips loudly without."""

import fcntl
import os
import struct
import subprocess
import sys
import unittest


def _skip(why):
    print(f"SKIPPED: {why}", file=sys.stderr, flush=True)
    raise unittest.SkipTest(why)


class SmallMount:
    """An ext4 of some MiB on a loop device, or a tmpfs where loop devices are not to be had."""

    def __init__(self, folder, mebibytes):
        if os.geteuid() != 0:
            _skip("mounting a small file system needs root")
        self.folder = folder
        self.image = folder.with_suffix(".img")
        folder.mkdir(parents=True, exist_ok=True)
        made = self._loop(mebibytes) or self._run(
            "mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(folder))
        if not made:
            _skip("neither a loop device nor a tmpfs can be mounted here")

    def _run(self, *words):
        try:
            done = subprocess.run(words, capture_output=True, check=False, timeout=60)
        except FileNotFoundError:
            return False
        return done.returncode == 0

    def _loop(self, mebibytes):
        with open(self.image, "wb") as image:
            image.truncate(mebibytes << 20)
        return self._run("mkfs.ext4", "-q", "-m", "0", str(self.image)) and self._run(
            "mount", "-o", "loop", str(self.image), str(self.folder))

    def fill(self):
        """Leaves not one free block."""
        with open(self.folder / "ballast", "wb", buffering=0) as file:
            for size in (1 << 20, 4096, 1):
                try:
                    while file.write(bytes(size)):
                        pass
                except OSError:
                    continue

    def fail(self):
        """Every write, sync and read of metadata is an error from now on (EXT4_IOC_SHUTDOWN)."""
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.ioctl(folder, 0x8004587D, struct.pack("I", 2))
        except OSError as error:
            _skip(f"a file system cannot be made to fail here: {error}")
        finally:
            os.close(folder)

    def read_only(self):
        if not self._run("mount", "-o", "remount,ro", str(self.folder)):
            _skip("a file system cannot be made read-only here")

    def unmount(self):
        if not self._run("umount", str(self.folder)):
            self._run("umount", "-l", str(self.folder))
        self.image.unlink(missing_ok=True)
