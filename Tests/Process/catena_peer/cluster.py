"""Starts, kills and tears down real daemons. Every assumption about their command lines and exit
codes is in the first half of this file.

CATENA_BIN names the folder with catena, catena-namenode and catena-datanode (default
.build/release); `CATENA_BIN=standin` takes the Python stand-ins, which is how the tests are tested.
"""

import atexit
import collections
import ctypes
import json
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from .control import ControlClient, Registration

ROOT = pathlib.Path(__file__).resolve().parents[3]
BIN = os.environ.get("CATENA_BIN", str(ROOT / ".build" / "release"))
STANDIN = BIN == "standin"
# No test asserts a time: these only end what hangs, on a machine that others load too.
PATIENCE = 120  # the longest that a command, or a state that comes by itself, is waited for
STOP_SECONDS = 60  # the longest a clean shutdown may take before SIGKILL
POLL_SECONDS = 0.02

# Exit codes (sysexits.h). Where a set has two, either is a fair reading of the page.
EX_USAGE, EX_DATAERR, EX_NOINPUT, EX_UNAVAILABLE = 64, 65, 66, 69
EX_CANTCREAT, EX_IOERR, EX_TEMPFAIL, EX_NOPERM, EX_CONFIG = 73, 74, 75, 77, 78
EXIT = {
    "key not found": {EX_NOINPUT},
    "key exists": {EX_CANTCREAT},
    "too few nodes": {EX_UNAVAILABLE},
    "leased": {EX_TEMPFAIL},
    "usage": {EX_USAGE},
    "no local file": {EX_NOINPUT},
    "namenode unreachable": {EX_UNAVAILABLE},
    "already formatted": {EX_CANTCREAT},
    "not formatted": {EX_CONFIG, EX_NOINPUT},
    "another cluster's directory": {EX_CONFIG},
    "bad secret": {EX_NOPERM, EX_CONFIG},
    "directory in use": {EX_TEMPFAIL, EX_UNAVAILABLE},
    "directory full": {EX_CANTCREAT, EX_IOERR},
    "directory read-only": {EX_CANTCREAT, EX_NOPERM, EX_IOERR},
    "port in use": {EX_UNAVAILABLE},
}

NAMENODE = {
    "replicas": 3, "min_nodes": 3, "block_bytes": 1 << 20, "heartbeat_ms": 100,
    "stale_ms": 5000, "dead_ms": 10_000, "lease_ms": 60_000, "token_ms": 600_000,
    "key_rotation_ms": 600_000,
}
DATANODE = {"progress_timeout_ms": 10_000, "idle_timeout_ms": 60_000}


def program(name):
    """The words that start `name`."""
    if STANDIN:
        module = {"catena": "cli"}.get(name, name.removeprefix("catena-"))
        return [sys.executable, "-m", f"catena_peer.standin.{module}"]
    return [str(pathlib.Path(BIN) / name)]


def flags(settings):
    """`--lease-ms 5` for {"lease_ms": 5}."""
    words = []
    for name, value in settings.items():
        words += ["--" + name.replace("_", "-"), str(value)]
    return words


def format_command(folder):
    return program("catena-namenode") + ["format", "--dir", str(folder)]


def namenode_command(folder, port, port_file, settings):
    return program("catena-namenode") + [
        "run", "--dir", str(folder), "--listen", f"127.0.0.1:{port}", "--port-file",
        str(port_file), *flags(settings), "--log-format", "json"]


def datanode_command(namenode, secret_file, folders, port, port_file, settings):
    dirs = [word for folder in folders for word in ("--dir", str(folder))]
    return program("catena-datanode") + [
        "run", "--namenode", "%s:%d" % namenode, "--secret-file", str(secret_file), *dirs,
        "--listen", f"127.0.0.1:{port}", "--port-file", str(port_file), *flags(settings),
        "--log-format", "json"]


def secret_file(folder):
    """Where `format` leaves the cluster secret: 64 hexadecimal digits."""
    return pathlib.Path(folder) / "cluster.secret"


def command_environment(namenode):
    environment = {**os.environ, "CATENA_NAMENODE": "%s:%d" % namenode}
    environment["PYTHONPATH"] = str(pathlib.Path(__file__).parent.parent)
    return environment


# ---- the harness ----


class NotReady(AssertionError):
    """A daemon or the cluster was not ready in time; the text has the log's tail."""


def until(condition, what, seconds=PATIENCE):
    """Polls until `condition()` is true, within a bounded time; gives its value."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            text = what() if callable(what) else what
            raise NotReady(f"not within {seconds} s: {text}")
        time.sleep(POLL_SECONDS)


def die_with_parent():
    """The kernel kills the child when the test runner is gone (PR_SET_PDEATHSIG is 1)."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Daemon:
    """One process, its log and its port file."""

    def __init__(self, name, folder):
        self.name = name
        self.log = pathlib.Path(folder) / f"{name}.log"
        self.port_file = pathlib.Path(folder) / f"{name}.port"
        self.process = None
        self.environment = {}  # beside the tests' own
        self.files = None  # its limit of open files
        self.errors = None  # a descriptor that takes its standard error, in the log's place

    def start(self, command):
        self.port_file.unlink(missing_ok=True)
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=self.errors or log,
                env={**command_environment(("127.0.0.1", 0)), **self.environment},
                preexec_fn=self.prepare)
        return self

    def prepare(self):
        """In the child, before it becomes the daemon."""
        die_with_parent()
        if self.files:
            resource.setrlimit(resource.RLIMIT_NOFILE, (self.files, self.files))

    @property
    def pid(self):
        return self.process.pid

    def running(self):
        return self.process is not None and self.process.poll() is None

    def port(self):
        """The port it listens on, once it has written its port file."""

        def written():
            if not self.running():
                raise NotReady(f"{self.name} exited with {self.process.returncode}\n{self.tail()}")
            if not self.port_file.exists():
                return None
            text = self.port_file.read_text().strip()
            return int(text.rpartition(":")[2]) if text else None

        return until(written, lambda: f"the port file of {self.name}\n{self.tail()}")

    def send_signal(self, number):
        if self.running():
            os.kill(self.pid, number)

    def kill(self, number=signal.SIGKILL):
        """Sends the signal and waits for the end; gives the exit code."""
        self.send_signal(number)
        return self.wait()

    def wait(self, seconds=STOP_SECONDS):
        return self.process.wait(seconds)

    def stop(self):
        if self.process is None:
            return
        self.send_signal(signal.SIGCONT)
        self.send_signal(signal.SIGTERM)
        try:
            self.wait()
        except subprocess.TimeoutExpired:
            self.kill()

    def tail(self, lines=30):
        if not self.log.exists():
            return f"{self.name}: no log"
        with open(self.log, encoding="utf-8", errors="replace") as log:
            last = collections.deque(log, lines)
        return f"--- {self.name} ---\n" + "".join(last)


class Node:
    """A datanode of the cluster: its directories, and its process as it comes and goes."""

    def __init__(self, cluster, index, folders, settings):
        self.cluster = cluster
        self.folders = folders
        self.settings = settings
        self.daemon = Daemon(f"datanode.{index}", cluster.folder)

    def start(self, port=0):
        self.daemon.start(datanode_command(
            self.cluster.address, secret_file(self.cluster.namenode_folder), self.folders, port,
            self.daemon.port_file, self.settings))
        return self

    @property
    def address(self):
        return "127.0.0.1", self.daemon.port()

    def kill(self, number=signal.SIGKILL):
        return self.daemon.kill(number)


class Cluster:
    """One namenode and some datanodes in a temporary folder.

    `settings` are flags of the namenode, `node_settings` those of the datanodes.
    """

    def __init__(self, datanodes=3, dirs=1, node_settings=None, **settings):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="catena-"))
        self.namenode_folder = self.folder / "namenode"
        self.settings = {**NAMENODE, "min_nodes": max(1, min(datanodes, 3)),
                         "replicas": max(1, min(datanodes, 3)), **settings}
        self.namenode = Daemon("namenode", self.folder)
        self.address = None
        self.clients = []
        self.nodes = []
        self.extra = []
        self.fixed_port = 0
        self.keep = bool(os.environ.get("CATENA_KEEP"))
        for index in range(1, datanodes + 1):
            self.add_node(index, dirs, node_settings or {})

    def add_node(self, index, dirs=1, settings=()):
        folders = [self.folder / f"datanode.{index}" / f"device.{n}" for n in range(1, dirs + 1)]
        for folder in folders:
            folder.mkdir(parents=True)
        node = Node(self, index, folders, {**DATANODE, **dict(settings)})
        self.nodes.append(node)
        return node

    def start(self):
        atexit.register(self.stop)
        if not STANDIN and not (pathlib.Path(BIN) / "catena-namenode").exists():
            raise NotReady(f"no catena-namenode in {BIN}: build first, or set CATENA_BIN")
        self.namenode_folder.mkdir()
        made = subprocess.run(
            format_command(self.namenode_folder), capture_output=True, text=True,
            env=command_environment(("127.0.0.1", 0)), timeout=PATIENCE, check=False)
        if made.returncode:
            raise NotReady(f"format exited with {made.returncode}: {made.stderr}")
        self.start_namenode()
        for node in self.nodes:
            node.start()
        self.wait_settled()
        return self

    def start_namenode(self):
        """Starts it, at the old address when there was one."""
        self.namenode.start(namenode_command(
            self.namenode_folder, self.fixed_port, self.namenode.port_file, self.settings))
        self.fixed_port = self.namenode.port()
        self.address = ("127.0.0.1", self.fixed_port)

    def stop(self):
        self.end()
        self.remove()

    def end(self):
        """Ends every process."""
        atexit.unregister(self.stop)
        for client in self.clients:
            client.close()
        for daemon in [*self.extra, *(node.daemon for node in self.nodes), self.namenode]:
            daemon.stop()

    def remove(self):
        if self.keep:
            print(f"kept: {self.folder}", file=sys.stderr)
        else:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            print(self.tails(), file=sys.stderr)
            self.stop()
            raise

    def __exit__(self, kind, *_):
        if kind:
            print(self.tails(), file=sys.stderr)
        self.stop()

    def tails(self):
        daemons = [self.namenode, *(node.daemon for node in self.nodes), *self.extra]
        return "\n".join(daemon.tail() for daemon in daemons)

    # ---- talking to it ----

    @property
    def secret(self):
        return bytes.fromhex(secret_file(self.namenode_folder).read_text().strip())

    def client(self, **fields):
        """A control connection, closed with the cluster."""
        client = ControlClient(self.address, **fields)
        self.clients.append(client)
        return client

    def status(self):
        with ControlClient(self.address) as client:
            return client.status()

    def settled(self):
        """Whether the live datanodes are exactly the running ones, at their present ports, and the
        namenode has every block report. A killed node still counts as live until it is stale."""
        running = [node for node in self.nodes if node.daemon.running()]
        for daemon in [self.namenode, *(node.daemon for node in self.nodes)]:
            if daemon.process and daemon.process.poll() not in (None, 0, -9, -15):
                raise NotReady(f"{daemon.name} exited\n{daemon.tail()}")
        with ControlClient(self.address) as client:
            report = client.report()
        known = [entry for entry in report.nodes if entry.state not in ("dead", "awaited")]
        live = [entry for entry in known if entry.state == "live" and entry.report_complete]
        ports = sorted(node.daemon.port() for node in running)
        return len(known) == len(live) and sorted(entry.node.port for entry in live) == ports

    def wait_settled(self):
        """Waits until the namenode sees the datanodes as they are."""
        until(self.settled,
              lambda: f"the namenode to see the datanodes as they are\n{self.tails()}")

    def revive(self):
        """Starts every datanode that is not running, so that a test's fault ends with the test."""
        for node in self.nodes:
            if not node.daemon.running():
                node.start()
        self.wait_settled()

    def signing_key(self):
        """The current signing key, from a registration that is then left to die.

        Waits until the namenode has buried it, so that it is in nobody's chain.
        """
        registration = Registration(self.address, self.secret)
        key = registration.current()
        registration.close()
        self.wait_settled()
        return key

    def node_at(self, port):
        return next(node for node in self.nodes if node.address[1] == port)

    def cli(self, *words, stdin=None, timeout=120, **process):
        """Runs `catena WORDS` and gives what it did, output as bytes. `process` goes to
        subprocess.run: a `preexec_fn`, or another `stdout` or `stderr`."""
        words = [word if isinstance(word, bytes) else str(word) for word in words]
        return subprocess.run(
            program("catena") + words, input=stdin, timeout=timeout,
            env=command_environment(self.address), check=False,
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **process})

    def cli_json(self, *words):
        done = self.cli(*words, "--json")
        if done.returncode:
            raise AssertionError(f"{words}: {done.returncode} {done.stderr.decode()}")
        return json.loads(done.stdout)
