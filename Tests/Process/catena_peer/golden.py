"""Writes golden/wire.json, the bytes both implementations agree on. In Tests/Process, run
`python3 -m catena_peer.golden`. The Swift WireTests and test_codec.py read the file and never write it.

Every entry has a `name` and `hex`. Numbers are JSON integers below 2^53; 16-byte identifiers, key
ids (16 digits, as a number) and CRCs (8 digits, as a number) are hexadecimal strings.

  crc32c     input_hex, crc          combine    first, second, second_length, combined
  chains     nodes[{node, host, port}], hash
  tokens     fields, key{id, secret}, and the 128 bytes
  receipts   fields, key{id, secret}, and the 96 bytes
  credentials  token and chain by name: the payload of `write` and `read`
  headers    fields (what is absent is zero), and the 128 bytes
  malformed_headers   128 bytes and the name of the status a decoder must give
  proofs     the token by name, the opening header by name, the stream key, and the proof (32 bytes)
  answers    a Reply proven: secret, node, both challenges, the fields, and all bytes
  seals      a signing key sealed: secret, node, both challenges, key{id, secret}, and the 48 bytes
  control    message, fields (bytes in hex), and the protobuf body without the length prefix
"""

import dataclasses
import json
import pathlib

from . import credentials, frames, protobuf
from .crc32c import combine, crc32c
from .sealing import AnswerProof, KeySeal
from .status import Status

PATH = pathlib.Path(__file__).parent.parent / "golden" / "wire.json"

CLUSTER = bytes.fromhex("8d7a1c3e5b2f4a6091c2d3e4f5061728")
NODES = [bytes([n]) * 4 + bytes.fromhex("aabb4ccc8dddeeff00112233") for n in (1, 2, 3)]
LEASE = bytes.fromhex("0f1e2d3c4b5a4978869504132231405f")
KEY = credentials.Key(0x00000007DEADBEEF, bytes(range(32)))
CHALLENGE = bytes(range(0xA0, 0xB0))
SECRET = bytes(range(0x40, 0x60))
PROOF = bytes(range(0xC0, 0xE0))


def word(number):
    return f"{number:08x}"


def pattern(length, seed=0):
    """Bytes anyone can make: byte i is (7 i + i / 256 + seed) modulo 256."""
    return bytes((7 * i + (i >> 8) + seed) & 0xFF for i in range(length))


def checksums():
    inputs = [
        ("check value", b"123456789"), ("empty", b""), ("one zero", bytes(1)),
        ("32 zeros", bytes(32)), ("32 ones", b"\xff" * 32), ("pattern 100", pattern(100)),
        ("pattern 4097", pattern(4097)),
    ]
    return [
        {"name": name, "input_hex": data.hex(), "crc": word(crc32c(data))} for name, data in inputs
    ]


def combinations():
    out = []
    for first, second in ((0, 5), (5, 0), (9, 1), (100, 65536), (65536, 65536), (1, 1 << 20)):
        a, b = crc32c(pattern(first)), crc32c(pattern(second, 3))
        out.append({
            "name": f"{first} then {second} bytes", "first": word(a), "second": word(b),
            "second_length": second, "combined": word(combine(a, b, second)),
        })
    return out


def chains():
    one = [credentials.ChainNode(NODES[0], "127.0.0.1", 9866)]
    three = one + [
        credentials.ChainNode(NODES[1], "node-2.example", 65535),
        credentials.ChainNode(NODES[2], "::1", 1),
    ]
    return {"one node": one, "three nodes": three}


def tokens():
    nodes = chains()
    common = {"cluster": CLUSTER, "block": 0x1122334455667, "epoch": 5}
    return {
        "write": credentials.Token(
            credentials.WRITE, 1500, KEY.id, lease=LEASE, max_length=134217728, duration=600000,
            chain_hash=credentials.chain_hash(nodes["three nodes"]), incarnation=0x5EED1234,
            **common),
        "read": credentials.Token(
            credentials.READ, 0, KEY.id, lease=bytes(16), max_length=65537, duration=60000,
            chain_hash=credentials.chain_hash(nodes["one node"]), **common),
        "all modes, largest numbers": credentials.Token(
            7, 0xFFFFFFFF, KEY.id, CLUSTER, (1 << 53) - 1, (1 << 53) - 1, LEASE,
            bytes(range(16)), 1 << 30, 0xFFFFFFFF, incarnation=0xFFFFFFFF),
    }


def receipts():
    common = {"key_id": KEY.id, "cluster": CLUSTER, "block": 0x1122334455667, "epoch": 5}
    return {
        "written": credentials.Receipt(1, 0xE3069283, length=9, **common),
        "durable": credentials.Receipt(2, 0x01020304, length=134217728, **common),
        "received, empty block": credentials.Receipt(0, 0, length=0, **common),
    }


def headers():
    nodes, made = chains(), tokens()
    payload = credentials.encode_credentials(made["write"].signed(KEY), nodes["three nodes"])
    receipt = receipts()["written"].signed(KEY)
    report = frames.error_payload(NODES[1], "other bytes were already written at this offset")
    common = {"stream": 7, "block": 0x1122334455667, "epoch": 5}
    body = pattern(70000)
    return {
        "write": frames.Header(
            frames.WRITE, frames.MORE, payload_length=len(payload), checksum=crc32c(payload),
            challenge=CHALLENGE, place=2, **common),
        "data, one piece": frames.Header(
            frames.DATA, sequence=1, offset=100, payload_length=9, piece_count=1,
            pieces=(0xE3069283,), **common),
        "data, three pieces across chunks": frames.Header(
            frames.DATA, frames.MORE, sequence=2, offset=65000, payload_length=70000,
            piece_count=3, pieces=frames.piece_crcs(65000, body), **common),
        "data, sixteen pieces": frames.Header(
            frames.DATA, sequence=3, offset=1 << 20, payload_length=1 << 20, piece_count=16,
            pieces=tuple(0x01010101 * (n + 1) for n in range(16)), **common),
        "data of a read, last": frames.Header(
            frames.DATA, frames.LAST, sequence=4, offset=131072, payload_length=9, piece_count=1,
            pieces=(0xE3069283,), **common),
        "seal": frames.Header(
            frames.SEAL, frames.WRITTEN, sequence=5, length=9, checksum=0xE3069283, **common),
        "ack": frames.Header(
            frames.ACK, sequence=2, received=3 << 20, written=2 << 20, durable=1 << 20, **common),
        "sealed": frames.Header(
            frames.SEALED, frames.WRITTEN, sequence=3, payload_length=len(receipt), received=9,
            written=9, durable=0, length=9, checksum=0xE3069283, **common),
        "read": frames.Header(
            frames.READ, offset=65536, length=100000, payload_length=len(payload),
            checksum=crc32c(payload), challenge=CHALLENGE, **common),
        "error": frames.Header(
            frames.ERROR, status=Status.conflict, payload_length=len(report),
            checksum=crc32c(report), **common),
        "first ack": frames.Header(frames.ACK, received=9, proof=PROOF, **common),
        "first data of a read": frames.Header(
            frames.DATA, offset=0, payload_length=1 << 19, piece_count=8,
            pieces=tuple(0x01010101 * (n + 1) for n in range(8)), proof=PROOF, **common),
        "flush": frames.Header(frames.FLUSH, sequence=6, length=70001, **common),
    }


def malformed_headers():
    good = {name: header.encode() for name, header in headers().items()}
    data = headers()["data, one piece"]

    def patched(raw, at, patch):
        return frames.sealed_again(raw[:at] + patch + raw[at + len(patch) :])

    def changed(**fields):
        return dataclasses.replace(data, **fields).encode()

    long = frames.CONTROL_BYTES + 1
    far = {"offset": (1 << 30) + 1}
    return [
        ("all zero", bytes(128), Status.badMagic),
        ("another protocol", b"GET / HTTP/1.1\r\n".ljust(128, b"x"), Status.badMagic),
        ("version 0", patched(good["write"], 4, b"\0"), Status.badVersion),
        ("version 1", patched(good["write"], 4, b"\1"), Status.badVersion),
        ("one bit of the CRC", good["seal"][:124] + bytes([good["seal"][124] ^ 1])
         + good["seal"][125:], Status.badHeaderChecksum),
        ("one bit of the block", good["seal"][:16] + bytes([good["seal"][16] ^ 1])
         + good["seal"][17:], Status.badHeaderChecksum),
        ("operation 0", patched(good["write"], 5, b"\0"), Status.unknownOperation),
        ("operation 9", patched(good["write"], 5, b"\x09"), Status.unknownOperation),
        ("write with last", patched(good["write"], 6, b"\x08\0"), Status.badFlags),
        ("ack with more", patched(good["ack"], 6, b"\1\0"), Status.badFlags),
        ("an undefined flag", patched(good["seal"], 6, b"\x10\0"), Status.badFlags),
        ("data over 1 MiB", changed(payload_length=(1 << 20) + 1, piece_count=16,
                                    offset=0), Status.payloadTooLarge),
        ("data of 4 GiB", changed(payload_length=0xFFFFFFFF), Status.payloadTooLarge),
        ("data of nothing", changed(payload_length=0, piece_count=0), Status.badPayloadLength),
        ("write over 1536", dataclasses.replace(headers()["write"], payload_length=long).encode(),
         Status.payloadTooLarge),
        ("seal with payload", dataclasses.replace(headers()["seal"], payload_length=1).encode(),
         Status.badPayloadLength),
        ("ack with payload", dataclasses.replace(headers()["ack"], payload_length=1).encode(),
         Status.badPayloadLength),
        ("flush with payload", dataclasses.replace(headers()["flush"], payload_length=1).encode(),
         Status.badPayloadLength),
        ("flush of nothing", dataclasses.replace(headers()["flush"], length=0).encode(),
         Status.badRange),
        ("flush beyond any block",
         dataclasses.replace(headers()["flush"], length=(1 << 30) + 1).encode(), Status.badRange),
        ("too few pieces", changed(piece_count=0), Status.badPieceCount),
        ("too many pieces", changed(piece_count=2), Status.badPieceCount),
        ("seventeen pieces", changed(offset=1, payload_length=1 << 20, piece_count=17),
         Status.badPieceCount),
        ("pieces in a seal", dataclasses.replace(headers()["seal"], piece_count=1).encode(),
         Status.badPieceCount),
        ("data beyond any block", changed(**far), Status.badRange),
        ("read beyond any block", dataclasses.replace(headers()["read"], **far).encode(),
         Status.badRange),
    ]


ANSWERS = [
    ("refusal", {"request_id": 300, "code": 6, "message": "register again"}),
    ("heartbeat", {"request_id": 301, "heartbeat": {
        "current_key": 7, "commands": [{"kind": 2, "block": 42, "epoch": 7}]}}),
]

CONTROL = [
    ("hello", "Hello", {
        "protocol_min": 2, "protocol_max": 2, "cluster_id": CLUSTER.hex(), "role": 1,
        "software": "golden 1"}),
    ("create", "Request", {
        "client_id": LEASE.hex(), "request_id": 300,
        "create": {"key": "logs/\u00fc", "overwrite": True}}),
    ("cluster status", "Request", {
        "client_id": LEASE.hex(), "request_id": 1, "cluster_status": {}}),
    ("too few nodes", "Reply", {
        "request_id": 2, "code": 10, "message": "1 of 3 datanodes", "live_nodes": 1,
        "needed_nodes": 3}),
    ("close", "Request", {
        "client_id": LEASE.hex(), "request_id": 9, "close": {
            "lease_id": LEASE.hex(), "durability": 1, "blocks": [
                {"block": 5, "epoch": 1, "length": 65537, "crc": 0xE3069283, "level": 1,
                 "key_id": 0x700000001, "signature": bytes(range(32)).hex()}]}}),
    ("a silent node", "Request", {
        "client_id": LEASE.hex(), "request_id": 10,
        "report_bad": {"node_id": LEASE.hex(), "reason": 1}}),
    ("a block whose nodes have yet to report", "Reply", {
        "request_id": 11, "open": {
            "key": "k", "length": 9, "value": 3, "blocks": [
                {"block": 5, "epoch": 1, "length": 9, "reports_incomplete": True}]}}),
]


def from_json(kind, values):
    """A message's fields with the hexadecimal strings of `bytes` fields turned into bytes."""
    out = {}
    for name, value in values.items():
        _, inner, repeated = protobuf.MESSAGES[kind][name]
        items = value if repeated else [value]
        if inner == "bytes":
            items = [bytes.fromhex(item) for item in items]
        elif inner in protobuf.MESSAGES:
            items = [from_json(inner, item) for item in items]
        out[name] = list(items) if repeated else items[0]
    return out


def plain(record):
    """A dataclass's non-zero fields as JSON values."""
    out = {}
    for field in dataclasses.fields(record):
        value = getattr(record, field.name)
        if field.name in ("magic", "version") or not value:
            continue
        if field.name in ("checksum", "crc"):
            value = word(value)
        elif field.name == "key_id":
            value = f"{value:016x}"
        elif field.name == "pieces":
            value = [word(piece) for piece in value]
        elif isinstance(value, bytes):
            value = value.hex()
        out[field.name] = int(value) if isinstance(value, Status) else value
    return out


def build():
    nodes = chains()
    key = {"id": f"{KEY.id:016x}", "secret": KEY.secret.hex()}

    def signed(made):
        return [
            {"name": name, "fields": plain(value), "key": key, "hex": value.signed(KEY).hex()}
            for name, value in made.items()
        ]

    return {
        "about": "Made by Tests/Process/catena_peer/golden.py; its head says what the fields are.",
        "crc32c": checksums(),
        "combine": combinations(),
        "chains": [
            {"name": name, "hex": credentials.encode_chain(chain).hex(),
             "hash": credentials.chain_hash(chain).hex(),
             "nodes": [{"node": n.node.hex(), "host": n.host, "port": n.port} for n in chain]}
            for name, chain in nodes.items()
        ],
        "tokens": signed(tokens()),
        "receipts": signed(receipts()),
        "credentials": [
            {"name": "write", "token": "write", "chain": "three nodes",
             "hex": credentials.encode_credentials(
                 tokens()["write"].signed(KEY), nodes["three nodes"]).hex()}
        ],
        "headers": [
            {"name": name, "operation": frames.NAMES[header.operation],
             "fields": plain(header), "hex": header.encode().hex()}
            for name, header in headers().items()
        ],
        "malformed_headers": [
            {"name": name, "hex": raw.hex(), "status": status.name, "code": int(status)}
            for name, raw, status in malformed_headers()
        ],
        "proofs": [
            {"name": name, "token": "write", "opening": name, "stream_key": stream_key.hex(),
             "hex": credentials.stream_proof(stream_key, headers()[name]).hex()}
            for stream_key in [KEY.stream_key(tokens()["write"].signed(KEY))]
            for name in ("write", "read")
        ],
        "seals": [
            {"name": "signing key", "secret": SECRET.hex(), "node": NODES[0].hex(),
             "namenode": CHALLENGE.hex(), "datanode": CHALLENGE[::-1].hex(), "key": key,
             "hex": KeySeal(SECRET, NODES[0], CHALLENGE, CHALLENGE[::-1]).close(KEY).hex()}
        ],
        "answers": [
            {"name": name, "secret": SECRET.hex(), "node": NODES[0].hex(),
             "namenode": CHALLENGE.hex(), "datanode": CHALLENGE[::-1].hex(), "fields": fields,
             "hex": AnswerProof(SECRET, NODES[0], CHALLENGE, CHALLENGE[::-1]).proving(
                 protobuf.encode("Reply", fields)).hex()}
            for name, fields in ANSWERS
        ],
        "control": [
            {"name": name, "message": kind, "fields": values,
             "hex": protobuf.encode(kind, from_json(kind, values)).hex()}
            for name, kind, values in CONTROL
        ],
    }


def text():
    return json.dumps(build(), indent=1) + "\n"


if __name__ == "__main__":
    PATH.write_text(text())
    print(PATH)
