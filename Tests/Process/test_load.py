"""The load generator's command: what it refuses, and what an interruption leaves of a result."""

import collections
import json
import signal
import subprocess
import unittest

from catena_peer.case import CommandCase
from catena_peer.cluster import (
    EXIT, PATIENCE, STANDIN, command_environment, die_with_parent, program)
from catena_peer.proxy import BusyProxy


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
                _, error = load.communicate(timeout=PATIENCE)
                self.assertIn(load.returncode, EXIT["usage"], error)
                self.assertIn(f"no use for {words[1].replace('--no-', '--')}", error)

    def test_busy_is_retried_and_counted(self):
        """Each object's CREATE and each DELETE is refused twice."""
        seen = collections.Counter()

        def refuse(request):
            for name in ("create", "delete"):
                if name in request:
                    seen[name, request[name].key] += 1
                    return seen[name, request[name].key] <= 2
            return False

        with BusyProxy(self.cluster.address, refuse) as proxy:
            load = self.start("put", "--size", "4KiB", "--count", "6", "--seed", "77", "--cleanup",
                              "--json", "--namenode", "%s:%d" % proxy.address)
            output, error = load.communicate(timeout=PATIENCE)
        self.assertEqual(load.returncode, 0, error)
        result = json.loads(output.splitlines()[-1])
        self.assertEqual((result["failed"], result["retries"]), (0, 12), result)
        self.assertEqual(proxy.refused, 24)
        self.assertEqual(list(self.client.list("catena-load/77/").entries), [])

    def test_a_host_logs_what_ends_a_job(self):
        host = self.start("serve", "--listen", "127.0.0.1:0", "--log-format", "json")
        try:
            address = host.stdout.readline().split()[-1]
            load = self.start(
                "get", "--hosts", address, "--count", "1", "--namenode", "127.0.0.1:1")
            load.communicate(timeout=PATIENCE)
            line = json.loads(host.stderr.readline())
        finally:
            host.kill()
            host.communicate()
        self.assertEqual((line["level"], line["event"]), ("warning", "the job ended"))
        self.assertIn("cannot reach the namenode", line["reason"])

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
        output, error = load.communicate(timeout=PATIENCE)
        self.assertEqual(load.returncode, 128 + signal.SIGINT, error)
        result = json.loads(output.splitlines()[-1])
        self.assertTrue(result["interrupted"], result)
        while entries := self.client.list().entries:
            for entry in entries:
                self.client.delete(entry.key)


if __name__ == "__main__":
    unittest.main()
