"""A stand-in for catena-namenode: format and run."""

import os
import pathlib
import struct
import threading

from .. import protobuf
from ..control import MESSAGE_BYTES, VERSION, Closed, heartbeat_proof, proof, read_exactly
from ..sealing import AnswerProof, KeySeal
from ..status import Code
from .namespace import Fault, Namespace
from .shell import give_up, listener, log, run_parser, serve

SETTINGS = {
    "replicas": 3, "min_nodes": 3, "block_bytes": 128 << 20, "heartbeat_ms": 1000,
    "stale_ms": 3000, "dead_ms": 10000, "lease_ms": 60000, "token_ms": 600000,
    "key_rotation_ms": 600000,
}


class Server:
    def __init__(self, namespace, secret):
        self.namespace = namespace
        self.secret = secret
        self.lock = threading.Lock()

    def connection(self, sock):
        with sock:
            try:
                self.talk(sock)
            except (OSError, Closed):
                return
            except protobuf.Unreadable as error:
                try:
                    self.send(sock, "Reply", {
                        "code": Code.MALFORMED, "message": f"unreadable: {error}"})
                except OSError:
                    return

    def send(self, sock, message, values, proof=None):
        body = protobuf.encode(message, values)
        body = proof.proving(body) if proof else body
        sock.sendall(struct.pack("<I", len(body)) + body)

    def receive(self, sock, message):
        (length,) = struct.unpack("<I", read_exactly(sock, 4))
        if length > MESSAGE_BYTES:
            raise protobuf.Unreadable(f"a frame of {length} bytes")
        return protobuf.decode(message, read_exactly(sock, length))

    def talk(self, sock):
        challenge = os.urandom(16)
        hello = self.receive(sock, "Hello")
        cluster = self.namespace.cluster
        reply = {"protocol": VERSION, "cluster_id": cluster, "challenge": challenge}
        if not hello.protocol_min <= VERSION <= hello.protocol_max:
            reply = {"code": Code.WRONG_VERSION,
                     "message": f"this namenode speaks version {VERSION}"}
        elif hello.cluster_id not in (b"", cluster):
            reply = {"code": Code.WRONG_CLUSTER, "message": f"this is cluster {cluster.hex()}"}
        self.send(sock, "HelloReply", reply)
        while "code" not in reply:
            request = self.receive(sock, "Request")
            self.send(
                sock, "Reply", self.answer(request, challenge), self.proof(request, challenge))

    def proof(self, request, challenge):
        """What the answer to a datanode is proven with; None to everybody else."""
        name = next((name for name in ("register", "heartbeat") if name in request), None)
        if name is None or not self.is_proven(name, request[name], challenge):
            return None
        return AnswerProof(
            self.secret, request[name].node_id, challenge, request[name].challenge)

    def is_proven(self, name, fields, challenge):
        if name == "register":
            return fields.proof == proof(
                self.secret, challenge, fields.node_id, fields.incarnation)
        return fields.proof == heartbeat_proof(
            self.secret, challenge, fields.node_id, fields.session)

    def answer(self, request, challenge):
        names = [name for name in request if name not in ("client_id", "request_id")]
        reply = {"request_id": request.request_id}
        if len(names) != 1 or len(request.client_id) != 16:
            return {**reply, "code": Code.MALFORMED, "message": "one operation, 16 bytes of client"}
        name, fields = names[0], request[names[0]]
        with self.lock:
            known = self.namespace.outcomes.get((request.client_id, request.request_id))
            if known:
                return known
            try:
                if name in ("register", "heartbeat"):
                    if not self.is_proven(name, fields, challenge):
                        raise Fault(
                            Code.BAD_SECRET, "the proof does not match the cluster secret")
                    fields["seal"] = KeySeal(
                        self.secret, fields.node_id, challenge, fields.challenge)
                result = self.namespace.apply(name, fields, request.client_id)
                reply[name] = result
            except Fault as fault:
                reply.update(code=fault.code, message=fault.text, **fault.counts)
            if name in ("create", "add_block", "close", "abandon", "delete", "rename"):
                self.namespace.outcomes[request.client_id, request.request_id] = reply
            return reply


def make(folder):
    path = pathlib.Path(folder)
    if (path / "cluster.id").exists():
        give_up(73, f"{folder} already holds a namespace")
    path.mkdir(parents=True, exist_ok=True)
    (path / "cluster.id").write_text(os.urandom(16).hex() + "\n")
    (path / "cluster.secret").touch(0o600)
    (path / "cluster.secret").write_text(os.urandom(32).hex() + "\n")


def main():
    parser, commands, run = run_parser(**SETTINGS)
    run.add_argument("--dir", required=True)
    commands.add_parser("format").add_argument("--dir", required=True)
    options = parser.parse_args()
    if options.command == "format":
        return make(options.dir)
    folder = pathlib.Path(options.dir)
    if not (folder / "cluster.id").exists():
        give_up(78, f"{folder} holds no namespace: format it first")
    cluster = bytes.fromhex((folder / "cluster.id").read_text().strip())
    secret = bytes.fromhex((folder / "cluster.secret").read_text().strip())
    server = Server(Namespace(cluster, options), secret)
    listening = listener(options.listen)
    log("listening", port=listening.getsockname()[1])
    serve(listening, options.port_file, server.connection)


if __name__ == "__main__":
    main()
