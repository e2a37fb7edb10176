"""One client process of the campaign: `python3 -m catena_peer.campaign.worker SETTINGS`.

Reads orders from standard input, a JSON object a line: {"seconds": S} loads the cluster for that
long and answers with counts. Ends when its standard input does.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
import time

from .. import frames
from ..cluster import command_environment, die_with_parent, program
from ..control import Closed, ControlClient, Refused
from ..crc32c import crc32c, take_isal
from ..credentials import decode_receipt
from ..datanode import DataConnection, Refusal, WriteStream, located, planned, read_block, Unread
from ..status import Code, Durability, Level
from . import plan
from .journal import Journal, Ledger

FRAME = 65_536
ANSWER_SECONDS = 5  # a datanode that says nothing for so long counts as gone
NAMENODE_SECONDS = 12  # how long a request is sent again to a namenode that is away
BLOCK_TRIES = 4
LEVEL = {"durable": Level.durable, "written": Level.written, "none": Level.written}
DURABILITY = {"durable": Durability.DURABLE, "written": Durability.WRITTEN,
              "none": Durability.NONE}


class GivenUp(Exception):
    """The operation ends here. `is_certain`: it certainly does not happen any more."""

    def __init__(self, why, is_certain=True):
        self.is_certain = is_certain
        super().__init__(why)


class Namenode:
    """Requests that are sent again, under the same number, until they are answered."""

    def __init__(self, address):
        self.address = address
        self.client = None
        self.id = os.urandom(16)
        self.number = 0

    def call(self, operation, fields):
        self.number += 1
        end = time.monotonic() + NAMENODE_SECONDS
        while True:
            try:
                if self.client is None:
                    self.client = ControlClient(self.address, client_id=self.id)
                return self.client.call(operation, fields, request_id=self.number)
            except OSError as fault:
                if self.client:
                    self.client.close()
                self.client = None
                if time.monotonic() > end:
                    raise GivenUp(f"the namenode is away: {fault}", is_certain=False) from fault
                time.sleep(0.02)
            except Refused as refused:
                # A refusal changed nothing and is not kept: the same number may succeed later.
                passes = refused.code in (Code.BUSY, Code.TOO_FEW_NODES, Code.NOT_DURABLE)
                if not passes or time.monotonic() > end:
                    raise
                time.sleep(0.05)


class Worker:
    def __init__(self, settings):
        self.index = settings["index"]
        self.seed = settings["seed"]
        self.address = tuple(settings["address"])
        self.random = random.Random(f"{self.seed}/worker {self.index}/{settings['life']}")
        self.namenode = Namenode(self.address)
        self.ledger = Ledger()
        self.paths = settings["journals"]
        self.journal = Journal(self.paths[self.index - 1])
        self.ledger.follow(self.journal.path)
        self.source = f"{self.journal.path}.value"
        self.counts = {}
        # One of them is the command that people use; the others see every ack.
        self.uses_command = self.index == plan.WORKERS

    def add(self, event, key, **fields):
        self.ledger.take(self.journal.add(event, key, **fields))

    def count(self, what):
        self.counts[what] = self.counts.get(what, 0) + 1

    def load(self, seconds):
        end = time.monotonic() + seconds
        self.counts = {}
        while time.monotonic() < end:
            self.step()
        self.ledger.wrong.clear()  # the campaign has them from the file
        return self.counts

    def step(self):
        key = f"w{self.index}/k{self.random.randrange(plan.KEYS)}"
        choice = self.random.random()
        name = "put" if choice < 0.6 else "get" if choice < 0.85 else "delete" if choice < 0.93 \
            else "peek"
        try:
            getattr(self, name)(key)
            self.count(name)
        except AssertionError as wrong:
            self.add("wrong", key, why=f"{name}: {wrong}")
        except (GivenUp, Refused, Refusal, Unread, OSError) as fault:
            self.count(f"{name} failed")
            print(f"{time.monotonic_ns()} {name} {key}: {fault!r}", file=sys.stderr, flush=True)

    # ---- writing ----

    def put(self, key):
        state = self.ledger.state(key)
        version = max(state.sizes, default=0) + 1
        size, level = self.random.choice(plan.SIZES), self.random.choice(plan.LEVELS)
        data = plan.value(self.seed, key, version, size)
        self.add("begin", key, version=version, size=size, level=level)
        try:
            if self.uses_command:
                self.put_by_command(key, version, data, level)
            else:
                self.put_by_frames(key, version, data, level)
        except GivenUp as end:
            if end.is_certain:
                self.add("failed", key, version=version, why=str(end))
            raise
        self.add("closed", key, version=version)

    def put_by_command(self, key, version, data, level):
        # From a file: a pipe whose writer is killed ends early, and what came is the value.
        with open(self.source, "wb") as file:
            file.write(data)
        self.add("closing", key, version=version)
        done = subprocess.run(
            program("catena") + [
                "put", self.source, key, "--overwrite", "--quiet", "--durability", level],
            capture_output=True, env=command_environment(self.address), check=False,
            timeout=120, preexec_fn=die_with_parent)
        if done.returncode:
            raise GivenUp(
                f"exit code {done.returncode}: {done.stderr.decode().strip()}", is_certain=False)

    def put_by_frames(self, key, version, data, level):
        try:
            lease = self.namenode.call("create", {"key": key, "overwrite": True}).lease_id
        except Refused as refused:
            raise GivenUp(str(refused)) from refused
        except GivenUp as end:
            raise GivenUp(str(end)) from end  # nothing was closed, so nothing appears
        try:
            receipts = self.write_blocks(key, version, lease, data, level)
        except (GivenUp, Refused) as end:
            self.abandon(lease)
            raise GivenUp(str(end)) from end
        self.add("closing", key, version=version)
        try:
            self.namenode.call("close", {
                "lease_id": lease, "blocks": receipts, "durability": DURABILITY[level]})
        except Refused as refused:
            self.abandon(lease)
            raise GivenUp(str(refused)) from refused

    def abandon(self, lease):
        try:
            self.namenode.call("abandon", {"lease_id": lease})
        except (GivenUp, Refused):
            self.count("abandon failed")  # the lease runs out by itself

    def write_blocks(self, key, version, lease, data, level):
        receipts, at = [], 0
        while at < len(data) or not receipts:
            fault, exclude = None, []
            for _ in range(BLOCK_TRIES):
                plan_ = self.namenode.call("add_block", {
                    "lease_id": lease, "size_hint": min(len(data) - at, 1 << 18),
                    "exclude": exclude})
                target = planned(plan_)
                part = data[at : at + plan_.max_length]
                try:
                    receipts.append(self.write_block(key, version, target, at, part, level))
                    break
                except Refusal as refused:
                    fault, exclude = refused, [refused.node]
                except OSError as broken:
                    fault, exclude = broken, [target.chain[0].node]
                time.sleep(0.05)
            else:
                raise GivenUp(f"block at {at}: {fault!r}")
            at += len(part)
        return receipts

    def write_block(self, key, version, target, at, part, level):
        """Writes one block, with a line for every ack."""
        noted = (0, 0, 0)
        with WriteStream(target, DataConnection(target.head, ANSWER_SECONDS)) as stream:
            stream.begin(more=True)
            for start in range(0, len(part), FRAME):
                stream.data(start, part[start : start + FRAME], more=True)
            stream.seal(part, LEVEL[level])
            while True:
                header, payload = stream.connection.receive()
                stream.check(header)
                if header.operation == frames.SEALED:
                    break
                stream.acks.append(header.progress)
                if header.progress != noted:
                    noted = header.progress
                    received, written, durable = noted
                    self.add("ack", key, version=version, block=target.block, offset=at,
                             received=received, written=written, durable=durable)
            receipt, signature = decode_receipt(payload)
            crc = crc32c(part)
            if (receipt.length, receipt.checksum) != (len(part), crc):
                self.add("wrong", key, why=f"block {target.block} was sealed as {receipt}")
            self.add("block", key, version=version, block=target.block, offset=at,
                     length=receipt.length, crc=receipt.checksum, level=Level(receipt.level).name)
            return receipt.message(signature)

    def delete(self, key):
        self.add("deleting", key)
        try:
            self.namenode.call("delete", {"key": key})
        except Refused as refused:
            if refused.code == Code.NOT_FOUND:
                self.add("missing", key)
            else:
                self.add("kept", key, why=str(refused))
            return
        self.add("deleted", key)

    # ---- reading ----

    def get(self, key):
        data = self.get_by_command(key) if self.uses_command else self.get_by_frames(key)
        version = None if data is None else self.version(key, data, self.ledger.state(key).sizes)
        if version is False:
            self.add("wrong", key, why=f"{len(data)} bytes are no version of it")
        else:
            self.add("read", key, version=version)

    def get_by_command(self, key):
        with tempfile.TemporaryDirectory() as folder:
            out = os.path.join(folder, "value")
            done = subprocess.run(
                program("catena") + ["get", key, out, "--quiet"], capture_output=True, check=False,
                env=command_environment(self.address), timeout=120,
                preexec_fn=die_with_parent)
            if done.returncode == 66:
                return None
            if done.returncode:
                raise GivenUp(f"exit code {done.returncode}: {done.stderr.decode().strip()}")
            with open(out, "rb") as file:
                return file.read()

    def get_by_frames(self, key):
        try:
            opened = self.namenode.call("open", {"key": key})
        except Refused as refused:
            if refused.code == Code.NOT_FOUND:
                return None
            raise
        return b"".join(
            read_block(located(block), block.length) for block in opened.blocks if block.length)

    def version(self, key, data, sizes):
        claimed = plan.described(data)
        possible = self.ledger.state(key).possible
        versions = sorted(sizes, key=lambda one: one not in possible)
        for version in [claimed[0]] if claimed else versions:
            if version in sizes and data == plan.value(
                    self.seed, key, version, sizes[version][0]):
                return version
        return False

    def peek(self, _):
        """Reads a key that another worker may be writing: what comes is whole, whichever it is."""
        other = self.random.randrange(1, plan.WORKERS + 1)
        key = f"w{other}/k{self.random.randrange(plan.KEYS)}"
        data = self.get_by_frames(key)
        claimed = data and plan.described(data)
        if claimed and data != plan.value(self.seed, key, *claimed):
            self.journal.add("wrong", key, why=f"{len(data)} bytes are no version of it")


def main():
    take_isal()
    worker = Worker(json.loads(sys.argv[1]))
    for line in sys.stdin:
        print(json.dumps(worker.load(json.loads(line)["seconds"])), flush=True)


if __name__ == "__main__":
    main()
