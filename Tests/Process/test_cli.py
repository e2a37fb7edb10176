"""The catena command against live daemons: files of every size, exit codes, sentences."""

import json
import os
import pty
import signal
import subprocess
import unittest

from catena_peer import values
from catena_peer.case import CommandCase
from catena_peer.cluster import EXIT, PATIENCE, STANDIN, command_environment, program, until
from catena_peer.proxy import ReplyProxy

BLOCK = 1 << 20
SIZES = [0, 1, 4095, 4096, 65_535, 65_536, 65_537, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 777]


class Files:
    """The same for three datanodes and for five."""

    def test_files_of_every_size_come_back_identical(self):
        for size in SIZES:
            with self.subTest(size=size):
                key, data = self.key(f"/{size}"), self.bytes(size)
                self.put(data, key)
                self.assertEqual(self.got(key), data)
                self.assertEqual(values.get(self.client, key), data, "read by the peer")
                self.assertEqual(self.cluster.cli_json("stat", key)["length"], size)

    def test_what_the_peer_writes_the_command_reads(self):
        for size in (1, 65_537, BLOCK + 1):
            with self.subTest(size=size):
                key, data = self.key(f"/{size}"), self.bytes(size)
                values.put(self.client, key, data, frame_bytes=4099)
                self.assertEqual(self.got(key), data)


class FilesOnThree(Files, CommandCase):
    settings = {"datanodes": 3}


class FilesOnFive(Files, CommandCase):
    settings = {"datanodes": 5, "replicas": 5, "min_nodes": 3}


class Commands(CommandCase):
    settings = {"datanodes": 3}

    def test_standard_input_and_output(self):
        data = self.bytes(100_001)
        self.assert_cli(self.cluster.cli("put", "-", self.key(), stdin=data), {0})
        for words in (("cat", self.key()), ("get", self.key(), "-")):
            done = self.cluster.cli(*words)
            self.assert_cli(done, {0})
            self.assertEqual(done.stdout, data)

    def test_blocks_of_the_size_asked_for(self):
        data = self.bytes(5 * 65_536 + 1)
        self.put(data, None, "--block-bytes", 65_536)
        stat = self.cluster.cli_json("stat", self.key())
        self.assertEqual([b["length"] for b in stat["blocks"]], [65_536] * 5 + [1])
        for block in stat["blocks"]:
            self.assertEqual(len(block["chain"]), 3)
        self.assertEqual(self.got(self.key()), data)

    def test_every_durability_a_writer_may_ask_for(self):
        for level in ("none", "written"):
            with self.subTest(level):
                data = self.bytes(70_000)
                self.put(data, self.key(f"/{level}"), "--durability", level)
                self.assertEqual(self.got(self.key(f"/{level}")), data)

    def test_an_unknown_key_is_66_and_named(self):
        key = self.key("/never")
        out = self.cluster.folder / "never"
        for words in (("get", key, out), ("cat", key), ("stat", key), ("rm", key),
                      ("mv", key, key + "2")):
            with self.subTest(words[0]):
                self.assert_cli(self.cluster.cli(*words), EXIT["key not found"], key)
        self.assertFalse(out.exists(), "no empty file is left behind")

    def test_an_existing_key_is_73_and_stays(self):
        self.put(b"old")
        again = self.cluster.cli("put", self.source(b"new"), self.key())
        self.assert_cli(again, EXIT["key exists"], self.key())
        self.assertEqual(self.got(self.key()), b"old")
        self.put(b"new", None, "--overwrite")
        self.assertEqual(self.got(self.key()), b"new")

    def test_a_key_leased_by_another_client_is_75(self):
        lease = self.lease()
        done = self.cluster.cli("put", self.source(b"x"), self.key())
        self.assert_cli(done, EXIT["leased"], self.key())
        self.client.abandon(lease)
        self.put(b"mine now")
        self.assertEqual(self.got(self.key()), b"mine now")

    def test_a_missing_local_file_is_66_and_creates_nothing(self):
        done = self.cluster.cli("put", self.cluster.folder / "not-there", self.key())
        self.assert_cli(done, EXIT["no local file"], "not-there")
        self.assertNotEqual(self.cluster.cli("test", self.key()).returncode, 0)
        self.put(b"and no lease is left")

    def test_usage_errors_are_64(self):
        for words in (("put",), ("nonsense",), ("get", "one"), ("put", "a", "b", "--what")):
            with self.subTest(words=words):
                self.assert_cli(self.cluster.cli(*words), EXIT["usage"])

    def test_a_namenode_that_is_not_there_is_69(self):
        done = self.cluster.cli(
            "stat", "any", "--namenode", "127.0.0.1:1", "--timeout", "500ms")
        self.assert_cli(done, EXIT["namenode unreachable"], "127.0.0.1:1")

    def test_remove_rename_and_test(self):
        self.put(b"here", self.key("/a"))
        self.assertEqual(self.cluster.cli("test", self.key("/a")).returncode, 0)
        self.assert_cli(self.cluster.cli("mv", self.key("/a"), self.key("/b")), {0})
        self.assertEqual(self.cluster.cli("test", self.key("/a")).returncode, 1)
        self.assertEqual(self.got(self.key("/b")), b"here")
        self.put(b"other", self.key("/c"))
        refused = self.cluster.cli("mv", self.key("/b"), self.key("/c"))
        self.assert_cli(refused, EXIT["key exists"], self.key("/c"))
        self.assert_cli(self.cluster.cli("rm", self.key("/b")), {0})
        self.assertEqual(self.cluster.cli("test", self.key("/b")).returncode, 1)

    def test_ls_gives_one_json_object_a_line(self):
        for name in ("x", "y"):
            self.put(b"12345", self.key(f"/{name}"))
        done = self.cluster.cli("ls", self.key("/"), "--json")
        self.assert_cli(done, {0})
        found = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([(entry["key"], entry["length"]) for entry in found],
                         [(self.key("/x"), 5), (self.key("/y"), 5)])
        plain = self.cluster.cli("ls", self.key("/"))
        self.assertIn(self.key("/x").encode(), plain.stdout)

    @unittest.skipIf(STANDIN, "the stand-in has no --null")
    def test_ls_can_end_entries_with_a_zero_byte(self):
        for name in ("/a\nb", "/c"):
            values.put(self.client, self.key(name), b"x")
        done = self.cluster.cli("ls", "-r", "-0", self.key("/"))
        self.assert_cli(done, {0})
        self.assertEqual(done.stdout.decode(), f"{self.key('/a')}\nb\0{self.key('/c')}\0")
        done = self.cluster.cli("ls", "--null", "--json", self.key("/"))
        self.assert_cli(done, EXIT["usage"])

    @unittest.skipIf(STANDIN, "the stand-in has no fsck")
    def test_fsck_of_what_is_not_there_is_66(self):
        self.put(b"here", self.key("/here"))
        for words in ([], ["--json"]):
            self.assert_cli(self.cluster.cli("fsck", self.key("/he"), *words), {0})
            done = self.cluster.cli("fsck", self.key("/no"), *words)
            self.assert_cli(done, EXIT["key not found"], self.key("/no"))

    def test_ls_escapes_on_a_terminal_and_nowhere_else(self):
        key = self.key("/\x1b[31mred\n\u202eback\\slash")
        values.put(self.client, key, b"x")
        plain = self.cluster.cli("ls", "-r", self.key("/"))
        self.assertIn(key.encode(), plain.stdout)
        near, far = pty.openpty()
        try:
            subprocess.run(
                [*program("catena"), "ls", "-r", self.key("/")], stdout=far, check=True,
                timeout=PATIENCE, env=command_environment(self.cluster.address))
            shown = os.read(near, 1 << 16).decode()
        finally:
            os.close(near)
            os.close(far)
        self.assertIn("/\\x1b[31mred\\n\\u{202e}back\\\\slash", shown)
        self.assertNotIn("\x1b", shown)

    def test_a_part_beyond_the_end_is_told_with_the_length(self):
        self.put(self.bytes(1000))
        out = self.cluster.folder / "part"
        for words, said in ((["--offset", 1001], "none from offset 1001"),
                            (["--offset", 5000, "--length", 1], "none from offset 5000"),
                            (["--offset", 999, "--length", 2], "no 2 from offset 999")):
            with self.subTest(words):
                done = self.cluster.cli("get", *words, self.key(), out)
                self.assert_cli(done, EXIT["usage"], f"has 1000 bytes: there are {said}")
        done = self.cluster.cli("get", "--json", "--offset", 1001, self.key(), out)
        error = json.loads(done.stderr)["error"]
        self.assertEqual((error["offset"], error["value_length"]), (1001, 1000))

    @unittest.skipIf(STANDIN, "the stand-in has a parser of its own")
    def test_a_command_that_is_none_is_blamed_and_not_its_flags(self):
        for words, name in ((["nope"], "nope"), (["nope", "--json"], "nope"),
                            (["admin", "nope", "--json", "x"], "nope")):
            with self.subTest(words):
                done = self.cluster.cli(*words)
                self.assert_cli(done, EXIT["usage"], f"there is no command '{name}'")
                if "--json" in words:
                    error = json.loads(done.stderr)["error"]
                    self.assertEqual((error["kind"], error["exit_code"]), ("usage", 64))

    def test_status_and_report(self):
        status = self.cluster.cli_json("status")
        self.assertEqual((status["live"], status["needed"]), (3, 3))
        for words in (("status",), ("report",)):
            done = self.cluster.cli(*words)
            self.assert_cli(done, {0})
            self.assertTrue(done.stdout)

    def test_keys_that_are_not_plain(self):
        for key in ("a b/ c", "\u00fc\u4e2d/\U0001f517", "--dashes", "/leading/slash", "x" * 1024):
            with self.subTest(key=key[:20]):
                data = self.bytes(10)
                values.put(self.client, key, data)
                out = self.cluster.folder / "out"
                words = ["get", "--", key, out] if key.startswith("-") else ["get", key, out]
                self.assert_cli(self.cluster.cli(*words), {0})
                self.assertEqual(out.read_bytes(), data)


@unittest.skipIf(STANDIN, "the stand-in reads its source before it asks for a lease")
class NamenodeGone(CommandCase):
    settings = {"datanodes": 1, "replicas": 1, "min_nodes": 1}

    def test_a_lease_that_cannot_be_given_back_is_named(self):
        reader, writer = os.pipe()
        put = subprocess.Popen(
            [*program("catena"), "put", "--timeout", "500ms", "-", self.key()], stdin=reader,
            stderr=subprocess.PIPE, env=command_environment(self.cluster.address))
        os.close(reader)
        try:
            until(lambda: self.cluster.status().leases, "the lease")
            self.cluster.namenode.kill()
            os.write(writer, b"bytes")
            os.close(writer)
            _, error = put.communicate(timeout=PATIENCE)
        finally:
            self.cluster.start_namenode()
            self.cluster.wait_settled()
        self.assertIn(put.returncode, EXIT["namenode unreachable"], error)
        self.assertIn(f"'{self.key()}' is still leased", error.decode())


    def test_a_lease_that_nobody_heard_of_is_named(self):
        before = self.cluster.status().leases
        with ReplyProxy(self.cluster.address, lambda reply: "create" in reply) as proxy:
            done = self.cluster.cli(
                "put", self.source(b"x"), self.key(), "--timeout", "500ms", "--namenode",
                "%s:%d" % proxy.address)
        self.assertEqual(self.cluster.status().leases, before + 1, "the namenode gave it")
        self.assert_cli(done, EXIT["namenode unreachable"], f"'{self.key()}' may be leased",
                        "free again when that lease ends by itself")


@unittest.skipIf(STANDIN, "the stand-in reads its source before it asks for a lease")
class Pipes(CommandCase):
    settings = {"datanodes": 3, "stale_ms": 60_000, "dead_ms": 120_000}

    def test_a_put_from_a_pipe_whose_chain_breaks_says_what_to_do(self):
        put = subprocess.Popen(
            [*program("catena"), "put", "--quiet", "--timeout", "2s", "-", self.key()],
            stdin=subprocess.PIPE, stderr=subprocess.PIPE,
            env=command_environment(self.cluster.address))
        # More than is in flight, so that the first bytes are acked and let go of.
        put.stdin.write(self.bytes(24 << 20))
        self.cluster.nodes[0].kill()
        _, error = put.communicate(self.bytes(4 << 20), timeout=PATIENCE)
        self.cluster.revive()
        self.assertIn(put.returncode, EXIT["too few nodes"], error)
        self.assertIn("cannot be sent to other nodes again: write it to a file first",
                      error.decode())
        self.assertEqual(self.cluster.status().leases, 0, "its lease was given back")


@unittest.skipIf(STANDIN, "the stand-in reads its source before it asks for a lease")
class LeaseOver(CommandCase):
    settings = {"datanodes": 1, "replicas": 1, "min_nodes": 1, "lease_ms": 1000}

    def test_an_interrupted_put_whose_lease_is_over_says_nothing_of_it(self):
        reader, writer = os.pipe()
        put = subprocess.Popen(
            [*program("catena"), "put", "-", self.key()], stdin=reader, stderr=subprocess.PIPE,
            env=command_environment(self.cluster.address))
        os.close(reader)
        try:
            until(lambda: self.cluster.status().leases, "the lease")
            put.send_signal(signal.SIGSTOP)
            until(lambda: not self.cluster.status().leases, "the lease to end")
            put.send_signal(signal.SIGINT)
            put.send_signal(signal.SIGCONT)
            _, error = put.communicate(timeout=PATIENCE)
        finally:
            os.close(writer)
        self.assertNotIn("still leased", error.decode())


class TooFew(CommandCase):
    settings = {"datanodes": 1, "replicas": 1, "min_nodes": 3}

    def test_too_few_datanodes_is_69_with_both_counts(self):
        done = self.cluster.cli("put", self.source(b"x"), self.key(), "--timeout", "500ms")
        self.assert_cli(done, EXIT["too few nodes"], "1", "3")
        self.assertEqual(self.cluster.cli_json("status")["live"], 1, "an operator still sees")


if __name__ == "__main__":
    unittest.main()
