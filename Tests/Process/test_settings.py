"""Where settings come from, and what a wrong one is: of a flag wrong usage, of a file or the
environment wrong configuration; a default file that may not be read is left out with a word."""

import itertools
import json
import os
import pathlib
import subprocess
import unittest

from catena_peer.case import CommandCase
from catena_peer.cluster import (
    EX_CONFIG, EX_USAGE, STANDIN, PATIENCE, command_environment, program)

NOBODY = 65_534
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


@unittest.skipIf(STANDIN, "the stand-ins read no files")
class Settings(CommandCase):
    settings = {"datanodes": 1, "replicas": 1, "min_nodes": 1}

    def run_with_etc(self, script, *words):
        """Runs WORDS as nobody where /etc has what `script` puts there."""
        if os.geteuid() != 0:
            self.skipTest("SKIPPED: an /etc of its own needs root")
        return subprocess.run(
            ["unshare", "-m", "sh", "-c",
             f"mount -t tmpfs tmpfs /etc && {script} && "
             'exec setpriv --reuid 65534 --regid 65534 --clear-groups "$@"', "sh",
             *[str(word) for word in words]],
            capture_output=True, check=False, timeout=PATIENCE,
            env=command_environment(self.cluster.address))

    LOCKED = ("mkdir -m 0700 /etc/catena && for name in client namenode datanode; "
              "do echo 'timeout: 1s' > /etc/catena/$name.yaml; done")

    def test_a_default_file_that_may_not_be_read_is_left_out_with_a_word(self):
        done = self.run_with_etc(self.LOCKED, *program("catena"), "ls")
        self.assert_cli(done, {0}, "/etc/catena/client.yaml is left out", "Permission denied")
        done = self.run_with_etc(self.LOCKED, *program("catena"), "ls", "--json")
        self.assert_cli(done, {0})
        self.assertIn("/etc/catena/client.yaml", json.loads(done.stderr)["warning"]["message"])
        for name in ("namenode", "datanode"):
            # Neither is given what it cannot do without; the file is not what it complains of.
            done = self.run_with_etc(self.LOCKED, *program(f"catena-{name}"), "run")
            self.assert_cli(done, {EX_CONFIG}, "is missing")

    def test_the_documents_tables_are_what_the_programs_print(self):
        document = (ROOT / "docs" / "OPERATIONS.md").read_text(encoding="utf-8")
        daemons = ("catena-namenode", "catena-datanode")
        for name, command in itertools.product(daemons, ("settings", "metrics")):
            printed = subprocess.run([*program(name), command], check=True, text=True,
                                     capture_output=True, timeout=PATIENCE).stdout
            for part in printed.split("### ")[1:]:
                heading, table = part.split("\n\n", 1)
                section = document.split(f"### {heading}\n", 1)[1].split("\n### ", 1)[0]
                self.assertIn(table.strip() + "\n", section, "run dev/settings")

    def test_one_that_is_named_is_an_error(self):
        done = self.run_with_etc(
            self.LOCKED, *program("catena"), "ls", "--config", "/etc/catena/client.yaml")
        self.assert_cli(done, {EX_CONFIG}, "/etc/catena/client.yaml", "Permission denied")

    def test_one_that_is_not_there_is_none(self):
        for script in ("true", "touch /etc/catena"):
            with self.subTest(script):
                done = self.run_with_etc(script, *program("catena"), "ls")
                self.assert_cli(done, {0})
                self.assertEqual(done.stderr, b"")

    def test_a_wrong_flag_is_wrong_usage_in_every_program(self):
        for words in (
                ["catena", "ls", "--timeout", "soon"], ["catena", "ls", "--namenode", "nowhere"],
                ["catena-load", "put", "--namenode", "nowhere"],
                ["catena-load", "put", "--depth", "0"],
                ["catena-namenode", "run", "--dir", "/tmp", "--lease-ms", "soon"],
                ["catena-namenode", "run", "--dir", "/tmp", "--replicas", "9"],
                ["catena-datanode", "run", "--namenode", "nowhere"],
                ["catena-datanode", "bench", "--listen", "somewhere"]):
            with self.subTest(words):
                done = subprocess.run(
                    program(words[0]) + words[1:], capture_output=True, check=False,
                    timeout=PATIENCE, env=command_environment(("127.0.0.1", 1)))
                self.assert_cli(done, {EX_USAGE})

    def test_the_same_from_a_file_or_the_environment_is_wrong_configuration(self):
        file = self.cluster.folder / "settings.yaml"
        file.write_text("timeout: soon\n")
        done = self.cluster.cli("ls", "--config", file)
        self.assert_cli(done, {EX_CONFIG}, "'timeout' in", str(file))
        environment = {**command_environment(self.cluster.address), "CATENA_TIMEOUT": "soon"}
        done = subprocess.run(
            [*program("catena"), "ls"], capture_output=True, check=False, timeout=PATIENCE,
            env=environment)
        self.assert_cli(done, {EX_CONFIG}, "CATENA_TIMEOUT")


if __name__ == "__main__":
    unittest.main()
