"""Good puts and gets beside strangers that sit and hold what they can: alone, beside, in turn.

    python3 Tests/Process/strangers.py [--rounds 3] [--operations 1200] [--json FILE] [NAME ...]

A round measures good operations alone and then beside each stranger; the table has the medians of all rounds and
their ratio. An operation is a whole put or get of 64 KiB over connections of its own, as a new client makes it. The
strangers take what they want before the measurement and hold it with hardly any CPU, so that what is measured is what
they keep from others. A measurement takes some seconds: the first of them still pays for taking the strangers in. `test_strangers.py` runs it shortened; there the count of good operations is asserted, and no time.
"""

import argparse
import contextlib
import json
import os
import resource
import socket
import statistics
import struct
import sys
import time

from catena_peer import frames, values
from catena_peer.cluster import Cluster
from catena_peer.control import Closed, ControlClient, ControlConnection, Refused
from catena_peer.crc32c import crc32c
from catena_peer.datanode import DataConnection, Refusal, Unread, located
from catena_peer.status import Code

VALUE = os.urandom(64 << 10)
LARGE = os.urandom(4 << 20)  # more than a socket takes of a value that nobody reads
LARGE_KEY = "strangers/large"


class Failed(AssertionError):
    """A good operation that did not succeed."""


class Stranger:
    """Takes what it can of the cluster when it is entered, and lets go at the end."""

    full = 0  # how much of it in a full run

    def __init__(self, cluster, count=None):
        self.cluster = cluster
        self.count = count or self.full
        self.stack = contextlib.ExitStack()

    def __enter__(self):
        self.take()
        return self

    def __exit__(self, *_):
        self.stack.close()

    def hold(self, connection):
        self.stack.callback(connection.close)
        return connection

    def nodes(self):
        return [node.address for node in self.cluster.nodes]


class SilentCallers(Stranger):
    """Connections to the namenode that say HELLO and nothing more."""

    full = 4096

    def take(self):
        for _ in range(self.count):
            self.hold(ControlConnection(self.cluster.address)).hello()


class Leases(Stranger):
    """One client that opens as many keys as it gets."""

    full = 100_000

    def take(self):
        client = self.hold(ControlClient(self.cluster.address))
        for first in range(0, self.count, 50):
            numbers = [client.send("create", {"key": f"strangers/lease/{number}"})
                       for number in range(first, min(first + 50, self.count))]
            if Code.BUSY in [client.wait(number).code for number in numbers]:
                return


class Answers(Stranger):
    """One client whose requests leave more answers than are kept of all."""

    full = 72_000

    def take(self):
        client = self.hold(ControlClient(self.cluster.address))
        lease = client.create("strangers/answers", overwrite=True)
        for first in range(0, self.count, 50):
            numbers = [client.send("create", {
                "key": "strangers/answers", "overwrite": bool(turn % 2)}) for turn in range(50)]
            for number in numbers:
                client.wait(number)
        client.abandon(lease)


class LongMessages(Stranger):
    """Messages of 900 kB to the namenode that never end."""

    full = 400

    def take(self):
        for _ in range(self.count):
            connection = self.hold(ControlConnection(self.cluster.address))
            connection.hello()
            with contextlib.suppress(OSError):  # told BUSY and cut off
                connection.send_raw(struct.pack("<I", 1 << 20) + bytes(900_000))


class HalfCredentials(Stranger):
    """Connections to each datanode with half a credentials payload."""

    full = 1700  # for each of three nodes

    def take(self):
        half = frames.Header(frames.READ, payload_length=300).encode() + bytes(150)
        for address in self.nodes():
            for _ in range(self.count):
                with contextlib.suppress(OSError):  # cut off
                    self.hold(DataConnection(address)).send_raw(half)


class Readers(Stranger):
    """Readers of a large value on each node that take nothing, more than there are read streams."""

    full = 1100

    def take(self):
        with ControlClient(self.cluster.address) as client:
            target = located(client.open(LARGE_KEY).blocks[0])
        payload = target.credentials
        peers = []
        for place, node in enumerate(target.chain):
            ask = frames.Header(
                frames.READ, stream=9, block=target.block, epoch=target.epoch, length=1 << 20,
                payload_length=len(payload), checksum=crc32c(payload), place=place)
            for _ in range(self.count):
                with contextlib.suppress(OSError):  # refused
                    peer = self.hold(DataConnection(node.address))
                    peer.send_raw(ask.encode() + payload)
                    peers.append(peer)
        for peer in peers:  # all have what they get
            with contextlib.suppress(OSError):
                peer.socket.recv(1, socket.MSG_PEEK)


STRANGERS = {kind.__name__: kind for kind in (
    SilentCallers, Leases, Answers, LongMessages, HalfCredentials, Readers)}


def prepare(cluster):
    with ControlClient(cluster.address) as client:
        values.put(client, LARGE_KEY, LARGE)


def good(cluster, count, mark):
    """`count` puts and as many gets, each by a client of its own; gives operations a second. Raises Failed when one
    fails: none may."""
    began = time.monotonic()
    for number in range(count):
        key = f"good/{mark}/{number}"
        try:
            with ControlClient(cluster.address) as client:
                values.put(client, key, VALUE)
            with ControlClient(cluster.address) as client:
                if values.get(client, key) != VALUE:
                    raise Failed(f"{key} has other bytes")
        except (OSError, Closed, Refused, Refusal, Unread) as fault:
            raise Failed(f"{key}: {fault}") from fault
    return 2 * count / (time.monotonic() - began)


def measure(cluster, names, rounds, count, tell=lambda _: None):
    """{name: {"alone": rates, "beside": rates}}, in turn. The rate beside a stranger that made an operation fail is 0."""
    rates = {name: {"alone": [], "beside": []} for name in names}
    for turn in range(rounds):
        for name in names:
            rates[name]["alone"].append(good(cluster, count, f"{turn}/{name}/alone"))
            with STRANGERS[name](cluster):
                try:
                    rate = good(cluster, count, f"{turn}/{name}/beside")
                except Failed as failed:
                    tell(f"{name}: {failed}")
                    rate = 0.0
                rates[name]["beside"].append(rate)
            tell(f"round {turn + 1} of {rounds}: {name}")
    return rates


def table(rates):
    lines = [f"{'stranger':<18}{'alone/s':>10}{'beside/s':>10}{'ratio':>8}"]
    for name, found in rates.items():
        alone, beside = (statistics.median(found[kind]) for kind in ("alone", "beside"))
        lines.append(f"{name:<18}{alone:>10.1f}{beside:>10.1f}{beside / alone:>8.2f}")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(STRANGERS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--operations", type=int, default=1200, help="puts, and as many gets")
    parser.add_argument("--json", help="a file for every rate")
    options = parser.parse_args()
    unknown = set(options.names) - set(STRANGERS)
    if unknown:
        parser.error(f"no such stranger: {', '.join(sorted(unknown))}")
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    with Cluster(3) as cluster:
        prepare(cluster)
        rates = measure(
            cluster, options.names or list(STRANGERS), options.rounds, options.operations,
            lambda text: print(text, file=sys.stderr, flush=True))
    print(table(rates))
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"operations": options.operations, "rates": rates}, file, indent=1)


if __name__ == "__main__":
    main()
