"""Devices that are full, broken, lying or slow.

Results of single ring operations are injected (CATENA_FAULT, docs/HACKING.md); full disks, failing
syncs and slow disks are small file systems on loop devices, which need root.
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

from catena_peer import cluster, values
from catena_peer.case import ClusterCase, Level, Refusal, Status
from catena_peer.cluster import (
    EXIT, PATIENCE, Cluster, NotReady, namenode_command, until)
from catena_peer.control import Refused
from catena_peer.datanode import located, read_range
from catena_peer.ledger import Ledger
from catena_peer.mounts import SlowLoop, SmallMount

EX_IOERR = 74


@unittest.skipIf(cluster.STANDIN, "SKIPPED: the stand-ins have no ring")
class FaultCase(ClusterCase):
    """Three nodes in a chain and one to spare, so that a put goes on without any of them."""

    settings = {"datanodes": 4, "replicas": 3, "min_nodes": 3}

    def setUp(self):
        super().setUp()
        self.ledger = Ledger(self.cluster.folder / f"{self._testMethodName}.ledger")
        self.addCleanup(self.ledger.close)

    def arm(self, node, fault):
        """Restarts a datanode with this fault; it is restarted without at the test's end."""
        self.restart(node, fault)
        self.addCleanup(self.restart, node)

    def restart(self, node, fault=None):
        node.daemon.kill()
        node.daemon.environment = {"CATENA_FAULT": fault} if fault else {}
        node.start()
        try:
            node.daemon.port()
        except NotReady as why:
            if "needs Linux 6.10" not in str(why):
                raise
            print("SKIPPED: this kernel injects no results (Linux 6.10)", file=sys.stderr)
            self.addCleanup(self.restart, node)
            self.skipTest("this kernel injects no results")
        self.cluster.wait_settled()

    def move_to(self, node, folder):
        """Restarts a datanode with this directory instead of its own, until the test's end."""
        folders = node.folders
        node.folders = [folder]
        self.addCleanup(self.restart, node)
        self.addCleanup(setattr, node, "folders", folders)
        self.restart(node)

    def put(self, key, data, level="durable"):
        """By the command, as a user does; a failure fails the test."""
        # From a file: what a pipe gave once cannot be sent to another node.
        source = self.cluster.folder / "source"
        source.write_bytes(data)
        done = self.cluster.cli(
            "put", source, key, "--durability", level, "--overwrite", "--quiet")
        self.assert_cli(done, {0})
        self.ledger.acked(key, 0, data, level)

    def get(self, key):
        out = self.cluster.folder / "out"
        out.unlink(missing_ok=True)
        self.assert_cli(self.cluster.cli("get", key, out, "--quiet"), {0})
        return out.read_bytes()

    def assert_ledger(self):
        count, wrong = self.ledger.verify(self.get)
        self.assertGreater(count, 0)
        self.assertEqual(wrong, [])

    def assert_runs(self, node):
        """It did not fall over what its device did."""
        self.assertTrue(node.daemon.running(), node.daemon.tail())

    def devices_of(self, node):
        """As the namenode knows them."""
        return next(entry for entry in self.client.report().nodes
                    if entry.node.port == node.address[1] and entry.state == "live").devices

    def wait_failed(self, node):
        until(lambda: all(device.failed for device in self.devices_of(node)),
              "the namenode hears of the failed device")

    def excluding(self, node):
        """Node ids of the cluster's other datanodes but two: a chain then has this node."""
        port = node.address[1]
        others = [entry.node.node_id for entry in self.client.report().nodes
                  if entry.node.port != port and entry.state == "live"]
        return others[:1]

    def target_with(self, node, lease):
        """A planned block in whose chain this node is."""
        target = self.target(lease, exclude=self.excluding(node))
        self.assertIn(node.address[1], [one.port for one in target.chain])
        return target

    def read_at(self, node, key):
        """The first block of a key, from this node."""
        return self.read_block_at(node, self.client.open(key).blocks[0])

    def read_block_at(self, node, location):
        target = located(location)
        replica = [one.port for one in target.chain].index(node.address[1])
        return read_range(target, 0, location.length, replica)

    def write_to(self, node, data, level=Level.written):
        """Has this node write a block; the status with which the chain refuses, or ok."""
        lease = self.lease(key=self.key(f"/{self.random.getrandbits(64)}"))
        stream = self.stream(self.target_with(node, lease))
        try:
            stream.data(0, data).seal(data, level)
            stream.wait_sealed()
            return Status.ok
        except Refusal as refused:
            return refused.status
        finally:
            stream.connection.close()
            self.client.abandon(lease)


class D1(FaultCase):
    """A full disk."""

    def test_d1_no_room_at_a_write_moves_the_block_and_not_the_client(self):
        node = self.cluster.nodes[0]
        self.arm(node, "before-disk:errno=ENOSPC:1")
        for number in range(8):
            self.put(self.key(f"/{number}"), self.bytes(300_000))
        self.assert_ledger()
        self.assert_runs(node)

    def test_d1_no_room_at_a_seal_acks_nothing(self):
        node = self.cluster.nodes[1]
        self.arm(node, "seal-before-header:errno=ENOSPC:1")
        self.assertEqual(self.write_to(node, self.bytes(5_000)), Status.noSpace)
        for number in range(4):
            self.put(self.key(f"/{number}"), self.bytes(70_000))
        self.assert_ledger()
        # It was full for a moment and is not any more.
        until(lambda: self.write_to(node, self.bytes(5_000)) == Status.ok,
              lambda: f"the node takes blocks again\n{node.daemon.tail()}")

    def test_d1_a_full_node_leaves_placement_and_puts_go_on(self):
        mount = SmallMount(self.cluster.folder / "full", 24)
        self.addCleanup(mount.unmount)
        node = self.cluster.nodes[2]
        self.move_to(node, mount.folder)
        key = self.key("/before")
        self.put(key, self.bytes(100_000))
        mount.fill()
        for number in range(12):
            self.put(self.key(f"/{number}"), self.bytes(1 << 20))
        until(lambda: self.free_of(node) == 0, "the namenode knows that the node is full")
        chains = [self.target(self.lease(key=self.key(f"/planned/{number}"))).chain
                  for number in range(6)]
        self.assertNotIn(node.address[1], [one.port for chain in chains for one in chain])
        self.assert_ledger()
        self.assert_runs(node)

    def free_of(self, node):
        return sum(device.free_bytes for device in self.devices_of(node)) >> 20


class EverySeal(FaultCase):
    """What fails after the bytes were acked, each time and on all nodes."""

    settings = {**FaultCase.settings, "block_bytes": 64 << 20}

    def assert_ends(self, timeout):
        for node in self.cluster.nodes:
            self.arm(node, "before-forward-seal:errno=EPIPE:1+")
        source = self.cluster.folder / "source"
        source.write_bytes(self.bytes(20_000_000))
        done = self.cluster.cli("put", source, self.key(), "--quiet", "--timeout", timeout)
        self.assert_cli(done, EXIT["too few nodes"])
        self.assertEqual(self.cluster.status().leases, 0, "its lease was given back")

    def test_bytes_that_are_sent_again_are_no_progress(self):
        self.assert_ends("5s")

    def test_a_long_timeout_does_not_fill_the_cluster(self):
        self.assert_ends("1h")


class D2(FaultCase):
    """A device that says EIO."""

    def test_d2_a_failed_write_ends_the_device_s_service(self):
        node = self.cluster.nodes[0]
        self.arm(node, "before-disk:errno=EIO:1")
        self.assertEqual(self.write_to(node, self.bytes(5_000)), Status.deviceFailed)
        # The device answers well from now on, and is not asked again.
        self.assertEqual(self.write_to(node, self.bytes(5_000)), Status.deviceFailed)
        self.wait_failed(node)
        for number in range(4):
            self.put(self.key(f"/{number}"), self.bytes(300_000))
        self.assert_ledger()
        self.assert_runs(node)

    def test_d2_a_failed_read_is_served_from_another_replica(self):
        for number in range(4):
            self.put(self.key(f"/{number}"), self.bytes(300_000))
        # One node alone: a copy that was found bad stays bad, and the next one would fail the last.
        node = self.cluster.nodes[0]
        self.arm(node, "read-before-disk:errno=EIO:1+")
        self.assert_ledger()
        blocks = [self.client.open(entry["key"]).blocks[0] for entry in self.ledger.entries()]
        held = [block for block in blocks
                if node.address[1] in [one.port for one in block.replicas]]
        if held:
            with self.assertRaises(Refusal) as caught:
                self.read_block_at(node, held[0])
            # Corrupt when the check of the ledger has asked this node for it.
            self.assertIn(caught.exception.status, (Status.deviceFailed, Status.corrupt))
        self.assert_runs(node)

    def test_d2_a_copy_that_could_not_be_read_is_not_tried_again(self):
        key = self.key()
        self.put(key, self.bytes(300_000))
        ports = self.ports_of(key)
        node = next(node for node in self.cluster.nodes if node.address[1] in ports)
        self.arm(node, "read-before-disk:errno=EIO:1")
        location = self.client.open(key).blocks[0]
        target = located(location)
        replica = [one.port for one in target.chain].index(node.address[1])
        for status in (Status.deviceFailed, Status.corrupt):
            with self.assertRaises(Refusal) as caught:
                read_range(target, 0, location.length, replica)
            self.assert_status(status, caught.exception)
        until(lambda: self.corrupt_copies(key) == 1, "the namenode hears of the bad copy")
        self.assert_ledger()
        self.assert_runs(node)

    def corrupt_copies(self, key):
        lines = self.cluster.cli("fsck", key, "--json").stdout.splitlines()
        return json.loads(lines[0])["corrupt_replicas"]

    def ports_of(self, key):
        return [one.port for one in self.client.open(key).blocks[0].replicas]

    def test_d2_a_device_that_lost_its_end(self):
        """The loop's file is cut under the mount: what is behind the cut reads as EIO."""
        mount = SmallMount(self.cluster.folder / "cut", 64, must_be_loop=True)
        self.addCleanup(mount.unmount)
        node = self.cluster.nodes[3]
        self.move_to(node, mount.folder)
        for number in range(8):
            self.put(self.key(f"/{number}"), self.bytes(500_000))
        held = [key for key in (self.key(f"/{number}") for number in range(8))
                if node.address[1] in self.ports_of(key)]
        self.assertNotEqual(held, [])
        mount.cut()
        faults = []
        for key in held:
            try:
                self.read_at(node, key)
            except Refusal as refused:
                faults.append(refused.status)
        self.assertIn(Status.deviceFailed, faults)
        self.assertLessEqual(set(faults), {Status.deviceFailed, Status.corrupt})
        self.assert_ledger()
        self.assert_runs(node)


class D3(FaultCase):
    """A sync that fails: final, for what it covered and for the device."""

    def assert_final(self, fault):
        node = self.cluster.nodes[0]
        self.arm(node, fault)
        data = self.bytes(5_000)
        lease = self.lease()
        stream = self.stream(self.target_with(node, lease))
        stream.data(0, data).seal(data, Level.durable)
        refused = stream.refusal()
        self.assert_status(Status.deviceFailed, refused)
        self.assertTrue(all(ack[Level.durable] == 0 for ack in stream.acks), stream.acks)
        # The next sync would succeed, as it does on ext4; it is never asked for.
        again = self.stream(stream.target)
        again.data(0, data).seal(data, Level.durable)
        self.assert_status(Status.deviceFailed, again.refusal())
        self.client.abandon(lease)
        self.wait_failed(node)
        for number in range(4):
            self.put(self.key(f"/{number}"), self.bytes(70_000))
        self.assert_ledger()
        self.assert_runs(node)

    def test_d3_a_failed_sync_of_the_file(self):
        self.assert_final("seal-before-sync:errno=EIO:1")

    def test_d3_no_room_for_a_sync(self):
        """Delayed allocation says ENOSPC at the sync: as final as EIO (ATC '20)."""
        node = self.cluster.nodes[0]
        self.arm(node, "seal-before-sync:errno=ENOSPC:1")
        self.assertIn(self.write_to(node, self.bytes(5_000), Level.durable),
                      (Status.noSpace, Status.deviceFailed))
        self.put(self.key("/after"), self.bytes(70_000))
        self.assert_ledger()

    def test_d3_a_failed_sync_of_the_directory(self):
        self.assert_final("seal-before-dirsync:errno=EIO:1")

    def test_d3_a_file_system_that_cannot_keep_what_it_took(self):
        """ext4 on a loop file on a tmpfs that is too small for it."""
        mount = SmallMount(self.cluster.folder / "thin", 64, backing=16)
        self.addCleanup(mount.unmount)
        node = self.cluster.nodes[1]
        self.move_to(node, mount.folder)
        for number in range(30):
            self.put(self.key(f"/{number}"), self.bytes(1 << 20))
        self.assert_ledger()
        self.assert_runs(node)


@unittest.skipIf(cluster.STANDIN, "SKIPPED: the stand-ins keep nothing")
class NamenodeDisk(unittest.TestCase):
    """The namenode's disk: what it answered is there, and it says why it ends."""

    def start(self, mount):
        """A cluster whose namespace lies on this mount, with one key in it."""
        self.addCleanup(mount.unmount)
        self.cluster = Cluster(1, stale_ms=5000, dead_ms=60_000)
        self.cluster.namenode_folder = mount.folder / "namenode"
        self.enterContext(self.cluster)
        self.client = self.cluster.client()
        values.put(self.client, "value", b"kept")

    def folder(self):
        folder = tempfile.TemporaryDirectory(prefix="catena-disk-")
        self.addCleanup(folder.cleanup)
        return pathlib.Path(folder.name) / "namespace"

    def created_until_the_end(self):
        """Creates leases until no answer comes; the keys whose CREATE was answered."""
        keys = [f"{number:06}/" + "x" * 900 for number in range(100_000)]
        for number, key in enumerate(keys):
            try:
                self.client.create(key)
            except (OSError, Refused):
                return keys[:number]
        self.fail("the disk did not fill")

    def assert_ended(self):
        code = self.cluster.namenode.wait(PATIENCE)
        said = self.cluster.namenode.tail()
        self.assertEqual(code, EX_IOERR, said)
        self.assertIn("the namespace cannot be written", said)
        self.assertNotIn("Fatal error", said)

    def assert_back_with(self, created):
        """The value is there, and each answered CREATE is in force: its key is being written."""
        self.cluster.start_namenode()
        self.cluster.wait_settled()
        client = self.cluster.client()
        self.assertEqual(values.get(client, "value"), b"kept")
        for key in created[:: max(1, len(created) // 50)] + created[-3:]:
            self.assertTrue(client.info(key).open, f"{key[:20]} was created and is not there")

    def test_d1_a_full_disk_ends_the_namenode_and_loses_no_answer(self):
        mount = SmallMount(self.folder(), 24)
        self.start(mount)
        created = [key for key in ("a", "b", "c") if self.client.create(key)]
        mount.fill()
        created += self.created_until_the_end()
        self.assert_ended()
        # On a disk that is still full it says so again, as what it is: not as damage.
        self.cluster.namenode.start(namenode_command(
            self.cluster.namenode_folder, 0, self.cluster.namenode.port_file,
            self.cluster.settings))
        try:
            code = self.cluster.namenode.wait(5)
        except subprocess.TimeoutExpired:
            self.cluster.namenode.kill()
        else:
            self.assertIn(code, EXIT["directory full"], self.cluster.namenode.tail())
        (mount.folder / "ballast").unlink()
        self.assert_back_with(created)

    def test_d3_a_failed_sync_ends_the_namenode_and_loses_no_answer(self):
        """One fdatasync of the namespace says EIO, and none after it would."""
        self.start(SmallMount(self.folder(), 64))
        created = [key for key in ("a", "b", "c") if self.client.create(key)]
        tracer = self.traced("fdatasync:error=EIO:when=5")
        created += self.created_until_the_end()
        self.assert_ended()
        tracer.wait(PATIENCE)
        self.assert_back_with(created)

    def traced(self, inject):
        """strace(1) on the namenode, which has a system call fail; it reaches SQLite's, which are
        no ring operations."""
        try:
            tracer = subprocess.Popen(
                ["strace", "-f", "-p", str(self.cluster.namenode.pid), "-e", "trace=fdatasync",
                 "-e", f"inject={inject}"], stderr=subprocess.PIPE, text=True)
        except FileNotFoundError:
            print("SKIPPED: strace is not installed", file=sys.stderr)
            self.skipTest("strace is not installed")
        self.addCleanup(tracer.stderr.close)
        self.addCleanup(tracer.wait)
        self.addCleanup(tracer.kill)
        said = tracer.stderr.readline()
        if "attached" not in said:
            print(f"SKIPPED: strace cannot attach: {said}", file=sys.stderr)
            self.skipTest(f"strace cannot attach: {said}")
        return tracer

    def test_d3_a_disk_that_cannot_keep_what_it_took(self):
        """ext4 on a loop file on a tmpfs that fills: writes succeed and syncs fail.

        The loop driver takes a write that its file took in part for whole, so that the last
        sync that succeeded may have covered bytes that are not there: the device's lie, of which
        at most that transaction is the victim.
        """
        mount = SmallMount(self.folder(), 64, backing=14)
        self.start(mount)
        created = self.created_until_the_end()
        self.assertGreater(len(created), 100)
        self.assert_ended()
        mount.mend()
        # Whoever accepts a loss gives up what was being written.
        self.assert_back_with([] if self.accepts_the_victim() else created[:-1])

    def accepts_the_victim(self):
        """Whether it was missed: a start that misses the last transaction says so, and the operator goes on
        without it."""
        folder = self.cluster.namenode_folder
        words = cluster.program("catena-namenode")
        run = {"capture_output": True, "text": True, "timeout": PATIENCE, "check": False}
        checked = subprocess.run([*words, "check", "--dir", str(folder)], **run)
        if checked.returncode == 0:
            return False
        self.assertIn("lost its end", checked.stdout + checked.stderr)
        accepted = subprocess.run([*words, "accept", "--dir", str(folder)], **run)
        self.assertEqual(accepted.returncode, 0, accepted.stderr)
        return True


class D4(FaultCase):
    """Short transfers and interruptions: gone on with, never taken for the whole."""

    def each(self, point, *actions):
        return ",".join(f"{point}:{action}:{number}" for number, action in enumerate(actions, 1))

    def assert_good(self, fault):
        for node in self.cluster.nodes:
            self.restart(node, fault)
            self.addCleanup(self.restart, node)
        for number, size in enumerate((1, 5_000, 300_000, 1 << 20, (2 << 20) + 3)):
            data = self.bytes(size)
            values.put(self.client, self.key(f"/{number}"), data)
            self.ledger.acked(self.key(f"/{number}"), 0, data)
            self.put(self.key(f"/command/{number}"), data)
        for entry in self.ledger.entries():
            for node in self.cluster.nodes:
                ports = [one.port for one in self.client.open(entry["key"]).blocks[0].replicas]
                if node.address[1] in ports:
                    self.read_at(node, entry["key"])
        self.assert_ledger()
        for node in self.cluster.nodes:
            self.assert_runs(node)

    def test_d4_writes(self):
        self.assert_good(",".join([
            self.each("before-disk", "short", "errno=EINTR", "short", "errno=EAGAIN", "short",
                      "short", "short", "errno=EINTR"),
            self.each("before-open-header", "short", "errno=EINTR", "short", "errno=EAGAIN"),
            self.each("seal-before-header", "short", "errno=EINTR", "short", "errno=EAGAIN"),
            self.each("before-open", "errno=EINTR", "errno=EAGAIN")]))

    def test_d4_reads(self):
        self.assert_good(",".join([
            self.each("read-before-disk", "short", "errno=EINTR", "short", "errno=EAGAIN", "short",
                      "short", "short", "errno=EINTR"),
            self.each("read-before-header", "short", "errno=EINTR", "short", "errno=EAGAIN"),
            self.each("read-before-open", "errno=EINTR", "errno=EAGAIN"),
            self.each("read-before-send", "short", "errno=EINTR", "short", "short")]))

    def test_d4_sends(self):
        self.assert_good(",".join([
            self.each("before-forward", "short", "errno=EINTR", "short", "errno=EAGAIN", "short"),
            self.each("before-forward-credentials", "short", "errno=EINTR", "errno=EAGAIN"),
            self.each("before-forward-seal", "short", "errno=EINTR", "short", "errno=EAGAIN"),
            self.each("before-ack", "short", "errno=EINTR", "short", "errno=EAGAIN", "short")]))


    # A device that takes half a page, again and again: it has failed, and nobody waits.

    def test_d4_an_opening_header_that_never_gets_whole(self):
        self.assert_refused_by(self.cluster.nodes[0], "before-open-header:short:1+")

    def test_d4_a_seal_that_never_gets_whole(self):
        self.assert_refused_by(self.cluster.nodes[0], "seal-before-header:short:1+")

    def assert_refused_by(self, node, fault):
        self.arm(node, fault)
        self.assertEqual(self.write_to(node, self.bytes(5_000)), Status.deviceFailed)
        self.assert_given_up(node)

    def test_d4_a_flush_that_never_gets_whole(self):
        node = self.cluster.nodes[0]
        self.arm(node, "flush-before-header:short:1+")
        lease = self.lease()
        stream = self.stream(self.target_with(node, lease))
        stream.data(0, self.bytes(5_000)).flush(5_000)
        self.assert_status(Status.deviceFailed, stream.refusal())
        self.client.abandon(lease)
        self.assert_given_up(node)

    def assert_given_up(self, node):
        """The device is out of service, and puts go on without it."""
        self.wait_failed(node)
        self.put(self.key("/after"), self.bytes(70_000))
        self.assert_ledger()
        self.assert_runs(node)


class LongBlocks(FaultCase):
    """Blocks over 56 MiB have their checksums in a table of their own."""

    settings = {**FaultCase.settings, "block_bytes": 64 << 20}

    def test_d4_a_table_that_never_gets_whole(self):
        node = self.cluster.nodes[0]
        self.arm(node, "seal-before-table:short:1+")
        for number in range(4):
            self.put(self.key(f"/{number}"), self.bytes(57 << 20), "written")
            if all(device.failed for device in self.devices_of(node)):
                break
        self.wait_failed(node)
        self.assert_ledger()
        self.assert_runs(node)


class D8(FaultCase):
    """A slow device: its acks are late, and that is all."""

    def assert_slow_but_good(self):
        for number in range(4):
            self.put(self.key(f"/{number}"), self.bytes(400_000))
        self.assert_ledger()
        for node in self.cluster.nodes:
            self.assert_runs(node)
        self.assertEqual(self.client.status().live, 4)

    def test_d8_writes_that_take_long(self):
        self.arm(self.cluster.nodes[0], "before-disk:delay=60:1+,seal-before-sync:delay=200:1+")
        self.assert_slow_but_good()

    def test_d8_a_throttled_disk(self):
        loop = SlowLoop(self.cluster.folder / "slow", 64)
        self.addCleanup(loop.unmount)
        node = self.cluster.nodes[1]
        self.move_to(node, loop.folder)
        loop.throttle(node.daemon.pid, 1 << 20)
        self.assert_slow_but_good()
        self.assertGreater(loop.written(), 0, "the throttled device was used")


if __name__ == "__main__":
    unittest.main()
