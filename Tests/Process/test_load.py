"""The load generator's command: what it refuses, and what an interruption leaves of a result."""

import json
import signal
import subprocess
import unittest

from catena_peer.case import CommandCase
from catena_peer.cluster import (
    EXIT, STANDIN, START_SECONDS, command_environment, die_with_parent, program)


@unittest.skipIf(STANDIN, "there is no stand-in for the load generator")
class Load(CommandCase):
    settings = {"datanodes": 3}

    def start(self, *words, **process):
        return subprocess.Popen(
            [*program("catena-load"), *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, env=command_environment(self.cluster.address), preexec_fn=die_with_parent,
            **process)

    def test_a_flag_that_would_change_nothing_is_refused(self):
        for words in (["ping", "--size", "1MiB"], ["get", "--replicas", "2"],
                      ["get", "--durability", "written"], ["put", "--get-percent", "10"],
                      ["put", "--no-verify"], ["meta", "--size", "1MiB"],
                      ["meta", "--packet", "4KiB"]):
            with self.subTest(words):
                load = self.start(*words)
                _, error = load.communicate(timeout=START_SECONDS)
                self.assertIn(load.returncode, EXIT["usage"], error)
                self.assertIn(f"no use for {words[1].replace('--no-', '--')}", error)

    def test_an_interrupted_load_shows_its_result(self):
        load = self.start("mixed", "--size", "4KiB", "--duration", "1h", "--json")
        self.assert_result(load, 1)

    def test_an_interrupted_load_on_several_hosts_too(self):
        hosts, addresses = [], []
        try:
            for _ in range(2):
                hosts.append(self.start("serve", "--listen", "127.0.0.1:0"))
                addresses.append(hosts[-1].stdout.readline().split()[-1])
            for seed in ("1", "2"):  # a host that was interrupted serves the next
                load = self.start("put", "--hosts", ",".join(addresses), "--size", "4KiB",
                                  "--duration", "1h", "--count", "1000", "--seed", seed, "--json")
                self.assert_result(load, 2)
        finally:
            for host in hosts:
                host.kill()
                host.communicate()

    def assert_result(self, load, hosts):
        """Interrupts it once it works, and reads what it has measured."""
        while not self.cluster.status().keys:
            self.assertIsNone(load.poll(), "it ended")
        load.send_signal(signal.SIGINT)
        output, error = load.communicate(timeout=60)
        self.assertEqual(load.returncode, 128 + signal.SIGINT, error)
        result = json.loads(output.splitlines()[-1])
        self.assertTrue(result["interrupted"], result)
        while entries := self.client.list().entries:
            for entry in entries:
                self.client.delete(entry.key)


if __name__ == "__main__":
    unittest.main()
