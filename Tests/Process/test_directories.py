"""Data directories that vanish or are full of what nobody understands (D9, D10)."""

import json
import os
import shutil
import socket
import unittest

from catena_peer import values
from catena_peer.case import ClusterCase
from catena_peer.cluster import EX_UNAVAILABLE, PATIENCE, STANDIN, Node, until
from catena_peer.mounts import SmallMount


def failed(client, path):
    """Whether REPORT says that the device at `path` is out of service."""
    devices = [device for entry in client.report().nodes for device in entry.devices]
    return any(device.failed for device in devices if device.path == str(path))


def vanish(folder):
    """The daemon may make a file there meanwhile."""

    def is_gone():
        shutil.rmtree(folder, ignore_errors=True)
        return not folder.exists()

    until(is_gone, f"{folder} to be gone")


@unittest.skipIf(STANDIN, "the stand-in has no devices")
class Vanishing(ClusterCase):
    settings = {"datanodes": 3, "dirs": 2, "replicas": 3}

    def test_d9_a_directory_that_vanishes_is_out_of_service(self):
        for number in range(8):
            values.put(self.client, self.key(f"/{number}"), self.bytes(50_000))
        node = self.cluster.nodes[0]
        vanish(node.folders[0])
        until(lambda: failed(self.client, node.folders[0]), "the device to be reported as failed")
        self.assertFalse(failed(self.client, node.folders[1]))
        self.assertTrue(node.daemon.running())
        until(lambda: self.client.status().under_replicated_blocks > 0,
              "the blocks there to count as lost")
        for number in range(8):
            fresh = self.bytes(50_000)
            values.put(self.client, self.key(f"/after/{number}"), fresh)
            self.assertEqual(values.get(self.client, self.key(f"/after/{number}")), fresh)
        report = self.cluster.cli("report")
        self.assertIn(b"(1 failed)", report.stdout)

        vanish(node.folders[1])
        until(lambda: failed(self.client, node.folders[1]), "the other one to be reported too")
        until(lambda: "every device is out of service" in node.daemon.tail(100),
              "the node to say that it takes no writes")
        self.assertTrue(node.daemon.running(), "it stays up")
        for number in range(8):
            values.get(self.client, self.key(f"/after/{number}"))


@unittest.skipIf(STANDIN, "the stand-in has no devices")
class Failing(ClusterCase):
    settings = {"datanodes": 0, "min_nodes": 1, "replicas": 1}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.mount = SmallMount(cls.cluster.folder / "mounted", 64)
        cls.addClassCleanup(cls.mount.unmount)

    def test_d3_a_device_that_fails_is_out_of_service_for_good(self):
        node = self.cluster.add_node(1, dirs=1)
        node.folders.append(self.mount.folder / "device")
        node.start()
        self.addCleanup(node.kill)
        self.cluster.wait_settled()
        source = self.cluster.folder / "source"
        source.write_bytes(self.bytes(100_000))
        for number in range(6):
            done = self.cluster.cli("put", source, self.key(f"/before/{number}"))
            self.assert_cli(done, {0})
        self.assertTrue(list((node.folders[1] / "blocks").glob("*.blk")), "both devices are used")
        self.mount.fail()
        for number in range(6):
            done = self.cluster.cli("put", source, self.key(f"/after/{number}"))
            self.assert_cli(done, {0})
        until(lambda: failed(self.client, node.folders[1]), "the device to be reported as failed")
        self.assertFalse(failed(self.client, node.folders[0]))
        out = self.cluster.folder / "out"
        for number in range(6):
            self.assert_cli(self.cluster.cli("get", self.key(f"/after/{number}"), out), {0})
            self.assertEqual(out.read_bytes(), source.read_bytes())
            out.unlink()
        until(lambda: self.client.status().missing_blocks > 0,
              "blocks of the failed device to count as lost")


@unittest.skipIf(STANDIN, "the stand-in names files its own way")
class Strays(ClusterCase):
    settings = {"datanodes": 1, "replicas": 1}

    COUNT = 100_000

    def test_d10_a_hundred_thousand_stray_files_at_start(self):
        data = self.bytes(50_000)
        values.put(self.client, self.key(), data)
        node = self.cluster.nodes[0]
        node.kill()
        blocks = node.folders[0] / "blocks"
        strays = {f"{number:016x}.blk" for number in range(1 << 40, (1 << 40) + self.COUNT)}
        for name in strays:
            (blocks / name).touch()
        node.start()
        self.cluster.wait_settled()
        self.assertEqual(values.get(self.client, self.key()), data)
        left = {path.name for path in blocks.iterdir()}
        self.assertEqual(strays - left, set(), "nothing is deleted")
        with open(node.daemon.log, encoding="utf-8") as log:
            lines = [json.loads(line) for line in log]
        events = [line.get("event") or line.get("message") for line in lines]
        self.assertGreaterEqual(events.count("reading block files"), 9)
        self.assertEqual(events.count("left alone"), 1000)
        self.assertIn("more files like these", events)
        with open(self.cluster.namenode.log, encoding="utf-8") as log:
            complete = [line for line in log if "block report complete" in line]
        self.assertIn(str(self.COUNT), complete[-1], "the namenode counts them as strays")

    def test_a_fifo_in_the_place_of_what_is_kept_is_not_waited_for(self):
        data = self.bytes(50_000)
        values.put(self.client, self.key(), data)
        node = self.cluster.nodes[0]
        node.kill()
        kept = node.folders[0] / "namespace"
        kept.unlink()
        os.mkfifo(kept)
        node.start()
        self.cluster.wait_settled()
        self.assertEqual(values.get(self.client, self.key()), data)
        self.assertTrue(kept.is_fifo())


@unittest.skipIf(STANDIN, "the stand-in has no devices")
class Several(ClusterCase):
    """Directories of one file system, and a new one beside those that are there."""

    settings = {"datanodes": 2, "dirs": 2, "replicas": 1, "min_nodes": 1}

    def test_their_room_counts_once(self):
        values.put(self.client, self.key(), self.bytes(50_000))
        status = self.client.status()
        self.assertEqual(status.capacity_bytes, shutil.disk_usage(self.cluster.folder).total)
        self.assertLessEqual(status.used_bytes, status.capacity_bytes)
        self.assertIn(b"1 key, 1 block, ", self.cluster.cli("status").stdout)
        self.client.delete(self.key())

    def test_an_empty_one_that_is_named_first_takes_the_node_s_id(self):
        node = self.cluster.nodes[0]
        known = {entry.node.node_id for entry in self.client.report().nodes}
        node.kill()
        node.folders.insert(0, self.cluster.folder / "new")
        node.start()
        self.cluster.wait_settled()
        report = self.client.report()
        self.assertEqual({entry.node.node_id for entry in report.nodes}, known)
        self.assertEqual(sorted(len(entry.devices) for entry in report.nodes), [2, 3])


@unittest.skipIf(STANDIN, "the stand-in names files its own way")
class Copies(ClusterCase):
    """Two directories that say they are the same node."""

    settings = {"datanodes": 1, "replicas": 1, "min_nodes": 1}

    def assert_the_original_stays(self, copy):
        """`copy` is a directory of the node, started beside it."""
        node = self.cluster.nodes[0]
        other = Node(self.cluster, self._testMethodName, [copy], node.settings)
        self.cluster.extra.append(other.daemon)
        other.start()
        self.assertEqual(other.daemon.wait(PATIENCE), 78, other.daemon.tail())
        self.assertIn("copy of node", other.daemon.tail())
        data = self.bytes(100_000)
        values.put(self.client, self.key("/after"), data)
        self.assertEqual(values.get(self.client, self.key("/after")), data)
        self.assertTrue(node.daemon.running(), node.daemon.tail())

    def copied(self):
        copy = self.cluster.folder / self._testMethodName
        shutil.copytree(self.cluster.nodes[0].folders[0], copy)
        return copy

    def test_a_copy_from_before_the_last_start_does_not_displace_it(self):
        node = self.cluster.nodes[0]
        node.kill()
        copy = self.copied()
        node.start()
        self.cluster.wait_settled()
        self.assert_the_original_stays(copy)

    def test_a_copy_of_a_node_that_runs_does_not_displace_it(self):
        self.assert_the_original_stays(self.copied())

    def test_a_copy_takes_the_place_of_one_that_is_dead(self):
        values.put(self.client, self.key(), b"kept")
        node = self.cluster.nodes[0]
        node.kill()
        copy = self.copied()
        until(lambda: self.client.status().dead == 1, "the original to count as dead")
        node.folders = [copy]
        node.start()
        self.cluster.wait_settled()
        self.assertEqual(values.get(self.client, self.key()), b"kept")


@unittest.skipIf(STANDIN, "the stand-in names files its own way")
class Clones(ClusterCase):
    settings = {"datanodes": 1, "replicas": 1, "min_nodes": 1}

    def test_a_clone_of_the_disk_under_a_node_that_runs_does_not_displace_it(self):
        """Inode and birth time are the same: nothing in the directory tells which it is."""
        disk = SmallMount(self.cluster.folder / "disk", 64, must_be_loop=True)
        self.addCleanup(disk.unmount)
        node = Node(self.cluster, "on-disk", [disk.folder / "device"], self.cluster.nodes[0].settings)
        self.cluster.extra.append(node.daemon)
        node.start()
        self.addCleanup(node.kill)
        until(lambda: self.client.status().live == 2, "the node on the disk to be live")
        clone = self.cluster.folder / "clone.img"
        disk.clone(clone)
        copy = SmallMount.of(clone, self.cluster.folder / "clone")
        self.addCleanup(copy.unmount)
        other = Node(self.cluster, "on-clone", [copy.folder / "device"], node.settings)
        self.cluster.extra.append(other.daemon)
        other.start()
        self.assertEqual(other.daemon.wait(PATIENCE), 78, other.daemon.tail())
        self.assertIn("copy of node", other.daemon.tail())
        self.assertTrue(node.daemon.running(), node.daemon.tail())
        self.assertEqual(self.client.status().live, 2)
        # The same directory, started anew at another address, is soon the node again.
        node.kill()
        node.start()
        until(lambda: '"serving"' in node.daemon.tail(5), "the node to be taken in again")


@unittest.skipIf(STANDIN, "the stand-in names files its own way")
class Files(ClusterCase):
    """What lies in a data directory."""

    settings = {"datanodes": 1, "replicas": 1, "min_nodes": 1}

    def again(self, node):
        node.start()
        self.cluster.wait_settled()

    def test_what_is_no_file_is_named_and_left_alone(self):
        data = self.bytes(50_000)
        values.put(self.client, self.key(), data)
        node = self.cluster.nodes[0]
        node.kill()
        blocks = node.folders[0] / "blocks"
        odd = [blocks / f"{number:016x}{end}" for number, end in
               ((1 << 40, ".blk"), ((1 << 40) + 1, ".free"), ((1 << 40) + 2, ".blk"))]
        for path in odd[:2]:
            os.mkfifo(path)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(odd[2]))
        self.again(node)
        self.assertEqual(values.get(self.client, self.key()), data)
        for path in odd:
            self.assertTrue(path.exists(), path)
            self.assertIn(str(path), node.daemon.tail(200))

    def test_a_fifo_in_the_place_of_a_record_is_named(self):
        node = self.cluster.nodes[0]
        for name in ("device", "scrub"):
            with self.subTest(name=name):
                node.kill()
                record = node.folders[0] / name
                kept = record.read_bytes() if record.exists() else None
                record.unlink(missing_ok=True)
                os.mkfifo(record)
                node.start()
                self.assertEqual(node.daemon.wait(PATIENCE), 78)
                self.assertIn("not a regular file: move it away", node.daemon.tail(20))
                record.unlink()
                if kept is not None:
                    record.write_bytes(kept)
                self.again(node)

    def open_to_others(self, folder):
        return [str(path) for path in [folder, *folder.rglob("*")]
                if path.stat().st_mode & 0o077]

    def test_files_are_for_their_user_alone(self):
        values.put(self.client, self.key(), self.bytes(50_000))
        values.put(self.client, self.key("/gone"), self.bytes(50_000))
        node = self.cluster.nodes[0]
        self.client.delete(self.key("/gone"))
        blocks = node.folders[0] / "blocks"
        until(lambda: list(blocks.glob("*.free")), "a spare file")
        self.assertEqual(self.open_to_others(node.folders[0]), [])
        # An earlier version made them for everybody to read.
        for path in [node.folders[0], *node.folders[0].rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)
        node.kill()
        self.again(node)
        self.assertEqual(self.open_to_others(node.folders[0]), [])


@unittest.skipIf(STANDIN, "the stand-in has no devices")
class Full(ClusterCase):
    settings = {"datanodes": 1, "replicas": 1, "min_nodes": 1}

    def test_a_device_without_any_room_serves_what_it_has(self):
        mount = SmallMount(self.cluster.folder / "full", 24)
        self.addCleanup(mount.unmount)
        node = self.cluster.nodes[0]
        self.addCleanup(node.daemon.stop)
        node.daemon.stop()
        node.folders = [mount.folder / "device"]
        node.start()
        self.cluster.wait_settled()
        data = self.bytes(50_000)
        values.put(self.client, self.key(), data)
        node.daemon.stop()
        mount.fill()
        for _ in range(2):
            node.start()
            self.cluster.wait_settled()
            self.assertEqual(values.get(self.client, self.key()), data)
            node.daemon.stop()


@unittest.skipIf(STANDIN, "the stand-in has no devices")
class Small(ClusterCase):
    settings = {"datanodes": 0, "min_nodes": 1, "replicas": 1}

    def test_a_put_from_a_pipe_to_a_full_device_says_so_and_leaves_nothing(self):
        mount = SmallMount(self.cluster.folder / "small", 16, is_tmpfs=True)
        self.addCleanup(mount.unmount)
        node = self.cluster.add_node(1, dirs=0)
        node.folders.append(mount.folder / "device")
        node.start()
        self.addCleanup(node.kill)
        self.cluster.wait_settled()
        done = self.cluster.cli("put", "-", self.key(), stdin=self.bytes(40 << 20))
        self.assert_cli(done, {EX_UNAVAILABLE}, "room")
        self.assertEqual(self.cluster.status().leases, 0, "its lease was given back")
        self.assertTrue(node.daemon.running(), node.daemon.tail())
        # What it took is given up, and there is room again.
        data = self.bytes(1 << 20)

        def is_put():
            return self.cluster.cli("put", "-", "after", stdin=data).returncode == 0

        until(is_put, "room for another value")
        self.assertEqual(self.cluster.cli("cat", "after").stdout, data)


if __name__ == "__main__":
    unittest.main()
