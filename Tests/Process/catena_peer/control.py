"""The control plane from the caller's side (PROTOCOL section 2)."""

import hashlib
import hmac
import itertools
import os
import socket
import struct

from . import protobuf
from .credentials import ChainNode
from .sealing import CHALLENGE_BYTES, AnswerProof, KeySeal
from .status import Code, Role

VERSION = 2
MESSAGE_BYTES = 1 << 20
SECONDS = 60  # no single answer may take longer than this in a test


class Refused(Exception):
    """A Reply whose code is not OK."""

    def __init__(self, reply):
        self.code = Code(reply.code)
        self.reply = reply
        super().__init__(f"{self.code.name}: {reply.message}")


class Closed(ConnectionError):
    """The other side closed the connection."""


def read_exactly(sock, count):
    """`count` bytes; Closed when the peer ends first."""
    parts, missing = [], count
    while missing:
        part = sock.recv(min(missing, 1 << 20))
        if not part:
            raise Closed(f"closed with {missing} of {count} bytes missing")
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def end(sock):
    """Ends both directions at once, also while another thread waits in a receive, and closes."""
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # it was not connected any more, which is what we want
    sock.close()


def half_close(sock):
    """Says that nothing more will be sent; the peer may have ended the connection already."""
    try:
        sock.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # ended by the peer; what it sent before can still be read


class RawConnection:
    """A TCP connection to a daemon, of either plane; knows bytes."""

    def __init__(self, address, timeout=SECONDS):
        self.socket = socket.create_connection(address, timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def half_close(self):
        half_close(self.socket)

    def send_raw(self, data):
        self.socket.sendall(data)


class ControlConnection(RawConnection):
    """One connection; knows frames, not requests."""

    def send(self, message, values):
        body = protobuf.encode(message, values)
        self.send_raw(struct.pack("<I", len(body)) + body)

    def receive(self, message):
        (length,) = struct.unpack("<I", read_exactly(self.socket, 4))
        if length > MESSAGE_BYTES:
            raise protobuf.Unreadable(f"a control frame of {length} bytes")
        self.body = read_exactly(self.socket, length)
        return protobuf.decode(message, self.body)

    def hello(self, role=Role.CLIENT, cluster_id=b"", lowest=VERSION, highest=VERSION):
        self.send("Hello", {
            "protocol_min": lowest, "protocol_max": highest, "cluster_id": cluster_id,
            "role": role, "software": "catena-peer"})
        return self.receive("HelloReply")


class ControlClient:
    """Requests and replies, one at a time or in flight; reconnects when told to."""

    def __init__(self, address, role=Role.CLIENT, cluster_id=b"", client_id=None):
        self.address = address
        self.role = role
        self.client_id = client_id or os.urandom(16)
        self.numbers = itertools.count(1)
        self.early = {}
        self.cluster_id = cluster_id
        self.connect()

    def connect(self):
        self.connection = ControlConnection(self.address)
        self.greeting = self.connection.hello(self.role, self.cluster_id)
        if self.greeting.code != Code.OK:
            self.connection.close()
            raise Refused(self.greeting)
        self.cluster_id = self.greeting.cluster_id

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.connection.close()

    def send(self, operation, fields=None, request_id=None):
        """Sends without waiting; gives the request id for `wait`."""
        number = request_id or next(self.numbers)
        self.connection.send("Request", {
            "client_id": self.client_id, "request_id": number, operation: fields or {}})
        return number

    def wait(self, number):
        while number not in self.early:
            reply = self.connection.receive("Reply")
            self.early[reply.request_id] = reply
        return self.early.pop(number)

    def call(self, operation, fields=None, request_id=None, proof=None):
        """The result message of `operation`; raises Refused. Success must be proven with `proof`."""
        reply = self.wait(self.send(operation, fields, request_id))
        if reply.code != Code.OK:
            raise Refused(reply)
        if proof:
            proof.check(self.connection.body)
        return getattr(reply, operation)

    def create(self, key, overwrite=False):
        return self.call("create", {"key": key, "overwrite": overwrite}).lease_id

    def add_block(self, lease, **fields):
        return self.call("add_block", {"lease_id": lease, **fields})

    def renew(self, lease):
        return self.call("renew", {"lease_id": lease})

    def close_key(self, lease, receipts, durability, more=False):
        return self.call("close", {
            "lease_id": lease, "blocks": receipts, "durability": durability, "more": more})

    def abandon(self, lease):
        return self.call("abandon", {"lease_id": lease})

    def open(self, key, **fields):
        return self.call("open", {"key": key, **fields})

    def info(self, key):
        return self.call("info", {"key": key})

    def list(self, prefix="", **fields):
        return self.call("list", {"prefix": prefix, **fields})

    def delete(self, key):
        return self.call("delete", {"key": key})

    def rename(self, source, target, overwrite=False):
        return self.call("rename", {"from": source, "to": target, "overwrite": overwrite})

    def status(self):
        return self.call("cluster_status")

    def report(self):
        return self.call("report")


def proof(secret, challenge, node_id, incarnation):
    return hmac.new(secret, challenge + node_id + incarnation, hashlib.sha256).digest()


def heartbeat_proof(secret, challenge, node_id, session):
    covered = challenge + node_id + session.to_bytes(8, "little")
    return hmac.new(secret, covered, hashlib.sha256).digest()


class Registration:
    """A datanode's side: registers under a new node id and can send heartbeats."""

    def __init__(self, address, secret, cluster_id=b"", node_id=None, port=1, **fields):
        self.client = ControlClient(address, Role.DATANODE, cluster_id)
        self.secret = secret
        self.node_id = node_id or os.urandom(16)
        self.incarnation = os.urandom(16)
        self.sequence = 0
        self.device = {
            "device_id": os.urandom(16), "path": "/nowhere", "location": "/peer",
            "capacity_bytes": 1 << 30, "free_bytes": 1 << 30}
        request = {
            "node_id": self.node_id, "incarnation": self.incarnation, "host": "127.0.0.1",
            "port": port, "devices": [self.device], "software": "catena-peer",
            "proof": proof(
                secret, self.client.greeting.challenge, self.node_id, self.incarnation),
            "challenge": os.urandom(CHALLENGE_BYTES)}
        request.update(fields)
        try:
            self.reply = self.client.call(
                "register", request, proof=self.answer(self.client, request["challenge"]))
        except BaseException:
            self.client.close()
            raise
        self.keys = self.seal(self.client, request["challenge"]).open_all(self.reply.keys)

    def answer(self, client, challenge):
        """What an answer over `client` to a message with this challenge is proven with."""
        return AnswerProof(self.secret, self.node_id, client.greeting.challenge, challenge)

    def seal(self, client, challenge):
        """What an answer over `client` to a message with this challenge is sealed with."""
        return KeySeal(self.secret, self.node_id, client.greeting.challenge, challenge)

    def current(self):
        """The key to sign with."""
        return next(key for key in self.keys if key.id == self.reply.current_key)

    def heartbeat(self, blocks=(), complete=True, client=None, secret=None):
        """Over another connection, `client`, the session goes on."""
        self.sequence += 1
        client = client or self.client
        challenge = os.urandom(CHALLENGE_BYTES)
        reply = client.call("heartbeat", {
            "node_id": self.node_id, "session": self.reply.session, "sequence": self.sequence,
            "blocks": list(blocks), "report_complete": complete, "devices": [self.device],
            "challenge": challenge,
            "proof": heartbeat_proof(
                secret or self.secret, client.greeting.challenge, self.node_id,
                self.reply.session)}, proof=self.answer(client, challenge))
        self.keys = self.seal(client, challenge).open_all(reply.keys)
        return reply

    def close(self):
        self.client.close()


def chain_of(nodes):
    """ChainNodes from the Node messages of a plan or a location."""
    return [ChainNode(node.node_id, node.host, node.port) for node in nodes]
