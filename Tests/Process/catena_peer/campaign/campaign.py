"""Runs cycles: load, faults, healing, and everything read back against the ledger."""

import json
import os
import select
import signal
import subprocess
import sys
import time

from ..cluster import Cluster, NotReady, die_with_parent
from ..crc32c import take_isal
from . import plan
from .journal import Ledger
from .oracle import Findings, Oracle

NODES = 4
ANSWER_SECONDS = 90  # after which a client that has not come back is a finding
NAMENODE = {"heartbeat_ms": 50, "stale_ms": 600, "dead_ms": 1500, "lease_ms": 3000,
            "delete_grace_ms": 300, "token_ms": 20_000, "key_rotation_ms": 20_000,
            "block_bytes": 1 << 18, "min_nodes": plan.REPLICAS,
            "replicas": plan.REPLICAS}
DATANODE = {"progress_timeout_ms": 2000, "recycle_bytes": 64 << 20}


class Failed(Exception):
    """The campaign cannot go on, in a sentence; the directory says more."""


class Client:
    """A worker's process; a new one takes up the journal of one that was killed."""

    def __init__(self, campaign, index):
        self.campaign = campaign
        self.index = index
        self.life = 0
        self.process = None
        self.start()

    def start(self):
        self.life += 1
        settings = {"index": self.index, "life": self.life, "seed": self.campaign.seed,
                    "address": self.campaign.cluster.address,
                    "journals": [str(path) for path in self.campaign.journals]}
        folder = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))
        with open(self.campaign.folder / f"worker.{self.index}.log", "ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "catena_peer.campaign.worker", json.dumps(settings)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, cwd=folder, text=True,
                preexec_fn=die_with_parent)

    def load(self, seconds):
        self.process.stdin.write(json.dumps({"seconds": seconds}) + "\n")
        self.process.stdin.flush()

    def kill(self):
        self.process.kill()
        self.end()

    def end(self):
        for pipe in (self.process.stdin, self.process.stdout):
            pipe.close()
        self.process.wait()

    def answer(self):
        """The counts of the load that just ended."""
        ready, _, _ = select.select([self.process.stdout], [], [], ANSWER_SECONDS)
        line = ready and self.process.stdout.readline()
        if not line and not ready:
            raise Failed(f"client {self.index} did not end its load: see its log")
        if not line:
            raise Failed(
                f"client {self.index} ended by itself with {self.process.wait()}: see its log")
        return json.loads(line)


class Campaign:
    """One cluster, its clients and its ledger, for any number of cycles."""

    def __init__(self, seed, say=lambda text: None, before_check=lambda campaign: None):
        self.seed = seed
        self.say = say
        self.before_check = before_check  # for tests of the oracle: does damage
        self.cluster = Cluster(NODES, node_settings=DATANODE, **NAMENODE)
        self.folder = self.cluster.folder
        self.journals = [
            self.folder / f"ledger.{index}" for index in range(1, plan.WORKERS + 1)]
        self.ledger = Ledger()
        self.findings = Findings()
        self.kills = {}
        self.reached = {}
        self.operations = {}
        self.clients = []
        self.ports = {}
        self.cycles = 0
        self.seconds = 0.0

    promised = plan.PROMISED

    def plan(self, number):
        return plan.cycle(self.seed, number, NODES)

    def prepare(self):
        """Before the cluster starts."""

    def release(self):
        """After it has ended."""

    # ---- its life ----

    def __enter__(self):
        take_isal()
        try:
            self.prepare()
            self.cluster.start()
        except BaseException:
            self.cluster.end()
            self.release()
            self.cluster.remove()
            raise
        self.clients = [Client(self, index) for index in range(1, plan.WORKERS + 1)]
        for node in self.cluster.nodes:
            self.ports[node] = node.address[1]
        return self

    def __exit__(self, kind, *_):
        """Ends every process. The directory stays when the campaign found something."""
        for client in self.clients:
            client.kill()
        if self.findings.sentences or kind:
            self.cluster.keep = True
        self.cluster.end()
        self.release()
        self.cluster.remove()

    @property
    def daemons(self):
        return [self.cluster.namenode, *(node.daemon for node in self.cluster.nodes)]

    # ---- a cycle ----

    def run(self, number):
        began = time.monotonic()
        cycle = self.plan(number)
        armed = dict(cycle.faults)
        for target, fault in armed.items():
            self.daemons[target].stop()
            self.start(target, fault)
        if armed:
            self.cluster.wait_settled()
        for client in self.clients:
            client.load(cycle.seconds)
        self.play(cycle, armed)
        self.heal(armed)
        self.collect()
        self.cluster.wait_settled()
        self.before_check(self)
        self.check()
        self.cycles += 1
        self.seconds += time.monotonic() - began
        self.say(f"cycle {number}: {self.describe(cycle)}, {time.monotonic() - began:.1f} s")

    @staticmethod
    def describe(cycle):
        faults = " ".join(f"{target}={text}" for target, text in cycle.faults.items())
        events = " ".join(
            f"{event.action} {event.targets} at {event.at:.2f} for {event.away:.2f}"
            for event in cycle.events)
        return f"{cycle.kind} {faults or events}"

    def count(self, table, name):
        table[name] = table.get(name, 0) + 1

    def play(self, cycle, armed):
        """Does what the plan says, at its times, and brings back who fell at a point."""
        start = time.monotonic()
        todo = [(event.at, event, True) for event in cycle.events]
        todo += [(event.at + event.away, event, False) for event in cycle.events]
        todo.sort(key=lambda step: step[0])
        while todo or time.monotonic() < start + cycle.seconds:
            if todo and time.monotonic() >= start + todo[0][0]:
                _, event, begins = todo.pop(0)
                self.happen(event) if begins else self.undo(event)
            self.revive_fallen(armed)
            time.sleep(0.01)

    def happen(self, event):
        number = signal.SIGKILL if event.action == "kill" else signal.SIGSTOP
        for target in event.targets:
            if target < 0:
                self.clients[-target - 1].kill()
                self.count(self.kills, "client")
            else:
                self.daemons[target].send_signal(number)
                self.count(self.kills, self.name(target, event.action))
        if event.action == "kill":
            for target in event.targets:
                if target >= 0:
                    self.daemons[target].wait()

    def name(self, target, action):
        what = "namenode" if target == 0 else "datanode"
        return what if action == "kill" else f"{what} stopped"

    def undo(self, event):
        for target in event.targets:
            if event.action == "stop":
                self.daemons[target].send_signal(signal.SIGCONT)
            elif target >= 0:
                self.start(target)

    def start(self, target, fault=None):
        environment = {"CATENA_FAULT": fault} if fault else {}
        self.daemons[target].environment = environment
        try:
            if target == 0:
                self.cluster.start_namenode()
            else:
                node = self.cluster.nodes[target - 1]
                node.start(self.ports[node])
        except NotReady:
            # Its point was passed before it served: `revive_fallen` takes it up.
            if not fault or self.daemons[target].process.returncode != -signal.SIGKILL:
                raise

    def revive_fallen(self, armed):
        """Who was killed at its point comes back without a fault."""
        for target, fault in list(armed.items()):
            daemon = self.daemons[target]
            if not daemon.running() and daemon.process.returncode == -signal.SIGKILL:
                self.count(self.kills, self.name(target, "kill"))
                self.count(self.reached, fault.rpartition(":")[0])
                del armed[target]
                self.start(target)

    def heal(self, armed):
        """Everything runs, nothing is armed."""
        self.revive_fallen(armed)
        for target, fault in armed.items():
            # A delay happened or not; a kill's point was not passed often enough.
            self.daemons[target].kill()
            self.count(self.kills, self.name(target, "kill"))
            self.start(target)
        for daemon in self.daemons:
            if not daemon.running():
                raise Failed(f"{daemon.name} ended by itself with {daemon.process.returncode}")

    def collect(self):
        """Waits for the clients' last operations; who was killed is replaced."""
        for client in self.clients:
            if client.process.poll() is not None:
                client.start()
                continue
            for what, count in client.answer().items():
                self.operations[what] = self.operations.get(what, 0) + count

    def check(self):
        for path in self.journals:
            if path.exists():
                self.ledger.follow(path)
        for sentence in self.ledger.wrong:
            self.findings.in_between += 1
            self.findings.say(sentence)
        self.ledger.wrong.clear()
        Oracle(
            self.cluster.address, self.seed, self.ledger, self.findings, self.promised
        ).check(self.ledger.take_changed())

    # ---- the end ----

    def summary(self):
        counts = self.ledger.counts
        findings = self.findings
        return {
            "seed": self.seed, "cycles": self.cycles, "seconds": round(self.seconds, 1),
            "kills": dict(sorted(self.kills.items())),
            "points": dict(sorted(self.reached.items())),
            "operations": dict(sorted(self.operations.items())),
            "acked": {level: counts.get(f"acked {level}", 0)
                      for level in ("durable", "written", "none")},
            "bytes_acked": self.ledger.acked_bytes, "values_read": findings.values,
            "bytes_read": findings.bytes, "replicas_read": findings.replicas,
            "lost_durable_bytes": findings.lost_durable, "lost_bytes": findings.lost_other,
            "not_promised": findings.not_promised,
            "wrong_bytes": findings.wrong_bytes, "in_between": findings.in_between,
            "bad_replicas": findings.bad_replicas, "findings": findings.sentences,
        }
