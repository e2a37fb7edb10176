"""The stand-in namenode's decisions."""

import itertools
import os

from ..credentials import READ, WRITE, ChainNode, Key, Receipt, Token, chain_hash
from ..protobuf import Record
from ..status import BlockStates, Code, Durability, Level
from .shell import now_ms


class Fault(Exception):
    def __init__(self, code, text, **counts):
        super().__init__(text)
        self.code, self.text, self.counts = code, text, counts


class Namespace:
    def __init__(self, cluster, options):
        self.cluster = cluster
        self.options = options
        self.keys = {}  # key -> list of block numbers
        self.blocks = {}  # number -> {epoch, chain, length, crc, created}
        self.leases = {}  # lease id -> {key, client, ends, blocks}
        self.nodes = {}  # node id -> {register, session, seen, ...}
        self.outcomes = {}
        self.numbers = itertools.count(1)
        self.signing = []
        self.rotations = itertools.count(1)
        self.started = now_ms()

    def apply(self, name, fields, client):
        now = now_ms()
        for lease in [lease for lease, held in self.leases.items() if held["ends"] < now]:
            del self.leases[lease]
        self.rotate(now)
        if name in ("create", "add_block", "open", "close"):
            self.require_nodes()
        return getattr(self, "do_" + name)(fields, client, now)

    # ---- keys ----

    def rotate(self, now):
        while len(self.signing) < 2 or now - self.signing[-2][1] >= self.options.key_rotation_ms:
            counter = next(self.rotations)
            key = Key(counter << 32 | int.from_bytes(os.urandom(4), "little"), os.urandom(32))
            self.signing = (self.signing + [(key, now)])[-3:]

    def current(self):
        return self.signing[-2]

    def key_set(self, seal, now):
        return {
            "keys": [{"key_id": key.id, "sealed": seal.close(key), "age_ms": now - made}
                     for key, made in self.signing],
            "current_key": self.current()[0].id}

    def token(self, modes, block, nodes, lease, now, most):
        key, made = self.current()
        chain = [ChainNode(node["node_id"], node["host"], node["port"]) for node in nodes]
        token = Token(modes, now - made, key.id, self.cluster, block, self.blocks[block]["epoch"],
                      lease, chain_hash(chain), most, self.options.token_ms).signed(key)
        return {"token": token, "stream_key": key.stream_key(token)}

    # ---- datanodes ----

    def state(self, node, now):
        age = now - node["seen"]
        if age >= self.options.dead_ms:
            return "dead"
        return "stale" if age >= self.options.stale_ms else "live"

    def live(self):
        now = now_ms()
        return [n for n in self.nodes.values() if self.state(n, now) == "live"]

    def require_nodes(self):
        live, needed = len(self.live()), self.options.min_nodes
        if live < needed:
            raise Fault(Code.TOO_FEW_NODES, f"{live} datanodes are live, {needed} are needed",
                        live_nodes=live, needed_nodes=needed)

    def do_register(self, fields, _client, now):
        session = next(self.numbers)
        self.nodes[fields.node_id] = {
            "node_id": fields.node_id, "host": fields.host, "port": fields.port, "seen": now,
            "session": session, "blocks": {}, "devices": fields.devices, "complete": False}
        return {"cluster_id": self.cluster, "session": session, **self.key_set(fields.seal, now), "timing": {
            "heartbeat_ms": self.options.heartbeat_ms, "stale_ms": self.options.stale_ms,
            "dead_ms": self.options.dead_ms}}

    def do_heartbeat(self, fields, _client, now):
        node = self.nodes.get(fields.node_id)
        if not node or node["session"] != fields.session or self.state(node, now) == "dead":
            raise Fault(Code.STALE_SESSION, "register again")
        node["seen"] = now
        node["complete"] = node["complete"] or fields.report_complete
        for block in fields.blocks:
            node["blocks"][block.block] = block
        return self.key_set(fields.seal, now)

    def message(self, node):
        return {name: node[name] for name in ("node_id", "host", "port")}

    # ---- values ----

    def held(self, lease):
        if lease not in self.leases:
            raise Fault(Code.LEASE_EXPIRED, "the lease has expired")
        return self.leases[lease]

    def do_create(self, fields, client, now):
        if not 1 <= len(fields.key.encode()) <= 1024:
            raise Fault(Code.BAD_KEY, "a key has 1 to 1024 bytes")
        if fields.key in self.keys and not fields.overwrite:
            raise Fault(Code.EXISTS, f"{fields.key} exists")
        for lease, held in list(self.leases.items()):
            if held["key"] == fields.key:
                if held["client"] != client:
                    raise Fault(Code.LEASED, f"{fields.key} is being written by another client")
                del self.leases[lease]
        lease = os.urandom(16)
        self.leases[lease] = {"key": fields.key, "client": client, "blocks": [],
                              "ends": now + self.options.lease_ms}
        return {"lease_id": lease, "duration_ms": self.options.lease_ms,
                "block_bytes": self.options.block_bytes, "longest_block": 1 << 30,
                "most_blocks": 100_000}

    def do_add_block(self, fields, _client, now):
        held = self.held(fields.lease_id)
        count = fields.replicas or self.options.replicas
        nodes = [n for n in self.live() if n["node_id"] not in fields.exclude]
        if len(nodes) < count:
            raise Fault(Code.TOO_FEW_NODES, f"{len(nodes)} datanodes for {count} replicas",
                        live_nodes=len(nodes), needed_nodes=count)
        nodes = sorted(nodes, key=lambda n: len(n["blocks"]))[:count]
        block = next(self.numbers)
        most = self.options.block_bytes
        self.blocks[block] = {"epoch": 1, "chain": [n["node_id"] for n in nodes], "length": None,
                              "crc": 0, "created": now}
        held["blocks"].append(block)
        chain = [self.message(n) for n in nodes]
        return {"block": block, "epoch": 1, "max_length": most, "chain": chain,
                **self.token(WRITE, block, chain, fields.lease_id, now, most)}

    def do_renew(self, fields, _client, now):
        self.held(fields.lease_id)["ends"] = now + self.options.lease_ms
        return {"lease_id": fields.lease_id, "duration_ms": self.options.lease_ms}

    def do_close(self, fields, _client, _now):
        held = self.held(fields.lease_id)
        for shown in fields.blocks:
            if shown.block not in held["blocks"]:
                raise Fault(Code.BLOCK_MISMATCH, f"block {shown.block} is not of this lease")
            receipt = Receipt(shown.level, shown.crc, shown.key_id, self.cluster, shown.block,
                              shown.epoch, shown.length)
            if not any(key.id == shown.key_id and key.sign(receipt.unsigned()) == shown.signature
                       for key, _ in self.signing):
                raise Fault(Code.BLOCK_MISMATCH, f"block {shown.block}: the receipt does not fit")
            least = {Durability.NONE: Level.received, Durability.WRITTEN: Level.written}
            if shown.level < least.get(fields.durability, Level.durable):
                raise Fault(Code.NOT_DURABLE, f"block {shown.block} is not there yet")
        for shown in fields.blocks:
            self.blocks[shown.block].update(length=shown.length, crc=shown.crc)
        self.keys[held["key"]] = [shown.block for shown in fields.blocks]
        del self.leases[fields.lease_id]
        return {}

    def do_abandon(self, fields, _client, _now):
        self.leases.pop(fields.lease_id, None)
        return {}

    def value(self, key):
        if key not in self.keys:
            raise Fault(Code.NOT_FOUND, f"{key} does not exist")
        return self.keys[key]

    def locations(self, key, now, tokens):
        out, at = [], 0
        for number in self.value(key):
            block = self.blocks[number]
            nodes = [self.message(self.nodes[n]) for n in block["chain"] if n in self.nodes]
            entry = {"block": number, "epoch": block["epoch"], "offset": at,
                     "length": block["length"], "crc": block["crc"], "replicas": nodes}
            if tokens and nodes:
                entry.update(self.token(READ, number, nodes, os.urandom(16), now, block["length"]))
            out.append(entry)
            at += block["length"]
        return out, at

    def do_open(self, fields, _client, now):
        blocks, length = self.locations(fields.key, now, tokens=True)
        return {"key": fields.key, "length": length, "blocks": blocks}

    def do_info(self, fields, _client, now):
        held = next((h for h in self.leases.values() if h["key"] == fields.key), None)
        if fields.key not in self.keys and not held:
            raise Fault(Code.NOT_FOUND, f"{fields.key} does not exist")
        info = {"key": fields.key, "open": bool(held)}
        if fields.key in self.keys:
            info["blocks"], info["length"] = self.locations(fields.key, now, tokens=False)
            info["exists"] = True
        if held:
            info.update(lease_remaining_ms=held["ends"] - now, open_blocks=len(held["blocks"]))
            info["open_length"] = sum(self.reported(block) for block in held["blocks"])
        return info

    def reported(self, block):
        return max((n["blocks"][block].length for n in self.nodes.values()
                    if block in n["blocks"]), default=0)

    def do_list(self, fields, _client, _now):
        names = sorted(key for key in self.keys
                       if key.startswith(fields.prefix) and key > fields.start_after)
        limit = min(fields.limit or 1000, 10000)
        entries = [{"key": key, "length": sum(self.blocks[b]["length"] for b in self.keys[key])}
                   for key in names[:limit]]
        return {"entries": entries, "more": len(names) > limit,
                "next": entries[-1]["key"] if len(names) > limit else ""}

    def do_delete(self, fields, _client, _now):
        self.value(fields.key)
        del self.keys[fields.key]
        return {}

    def do_rename(self, fields, _client, _now):
        source, target = fields["from"], fields.to
        self.value(source)
        if target in self.keys and not fields.overwrite:
            raise Fault(Code.EXISTS, f"{target} exists")
        self.keys[target] = self.keys.pop(source)
        return {}

    # ---- operators ----

    def do_cluster_status(self, _fields, _client, now):
        states = [self.state(node, now) for node in self.nodes.values()]
        return {"cluster_id": self.cluster, "live": states.count("live"),
                "stale": states.count("stale"), "dead": states.count("dead"),
                "needed": self.options.min_nodes, "keys": len(self.keys),
                "blocks": len(self.blocks), "leases": len(self.leases),
                "replicas": self.options.replicas, "block_bytes": self.options.block_bytes,
                "uptime_ms": now - self.started}

    def do_report(self, _fields, _client, now):
        nodes = [{"node": self.message(node), "state": self.state(node, now),
                  "last_contact_ms": now - node["seen"], "report_complete": node["complete"],
                  "blocks": sum(b.state == BlockStates.SEALED for b in node["blocks"].values())}
                 for node in self.nodes.values()]
        return {"status": self.do_cluster_status(Record("ClusterStatus"), None, now),
                "nodes": nodes}
