"""What a seed decides: when which processes die, where, and what the clients do."""

import dataclasses
import random

LOAD_SECONDS = (0.7, 1.1)  # of one cycle, before everything is healed and read back
WORKERS = 4
REPLICAS = 3
KEYS = 10  # of each worker

# Blocks are 256 KiB, frames 64 KiB: most values are one block, some are five.
SIZES = [1, 15, 100, 4095, 4096, 4097, 20_000, 65_536, 65_537, 150_000, 262_144, 300_000, 700_000,
         1_200_000]
PROMISED = ("durable", "written", "none")  # what a kill of processes must not take
LEVELS = ["durable", "durable", "written", "none"]

# Points, and the latest pass at which a fault is armed: rare places are passed seldom.
NODE_POINTS = {
    "recv-header": 30, "recv-body": 40, "before-forward": 30, "after-forward": 30,
    "before-disk": 30, "after-disk-before-ack": 30, "before-ack": 40, "after-ack-sent": 40,
    "before-open": 10, "before-open-header": 10, "after-open-header": 10,
    "before-forward-credentials": 10, "after-forward-credentials": 10,
    "before-forward-seal": 8, "after-forward-seal": 8, "seal-before-header": 10,
    "seal-after-header": 10, "seal-before-sync": 5, "seal-after-sync": 5,
    "seal-before-dirsync": 5, "seal-after-dirsync": 5, "before-recycle": 5, "recycle-before": 5,
    "recycle-after": 5, "read-before-disk": 20, "read-after-disk": 20,
}
NAMENODE_POINTS = {
    f"{operation}-{place}": 12
    for operation in ("create", "addblock", "close", "delete")
    for place in ("before-commit", "after-commit-before-reply")
}

KINDS = {
    "node": 5, "two-nodes": 3, "all-nodes": 3, "namenode": 3, "everything": 3, "node-point": 8,
    "namenode-point": 4, "all-points": 2, "stop": 2, "client": 2,
}


@dataclasses.dataclass
class Event:
    """At `at` seconds of the cycle, `action` happens to `targets`, which are back after `away`."""

    at: float
    action: str  # kill, stop
    targets: list
    away: float


@dataclasses.dataclass
class Cycle:
    number: int
    kind: str
    seconds: float
    events: list
    faults: dict  # target -> CATENA_FAULT


def cycle(seed, number, nodes):
    """The plan of one cycle. Targets: 0 is the namenode, 1... the datanodes, -1... the workers."""
    random_ = random.Random(f"{seed}/{number}")
    seconds = random_.uniform(*LOAD_SECONDS)
    kind = random_.choices(list(KINDS), list(KINDS.values()))[0]
    at, away = random_.uniform(0.05, 0.8 * seconds), random_.uniform(0, 0.5)
    everyone = list(range(1, nodes + 1))
    events, faults = [], {}

    def event(action, targets):
        events.append(Event(at, action, targets, away))

    def fault(points, actions):
        point = random_.choice(list(points))
        action = random_.choice(actions)
        return f"{point}:{action}:{random_.randint(1, points[point])}"

    kills = ["kill", "kill", "kill", "delay=%d" % random_.randint(20, 400)]
    if kind == "node":
        event("kill", [random_.choice(everyone)])
    elif kind == "two-nodes":
        event("kill", random_.sample(everyone, 2))
    elif kind == "all-nodes":
        event("kill", everyone)
    elif kind == "namenode":
        event("kill", [0])
    elif kind == "everything":
        event("kill", [0, *everyone])
    elif kind == "node-point":
        faults[random_.choice(everyone)] = fault(NODE_POINTS, kills)
    elif kind == "all-points":
        faults = {node: fault(NODE_POINTS, ["kill"]) for node in everyone}
    elif kind == "namenode-point":
        faults[0] = fault(NAMENODE_POINTS, kills)
    elif kind == "stop":
        event("stop", [random_.choice([0, *everyone])])
    elif kind == "client":
        event("kill", [-random_.randint(1, WORKERS)])
    return Cycle(number, kind, seconds, events, faults)


def power_cut(seed, number, nodes):
    """The plan of one cycle in which machines lose their power: all, or one of them."""
    random_ = random.Random(f"{seed}/power/{number}")
    seconds = random_.uniform(*LOAD_SECONDS)
    everyone = list(range(nodes + 1))
    targets = everyone if random_.random() < 0.6 else [random_.choice(everyone)]
    event = Event(random_.uniform(0.2, 0.9) * seconds, "kill", targets, random_.uniform(0, 0.3))
    kind = "power of all" if targets == everyone else "power of one"
    return Cycle(number, kind, seconds, [event], {})


def value(seed, key, version, size):
    """The bytes of one version of a key. From 16 bytes on they begin with what they are, so that
    whoever reads them can tell which version it is."""
    head = version.to_bytes(8, "little") + size.to_bytes(8, "little") if size >= 16 else b""
    body = random.Random(f"{seed}/{key}/{version}/{size}").randbytes(size - len(head))
    return head + body


def described(data):
    """(version, size) that the bytes claim to be, or None when they are too short to say."""
    if len(data) < 16:
        return None
    return int.from_bytes(data[:8], "little"), int.from_bytes(data[8:16], "little")
