"""Reads everything back and says what is not as the ledger has it."""

import dataclasses
import time

from ..control import Closed, ControlClient, Refused
from ..datanode import Refusal, located, read_range
from ..status import Code
from . import plan

PATIENCE = 20  # seconds in which a settled cluster must give out all that it has


@dataclasses.dataclass
class Findings:
    """Counts over a campaign; `lost` are bytes whose put was acked and that cannot be read."""

    values: int = 0
    bytes: int = 0
    replicas: int = 0
    lost_durable: int = 0
    lost_other: int = 0
    wrong_bytes: int = 0
    in_between: int = 0
    not_promised: int = 0  # values that are gone, and whose level allows it
    bad_replicas: int = 0
    sentences: list = dataclasses.field(default_factory=list)

    @property
    def is_clean(self):
        return not self.sentences

    def say(self, sentence):
        self.sentences.append(sentence)


class Unreadable(Exception):
    """No replica gave a block out; what each said."""


class Oracle:
    def __init__(self, address, seed, ledger, findings, promised):
        """`promised`: the levels whose acked values must be there after what happened."""
        self.promised = promised
        self.address = address
        self.seed = seed
        self.ledger = ledger
        self.findings = findings

    def check(self, all_replicas):
        """Reads every key; those in `all_replicas` from every replica of every block."""
        end = time.monotonic() + PATIENCE
        with ControlClient(self.address) as client:
            for key, state in sorted(self.ledger.keys.items()):
                self._check(
                    client, key, state, end, key in all_replicas and self._is_promised(state))

    def _is_promised(self, state):
        return all(
            one is None or state.sizes[one][1] in self.promised for one in state.possible)

    def _check(self, client, key, state, end, is_thorough):
        while True:
            try:
                data = self._read(client, key, is_thorough)
                break
            except (Unreadable, Refused) as fault:
                if time.monotonic() < end and self._is_promised(state):
                    # A node that was restarted just now has not met its namenode yet.
                    time.sleep(0.1)
                elif is_thorough:
                    # Then what the others have.
                    self.findings.bad_replicas += 1
                    self.findings.say(f"{key}: {fault}")
                    is_thorough = False
                else:
                    return self._lost(key, state, str(fault))
        self.findings.values += 1
        if data is None:
            version = None
        else:
            self.findings.bytes += len(data)
            version = self._version(key, state, data)
            if version is False:
                return None
        if version in state.possible:
            state.saw(version)
            return None
        if version is None:
            return self._lost(key, state, "it is not found")
        self.findings.in_between += 1
        self.findings.say(f"{key}: version {version} is there, and it can only be {state.names()}")
        return self._count_lost(state)

    def _version(self, key, state, data):
        """Which version the bytes are; False when they are none."""
        claimed = plan.described(data)
        likely = sorted(state.sizes, key=lambda one: one not in state.possible)
        versions = [claimed[0]] if claimed else likely
        for version in versions:
            size = state.sizes.get(version, (None, None))[0]
            if size == len(data) and data == plan.value(self.seed, key, version, size):
                return version
        differs = len(data)
        if claimed and claimed[0] in state.sizes:
            wanted = plan.value(self.seed, key, claimed[0], state.sizes[claimed[0]][0])
            differs = sum(a != b for a, b in zip(data, wanted)) + abs(len(data) - len(wanted))
        self.findings.wrong_bytes += differs
        self.findings.say(
            f"{key}: {len(data)} bytes are no version of it ({differs} differ from version "
            f"{claimed and claimed[0]}); it can only be {state.names()}")
        return False

    def _lost(self, key, state, why):
        if not self._is_promised(state):
            self.findings.not_promised += 1
            return
        self.findings.say(f"{key}: {why}; it can only be {state.names()}")
        self._count_lost(state)

    def _count_lost(self, state):
        """What was acked and is not there: the smallest loss that the ledger allows."""
        held = [state.sizes[one] for one in state.possible if one is not None]
        if len(held) != len(state.possible):
            return
        size, level = min(held)
        if level == "durable":
            self.findings.lost_durable += size
        else:
            self.findings.lost_other += size

    def _read(self, client, key, is_thorough):
        """The value, or None when there is no such key."""
        try:
            opened = client.open(key)
        except Refused as refused:
            if refused.code == Code.NOT_FOUND:
                return None
            raise
        parts = []
        for location in opened.blocks:
            if location.length:
                parts.append(self._read_block(key, location, is_thorough))
        return b"".join(parts)

    def _read_block(self, key, location, is_thorough):
        target, faults, first = located(location), [], None
        if is_thorough and len(target.chain) < plan.REPLICAS:
            raise Unreadable(f"block {location.block} has {len(target.chain)} replicas")
        for replica, node in enumerate(target.chain):
            try:
                data = read_range(target, 0, location.length, replica)
            except (Refusal, OSError, Closed, AssertionError) as fault:
                faults.append(f"{node.address[1]}: {fault}")
                if isinstance(fault, AssertionError):
                    self.findings.wrong_bytes += 1
                    self.findings.say(f"{key}, block {location.block}: {faults[-1]}")
                continue
            self.findings.replicas += 1
            if first is None:
                first = data
            elif data != first:
                self.findings.bad_replicas += 1
                self.findings.say(
                    f"{key}, block {location.block}: replicas differ ({node.address[1]})")
            if not is_thorough:
                break
        if first is None:
            raise Unreadable(f"block {location.block} cannot be read: {'; '.join(faults)}")
        if is_thorough and faults:
            raise Unreadable(f"block {location.block} has a bad replica: {'; '.join(faults)}")
        return first
