"""Descriptors 0, 1 and 2 that are closed, that nobody reads, or that are a terminal."""

import json
import os
import pty
import signal
import subprocess
import unittest

from catena_peer import values
from catena_peer.case import CommandCase
from catena_peer.cluster import (
    EX_IOERR, EXIT, STANDIN, PATIENCE, command_environment, namenode_command, program)

PROGRAMS = ["catena", "catena-namenode", "catena-datanode", "catena-load", "catena-sim"]
ACTING = "\x1b[31mred\x07\x9b31m\u202e"  # what would colour, ring and turn a terminal


def closed(*descriptors):
    """Closes them in the child."""

    def close():
        for descriptor in descriptors:
            os.close(descriptor)

    return close


def on_terminal(*words, environment=None, which=2):
    """What a program writes to a terminal that is its standard output (1) or error (2), as bytes,
    and its exit code."""
    near, far = pty.openpty()
    try:
        streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        streams["stdout" if which == 1 else "stderr"] = far
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, check=False, timeout=PATIENCE,
            env=environment or command_environment(("127.0.0.1", 1)), **streams)
        os.write(far, b"\n")  # so that there is something to read in any case
        return os.read(near, 1 << 16), done.returncode
    finally:
        os.close(near)
        os.close(far)


@unittest.skipIf(STANDIN, "the stand-ins leave their streams to Python")
class Closed(CommandCase):
    settings = {"datanodes": 3}

    def test_a_closed_input_stores_nothing(self):
        self.put(b"the value")
        for why, preexec in (("closed", closed(0)), ("for writing", self.writable_input)):
            with self.subTest(why):
                done = self.cluster.cli("put", "--overwrite", "-", self.key(), preexec_fn=preexec)
                self.assert_cli(done, {EX_IOERR}, "standard input")
                self.assertEqual(self.got(self.key()), b"the value")

    @staticmethod
    def writable_input():
        os.close(0)
        os.open("/tmp", os.O_WRONLY | os.O_TMPFILE)

    def test_a_closed_output_is_an_error_before_anything_is_done(self):
        self.put(b"the value")
        for words in (["cat", self.key()], ["get", self.key(), "-"], ["ls"],
                      ["rm", "--json", self.key()], ["admin", "strays", "--delete"]):
            with self.subTest(words[0]):
                done = self.cluster.cli(*words, preexec_fn=closed(1))
                self.assert_cli(done, {EX_IOERR}, "output")
        self.assertEqual(self.got(self.key()), b"the value")

    def test_what_needs_no_stream_does_without(self):
        data = self.bytes(3_000_000)
        source = self.source(data)
        done = self.cluster.cli("put", source, self.key(), preexec_fn=closed(0, 1, 2))
        self.assertEqual(done.returncode, 0)
        out = self.cluster.folder / "out"
        done = self.cluster.cli("get", self.key(), out, preexec_fn=closed(0, 1, 2))
        self.assertEqual(done.returncode, 0)
        self.assertEqual(out.read_bytes(), data)
        self.assertEqual(source.read_bytes(), data)

    def test_a_daemon_without_streams_gives_their_numbers_to_nothing_else(self):
        folder = self.cluster.folder / "bare"
        port_file = self.cluster.folder / "bare.port"
        done = subprocess.run(
            program("catena-namenode") + ["format", "--dir", folder], check=False,
            capture_output=True, timeout=PATIENCE)
        self.assertEqual(done.returncode, 0, done.stderr)
        command = namenode_command(folder, 0, port_file, {})
        process = subprocess.Popen(
            command, preexec_fn=closed(0, 1, 2), env=command_environment(("127.0.0.1", 0)))
        try:
            while not port_file.exists():
                self.assertIsNone(process.poll(), "it ended")
            targets = [os.readlink(f"/proc/{process.pid}/fd/{number}") for number in range(3)]
            self.assertEqual(targets, ["/dev/null"] * 3)
        finally:
            process.terminate()
            self.assertEqual(process.wait(PATIENCE), 0)

    def test_format_without_an_output_makes_nothing(self):
        folder = self.cluster.folder / "never"
        done = subprocess.run(
            program("catena-namenode") + ["format", "--dir", folder], check=False,
            stderr=subprocess.PIPE, timeout=PATIENCE, preexec_fn=closed(1))
        self.assertEqual(done.returncode, EX_IOERR, done.stderr)
        self.assertFalse(folder.exists())


@unittest.skipIf(STANDIN, "the stand-ins end as Python ends")
class ReaderGone(CommandCase):
    settings = {"datanodes": 3}

    def ended(self, *words, **process):
        """`catena WORDS` whose output nobody reads."""
        reader, writer = os.pipe()
        os.close(reader)
        try:
            return self.cluster.cli(*words, stdout=writer, **process)
        finally:
            os.close(writer)

    def test_it_ends_as_cat_ends(self):
        self.put(self.bytes(3_000_000))
        for words in (["cat", self.key()], ["get", self.key(), "-"], ["ls", "-r"],
                      ["stat", self.key()]):
            with self.subTest(words[0]):
                done = self.ended(*words)
                self.assertEqual((done.returncode, done.stderr), (-signal.SIGPIPE, b""))

    def test_who_ignores_the_signal_is_told(self):
        self.put(self.bytes(3_000_000))
        for words in (["cat", self.key()], ["ls", "-r"]):
            with self.subTest(words[0]):
                done = self.ended(
                    *words, preexec_fn=lambda: signal.signal(signal.SIGPIPE, signal.SIG_IGN))
                self.assert_cli(done, {EX_IOERR}, "cannot be written")


@unittest.skipIf(STANDIN, "the stand-ins write what they are given")
class Terminals(CommandCase):
    settings = {"datanodes": 3}

    def assert_harmless(self, shown):
        text = shown.decode()
        for character in ("\x1b[31m", "\x07", "\x9b", "\u202e"):
            self.assertNotIn(character, text, text)
        self.assertIn("\\x1b[31mred\\x07", text.replace("\\u001b", "\\x1b").replace(
            "\\u0007", "\\x07"))

    def test_keys_in_closing_lines_and_errors(self):
        environment = command_environment(self.cluster.address)
        key = self.key("/" + ACTING)
        catena = program("catena")
        out = self.cluster.folder / "out"
        for words, codes in (
                (["put", str(self.source(b"x")), key], {0}), (["get", key, str(out)], {0}),
                (["put", str(self.source(b"x")), key], EXIT["key exists"]),
                (["stat", key + "not"], EXIT["key not found"]),
                (["rm", key + "not"], EXIT["key not found"]),
                (["rm", "--json", key + "not"], EXIT["key not found"]),
                (["fsck", key + "not"], EXIT["key not found"])):
            with self.subTest(words=words[0], codes=codes):
                shown, code = on_terminal(*catena, *words, environment=environment)
                self.assertIn(code, codes)
                self.assert_harmless(shown)

    def test_keys_in_results(self):
        key = self.key("/" + ACTING)
        values.put(self.client, key, b"x")
        environment = command_environment(self.cluster.address)
        for words in (["stat", key], ["stat", "--json", key], ["ls", "-rl"],
                      ["fsck", "--blocks"]):
            with self.subTest(words):
                shown, code = on_terminal(
                    *program("catena"), *words, environment=environment, which=1)
                self.assertEqual(code, 0)
                self.assert_harmless(shown)
        self.assertEqual(self.cluster.cli_json("stat", key)["key"], key)

    def test_names_of_files_and_wrong_arguments(self):
        for name in PROGRAMS:
            for words in ([ACTING], ["--" + ACTING]):
                with self.subTest(name, words=words):
                    shown, code = on_terminal(*program(name), *words)
                    self.assertIn(code, EXIT["usage"])
                    self.assert_harmless(shown)
        for words in (
                ["catena", "put", ACTING, "key"], ["catena", "ls", "--config", ACTING],
                ["catena-namenode", "check", "--dir", ACTING],
                ["catena-namenode", "run", "--dir", ACTING, "--listen", "127.0.0.1:0"],
                ["catena-datanode", "run", "--config", ACTING],
                ["catena-load", "put", "--chain", "127.0.0.1:1", "--size", "1", "--secret-file",
                 ACTING]):
            with self.subTest(words[:2]):
                shown, code = on_terminal(*program(words[0]), *words[1:])
                self.assertGreaterEqual(code, 64)
                self.assert_harmless(shown)

    def test_usage_errors_are_json_when_errors_are(self):
        for words in (["put", "--json"], ["ls", "--json", "--limit", "0"], ["--json", "what"]):
            with self.subTest(words):
                done = self.cluster.cli(*words)
                self.assert_cli(done, EXIT["usage"])
                error = json.loads(done.stderr)["error"]
                self.assertEqual((error["kind"], error["exit_code"]), ("usage", 64))
                self.assertTrue(error["message"])


if __name__ == "__main__":
    unittest.main()
