"""Damage on disk, found by readers, by the scrub and by `catena fsck`."""

import json
import os
import shutil
import time
import unittest

from catena_peer import values
from catena_peer.case import ClusterCase, Refusal, Status
from catena_peer.cluster import (
    EX_NOINPUT, EX_UNAVAILABLE, EX_USAGE, Cluster, datanode_command, secret_file, until)
from catena_peer.datanode import located, read_range
from catena_peer.listening import Proxy

BLOCK = 1 << 20
PAYLOAD = 8192
SIZES = [1, 4096, 65_537, 300_000, BLOCK, 2 * BLOCK + 777]


class DamageCase(ClusterCase):
    def setUp(self):
        super().setUp()
        self.cluster.revive()

    def put(self, suffix="", size=300_000):
        key, data = self.key(suffix), self.bytes(size)
        values.put(self.client, key, data, BLOCK)
        return key, data

    def blocks(self, key):
        return self.client.open(key).blocks

    def file(self, node, block):
        return next(
            path for folder in node.folders
            if (path := folder / "blocks" / f"{block:016x}.blk").exists())

    def flip(self, path, at, bit=0):
        with open(path, "r+b") as file:
            file.seek(at)
            byte = file.read(1)[0]
            file.seek(at)
            file.write(bytes([byte ^ 1 << bit]))
            file.flush()
            os.fsync(file.fileno())

    def flip_in(self, node, location):
        """One random bit of a block's payload on one node."""
        self.flip(
            self.file(node, location.block), PAYLOAD + self.random.randrange(location.length),
            self.random.randrange(8))

    def corrupt_replicas(self):
        return self.cluster.cli_json("status")["corrupt_replicas"]

    def wait_corrupt(self, count):
        until(lambda: self.corrupt_replicas() == count,
              lambda: f"{count} corrupt copies, not {self.corrupt_replicas()}")

    def fsck(self, *words):
        """(exit code, keys by name, summary)"""
        done = self.cluster.cli("fsck", *words, "--json")
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertIn("summary", lines[-1], done.stderr.decode())
        return done.returncode, {line["key"]: line for line in lines[:-1]}, lines[-1]["summary"]

    def get(self, key):
        out = self.cluster.folder / "out"
        out.unlink(missing_ok=True)
        self.assert_cli(self.cluster.cli("get", key, out), {0})
        return out.read_bytes()

    def assert_refused_by(self, node, location):
        """The copy on this node is refused as corrupt, whatever part of it is asked for."""
        target = located(location)
        place = [replica.address[1] for replica in target.chain].index(node.address[1])
        with self.assertRaises(Refusal) as caught:
            read_range(target, 0, 1, place)
        self.assert_status(Status.corrupt, caught.exception)


class Scrub(DamageCase):
    settings = {"datanodes": 3, "dirs": 2, "node_settings": {"scrub_share": 100},
                "delete_grace_ms": 0, "stray_delay_ms": 300}

    def tearDown(self):
        for key in [line["key"] for line in self.keys()]:
            self.client.delete(key)
        self.wait_corrupt(0)

    def keys(self):
        return [json.loads(line) for line in self.cluster.cli("ls", "-r", "--json").stdout.splitlines()]

    def test_d6_bit_flips_are_found_by_a_scrub_and_never_served(self):
        kept = [self.put(f"/{size}", size) for size in SIZES]
        before = [location for key, _ in kept for location in self.blocks(key)]
        self.assertEqual(self.fsck()[0], 0)
        for number, location in enumerate(before):
            self.flip_in(self.cluster.nodes[number % 3], location)
        self.assertEqual(self.fsck()[0], 0, "nobody has looked yet")
        done = self.cluster.cli_json("admin", "scrub")
        self.assertEqual(done["asked"], 3)
        self.wait_corrupt(len(before))
        for number, location in enumerate(before):
            self.assert_refused_by(self.cluster.nodes[number % 3], location)
        code, keys, summary = self.fsck("--locations")
        self.assertEqual((code, summary["status"]), (1, "under-replicated"))
        self.assertEqual(summary["under_replicated"], len(before))
        self.assertEqual(summary["corrupt_replicas"], len(before))
        for key, data in kept:
            self.assertEqual(self.get(key), data)
            for block in keys[key]["detail"]:
                states = sorted(copy["state"] for copy in block["replicas"])
                self.assertEqual(states, ["corrupt", "live", "live"])
        text = self.cluster.cli("fsck").stdout.decode()
        self.assertIn("under-replicated", text)
        self.restart_keeps(before)

    def restart_keeps(self, before):
        """What was found is known after a restart, though every header is sound."""
        node = self.cluster.nodes[0]
        port = node.address[1]
        node.kill()
        node.start(port)
        self.cluster.wait_settled()
        self.wait_corrupt(len(before))
        for location in before[::3]:
            self.assert_refused_by(node, location)
            self.assertTrue(self.file(node, location.block).exists(), "kept, not deleted")

    def test_d6_a_reader_that_meets_a_bad_chunk_has_its_node_look(self):
        key, data = self.put(size=200_000)
        location, = self.blocks(key)
        for node in self.cluster.nodes[:2]:
            self.flip_in(node, location)

        def found():
            self.assertEqual(self.get(key), data)
            return self.corrupt_replicas() == 2

        until(found, "both bad copies to be found by reading alone")
        for node in self.cluster.nodes[:2]:
            self.assert_refused_by(node, location)

    def test_d6_a_datanode_that_meets_a_bad_header_reports_it_itself(self):
        key, data = self.put()
        location, = self.blocks(key)
        node = self.cluster.nodes[1]
        self.flip(self.file(node, location.block), 4096 + 100)
        self.assert_refused_by(node, location)
        self.wait_corrupt(1)
        self.assertEqual(self.get(key), data)

    def test_d6_a_file_that_is_gone_is_said_to_be_lost_not_never_there(self):
        key, data = self.put()
        location, = self.blocks(key)
        node = self.cluster.nodes[2]
        self.file(node, location.block).unlink()
        self.assert_refused_by(node, location)
        self.wait_corrupt(1)
        self.assertEqual(self.get(key), data)

    def test_d6_a_file_cut_anywhere_is_refused_and_keeps_nobody_waiting(self):
        for number, at in enumerate([0, 100, 4096 + 7, PAYLOAD + 1, PAYLOAD + 5000]):
            with self.subTest(at=at):
                key, data = self.put(f"/{at}")
                location, = self.blocks(key)
                node = self.cluster.nodes[number % 3]
                os.truncate(self.file(node, location.block), at)
                with self.assertRaises(Refusal) as caught:
                    target = located(location)
                    place = [r.address[1] for r in target.chain].index(node.address[1])
                    read_range(target, 0, location.length, place)
                self.assert_status(Status.corrupt, caught.exception)
                self.assertEqual(self.get(key), data)

    def test_d7_swapped_and_stale_files_are_found(self):
        node = self.cluster.nodes[2]
        one, two = self.put("/one")[0], self.put("/two")[0]
        pairs = [(self.blocks(one)[0], self.blocks(two)[0])]
        three, four = self.put("/three")[0], self.put("/four")[0]
        pairs.append((self.blocks(three)[0], self.blocks(four)[0]))
        first, second = (self.file(node, location.block) for location in pairs[0])
        shutil.copy(first, first.with_suffix(".kept"))
        shutil.copy(second, first)
        shutil.copy(first.with_suffix(".kept"), second)
        os.unlink(first.with_suffix(".kept"))
        # Payloads alone: each header is its own block's.
        first, second = (self.file(node, location.block) for location in pairs[1])
        heads = [path.read_bytes()[:PAYLOAD] for path in (first, second)]
        bodies = [path.read_bytes()[PAYLOAD:] for path in (first, second)]
        first.write_bytes(heads[0] + bodies[1])
        second.write_bytes(heads[1] + bodies[0])
        os.sync()
        self.assertEqual(self.cluster.cli_json("admin", "scrub")["asked"], 3)
        self.wait_corrupt(4)
        for pair in pairs:
            for location in pair:
                self.assert_refused_by(node, location)

    def test_an_operator_scrubs_one_block_and_sees_how_far_it_is(self):
        key, _ = self.put()
        location, = self.blocks(key)
        node = self.cluster.nodes[0]
        self.flip_in(node, location)
        done = self.cluster.cli_json("admin", "scrub", "--block", f"{location.block:016x}")
        self.assertEqual(done["asked"], 3)
        self.wait_corrupt(1)
        shown = self.cluster.cli_json("admin", "scrub", "--status")
        self.assertEqual(shown["asked"], 0)
        self.assertEqual(sum(entry["corrupt_replicas"] for entry in shown["datanodes"]), 1)
        until(lambda: any(device["blocks"] for entry in self.scrubs() for device in entry["devices"]),
              "the scrub's counts in a heartbeat")
        self.assert_cli(self.cluster.cli("admin", "scrub", "--block", "0"), {EX_USAGE})
        unknown = self.cluster.cli("admin", "scrub", "--block", "ffff")
        self.assertNotEqual(unknown.returncode, 0)
        self.assertIn("ffff", unknown.stderr.decode())

    def scrubs(self):
        return self.cluster.cli_json("admin", "scrub", "--status")["datanodes"]

    def test_d10_a_stray_block_is_listed_and_deleted_on_the_operators_word(self):
        key, _ = self.put()
        # Without OPEN: the blocks of an opened value stay as long as its token.
        location, = self.client.info(key).blocks
        node = self.cluster.nodes[0]
        path = self.file(node, location.block)
        kept = path.read_bytes()
        self.client.delete(key)
        until(lambda: not path.exists(), "the deleted block to go")
        foreign = path.with_name(f"{0xffff:016x}.blk")
        for _ in range(10):
            # So that the node has said that the block is gone; else it is deleted once more.
            time.sleep(10 * self.cluster.settings["heartbeat_ms"] / 1000)
            node.kill()
            # A disk that was put back from an older copy; and a number that was never given.
            path.write_bytes(kept)
            foreign.write_bytes(kept)
            node.start()
            self.cluster.wait_settled()
            until(lambda: not path.exists() or self.strays()["total"] == 2,
                  "the block to be a stray, or deleted while the namespace still knows it")
            if path.exists():
                break
        self.wait_strays(2)
        if self.strays()["strays"][0]["deleting"]:
            self.fail("nobody has said so")
        until(lambda: self.strays("--delete")["deleting"] == 1, "the delay to pass")
        until(lambda: not path.exists(), "the stray to be deleted")
        self.assertTrue(foreign.exists(), "the namespace may be the older one")
        self.wait_strays(1)
        text = self.cluster.cli("admin", "strays").stdout.decode()
        self.assertIn("foreign", text)
        self.assertIn(str(foreign), text)
        node.kill()
        foreign.unlink()
        self.cluster.revive()

    def strays(self, *words):
        return self.cluster.cli_json("admin", "strays", *words)

    def wait_strays(self, count):
        until(lambda: self.strays()["total"] == count, lambda: f"{count}, not {self.strays()}")


class Fsck(unittest.TestCase):
    """Exit codes as scripts see them; the cluster gets worse from step to step."""

    def test_exit_codes(self):
        with Cluster(datanodes=3, replicas=3, min_nodes=1, dead_ms=5000, stale_ms=2500) as cluster:
            client = cluster.client()
            values.put(client, "a/1", b"x" * 70_000)
            values.put(client, "b/1", b"y" * 10)

            def code(*words):
                return cluster.cli("fsck", *words).returncode

            until(lambda: code() == 0, "a healthy cluster")
            cluster.nodes[0].kill()
            until(lambda: code() == 1, "a dead node to be missed")
            self.assertEqual(code("c/"), EX_NOINPUT, "nothing is below this prefix")
            out = cluster.cli("fsck", "a/", "--locations").stdout.decode()
            self.assertIn("a/1", out)
            self.assertNotIn("b/1", out)
            self.assertEqual(out.count("live  127.0.0.1"), 2)
            self.assertIn("dead", out)
            cluster.nodes[1].kill()
            cluster.nodes[2].kill()
            until(lambda: code() == 2, "every copy to be missed")
            self.assertIn("MISSING", cluster.cli("fsck").stdout.decode())
            cluster.namenode.kill()
            self.assertEqual(code("--timeout", "500ms"), EX_UNAVAILABLE)


class Abandoned(DamageCase):
    settings = {"datanodes": 3, "lease_ms": 400, "delete_grace_ms": 200}

    def files(self):
        return [path for node in self.cluster.nodes for folder in node.folders
                for path in (folder / "blocks").glob("*.blk")]

    def test_blocks_of_an_abandoned_value_go_and_those_of_others_stay(self):
        key, data = self.put()
        kept = set(self.files())
        self.assertEqual(len(kept), 3)
        lease = self.lease(key=self.key("/gone"))
        values.put_blocks(self.client, lease, self.bytes(5000))
        stream = self.stream(self.target(lease))
        stream.data(0, self.bytes(5000))
        until(lambda: len(self.files()) == 9, "a sealed block and an open one")
        until(lambda: set(self.files()) == kept, "the lease to end and its blocks to go")
        self.assertEqual(values.get(self.client, key), data)


class Sessions(unittest.TestCase):
    def test_a_cut_connection_goes_on_with_its_session(self):
        with Cluster(
                datanodes=1, delete_grace_ms=0, stale_ms=5_000, dead_ms=60_000) as cluster:
            client = cluster.client()
            node = cluster.nodes[0]
            node.kill()
            proxy = Proxy(cluster.address)
            self.addCleanup(proxy.close)
            node.daemon.start(datanode_command(
                proxy.address, secret_file(cluster.namenode_folder), node.folders, 0,
                node.daemon.port_file, node.settings))
            cluster.wait_settled()

            def said(sentence):
                return node.daemon.log.read_text().count(f'"{sentence}"')

            registered = said("registered")
            for number in range(3):
                before = said("the session goes on")
                proxy.cut()
                key = f"k{number}"
                until(lambda: said("the session goes on") > before, node.daemon.tail)
                values.put(client, key, b"z" * 5000)
                block = client.info(key).blocks[0].block
                path = node.folders[0] / "blocks" / f"{block:016x}.blk"
                self.assertTrue(path.exists())
                client.delete(key)
                until(lambda: not path.exists(), "a block that was reported after the cut to go")
            self.assertEqual(said("registered"), registered)
            # A namenode that starts anew knows no session.
            cluster.namenode.kill()
            cluster.start_namenode()
            until(lambda: said("registered") == registered + 1, node.daemon.tail)


if __name__ == "__main__":
    unittest.main()
