"""Power cuts: every directory is a file system of its own on a loop device, and at a cut
its machine's processes are killed and what no sync had brought to the device is dropped.

The device has no write cache: what was written to it, directly or by a sync, is there after the
cut. So a missing fdatasync or fsync of a directory is found, a missing FLUSH below them is not.
"""

import concurrent.futures

from ..mounts import PowerMount
from . import plan
from .campaign import Campaign

NODE_MEBIBYTES, NAMENODE_MEBIBYTES = 160, 64


class PowerCampaign(Campaign):
    """Only what was acked durable is promised; the rest may be gone, and is never wrong."""

    def __init__(self, seed, **fields):
        super().__init__(seed, **fields)
        self.mounts = []

    @property
    def promised(self):
        return ("durable",)

    def plan(self, number):
        return plan.power_cut(self.seed, number, len(self.cluster.nodes))

    def prepare(self):
        self.mounts = [PowerMount(self.folder / "power-0", NAMENODE_MEBIBYTES)]
        self.cluster.namenode_folder = self.mounts[0].folder / "namenode"
        for index, node in enumerate(self.cluster.nodes, 1):
            mount = PowerMount(self.folder / f"power-{index}", NODE_MEBIBYTES)
            self.mounts.append(mount)
            node.folders = [mount.folder]
            node.settings["recycle_bytes"] = 16 << 20

    def release(self):
        for mount in self.mounts:
            mount.unmount(keep=self.cluster.keep)

    def name(self, target, action):
        return f"power of {super().name(target, action)}"

    def undo(self, event):
        with concurrent.futures.ThreadPoolExecutor() as pool:
            list(pool.map(lambda target: self.mounts[target].cut_power(), event.targets))
        super().undo(event)
