"""Small file systems that are full, read-only, cut off or slow. Needs root; skips loudly without."""

import fcntl
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import unittest


def _skip(why):
    print(f"SKIPPED: {why}", file=sys.stderr, flush=True)
    raise unittest.SkipTest(why)


def run(*words):
    """Whether the command is there and succeeded."""
    try:
        done = subprocess.run(words, capture_output=True, check=False, timeout=60)
    except FileNotFoundError:
        return False
    return done.returncode == 0


class SmallMount:
    """An ext4 of some MiB on a loop device, or a tmpfs where loop devices are not to be had.

    With `backing` the loop's file lies on a tmpfs of that many MiB: once that is full, the file
    system still has room, takes what is written, and cannot keep it.
    """

    def __init__(self, folder, mebibytes, must_be_loop=False, backing=0, is_tmpfs=False):
        if os.geteuid() != 0:
            _skip("mounting a small file system needs root")
        self.folder = folder
        self.image = folder.with_suffix(".img")
        self.below = folder.with_suffix(".below") if backing else None
        folder.mkdir(parents=True, exist_ok=True)
        if backing:
            self.below.mkdir()
            self.image = self.below / "image"
            if not self._tmpfs(self.below, backing):
                _skip("a tmpfs cannot be mounted here")
        made = not is_tmpfs and self._loop(mebibytes)
        if not made and (must_be_loop or backing):
            self.unmount()
            _skip("a loop device with ext4 cannot be mounted here")
        if not made and not self._tmpfs(folder, mebibytes):
            _skip("neither a loop device nor a tmpfs can be mounted here")

    @classmethod
    def of(cls, image, folder):
        """What an image holds already, mounted at a folder."""
        mount = cls.__new__(cls)
        mount.folder, mount.image, mount.below = folder, image, None
        folder.mkdir()
        if not mount._mount():
            _skip("a loop device with ext4 cannot be mounted here")
        return mount

    def clone(self, image):
        """The disk as it is at one moment, in another file."""
        if not run("fsfreeze", "-f", str(self.folder)):
            _skip("a file system cannot be frozen here")
        shutil.copyfile(self.image, image)
        run("fsfreeze", "-u", str(self.folder))

    @staticmethod
    def _tmpfs(folder, mebibytes):
        return run("mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(folder))

    def _loop(self, mebibytes):
        with open(self.image, "wb") as image:
            image.truncate(mebibytes << 20)
        return run("mkfs.ext4", "-q", "-m", "0", str(self.image)) and self._mount()

    def _mount(self):
        return run("mount", "-o", "loop", str(self.image), str(self.folder))

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
        if not run("mount", "-o", "remount,ro", str(self.folder)):
            _skip("a file system cannot be made read-only here")

    def cut(self, mebibytes=1):
        """Takes the loop's file away behind its beginning: the device says EIO there."""
        os.truncate(self.image, mebibytes << 20)

    def mend(self):
        """Gives the loop's file the room that it lacked, and mounts what it holds."""
        if not run("umount", str(self.folder)):
            raise AssertionError(f"{self.folder} cannot be unmounted")
        run("mount", "-o", "remount,size=256m", str(self.below))
        if not self._mount():
            raise AssertionError(f"{self.folder} cannot be mounted again")

    def unmount(self, keep=False):
        """`keep` leaves the loop's file, to be looked at."""
        for folder in filter(None, (self.folder, self.below)):
            if not run("umount", str(folder)):
                run("umount", "-l", str(folder))
        if not keep:
            self.image.unlink(missing_ok=True)


class SlowLoop(SmallMount):
    """An ext4 on a loop device that can be throttled for one process (cgroup v1, blkio)."""

    CGROUPS = pathlib.Path("/sys/fs/cgroup/blkio")

    def __init__(self, folder, mebibytes):
        super().__init__(folder, mebibytes, must_be_loop=True)
        self.cgroup = None

    def throttle(self, pid, bytes_per_second):
        """From now on this process writes at most so much to the device."""
        group = self.CGROUPS / f"catena-{pid}"
        limit = group / "blkio.throttle.write_bps_device"
        try:
            group.mkdir()
            self.cgroup = group
            device = os.stat(self.folder).st_dev
            limit.write_text(f"{os.major(device)}:{os.minor(device)} {bytes_per_second}")
            (group / "cgroup.procs").write_text(str(pid))
        except OSError as fault:
            _skip(f"cgroup v1 blkio does not throttle here: {fault}")

    def written(self):
        """Bytes that the throttled process wrote to the device."""
        text = (self.cgroup / "blkio.throttle.io_service_bytes").read_text()
        return sum(int(line.split()[2]) for line in text.splitlines() if " Write " in line)

    def unmount(self):
        super().unmount()
        if self.cgroup:
            for pid in (self.cgroup / "cgroup.procs").read_text().split():
                (self.CGROUPS / "cgroup.procs").write_text(pid)
            self.cgroup.rmdir()


class PowerMount(SmallMount):
    """An ext4 on a loop device whose power can be cut."""

    def _mount(self):
        # Nothing goes to the device by itself between two syncs: neither the journal every 5 s ...
        return run("mount", "-o", "loop,commit=600", str(self.image), str(self.folder))

    def __init__(self, folder, mebibytes):
        super().__init__(folder, mebibytes, must_be_loop=True)

    def cut_power(self):
        """Has the file system as a disk without a write cache would have it now.

        Whoever used it was killed before. What only the page cache holds is lost: the disk's bytes
        are taken from below the mount, which is then left to write to a file that goes.
        """
        copy = self.image.with_suffix(".cut")
        shutil.copyfile(self.image, copy)
        if not run("umount", str(self.folder)):
            raise AssertionError(f"{self.folder} cannot be unmounted")
        os.replace(copy, self.image)
        if not self._mount():
            raise AssertionError(f"{self.folder} cannot be mounted after the cut")
