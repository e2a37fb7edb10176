"""A stand-in for catena-datanode: run."""

import os
import pathlib
import threading
import time

from ..control import Closed, ControlClient, Refused, heartbeat_proof, proof
from ..sealing import CHALLENGE_BYTES, AnswerProof, KeySeal, Unproven
from ..status import Code, Role
from .blocks import Store
from .shell import give_up, listener, log, now_ms, run_parser, serve
from .stream import StreamServer


class Datanode:
    def __init__(self, options, store, port):
        self.options, self.store, self.port = options, store, port
        self.identity = store.identity()
        self.id = bytes.fromhex(self.identity["node"])
        self.secret = bytes.fromhex(pathlib.Path(options.secret_file).read_text().strip())
        self.incarnation = os.urandom(16)
        self.cluster, self.keys, self.current = b"", {}, 0
        self.session = self.beat = 0

    def connection(self, sock):
        StreamServer(self, sock).run()

    def current_key(self):
        return self.keys[self.current][0]

    def find_key(self, number):
        key, made = self.keys.get(number, (None, 0))
        return key, now_ms() - made

    def answer(self, challenge):
        return AnswerProof(self.secret, self.id, self.client.greeting.challenge, challenge)

    def learn(self, reply, challenge):
        seal = KeySeal(self.secret, self.id, self.client.greeting.challenge, challenge)
        self.keys = {key.key_id: (seal.open(key.key_id, key.sealed), now_ms() - key.age_ms)
                     for key in reply.keys}
        self.current = reply.current_key

    def device(self):
        return {"device_id": bytes.fromhex(self.identity["device"]),
                "path": str(self.store.folder), "capacity_bytes": 1 << 30, "free_bytes": 1 << 30}

    def register(self):
        host, _, port = self.options.namenode.rpartition(":")
        cluster = bytes.fromhex(self.identity["cluster"])
        self.client = ControlClient((host, int(port)), Role.DATANODE, cluster)
        challenge = os.urandom(CHALLENGE_BYTES)
        reply = self.client.call("register", {
            "challenge": challenge,
            "node_id": self.id, "incarnation": self.incarnation, "host": "127.0.0.1",
            "port": self.port, "devices": [self.device()], "software": "standin",
            "proof": proof(self.secret, self.client.greeting.challenge, self.id,
                           self.incarnation)}, proof=self.answer(challenge))
        self.cluster, self.session, self.beat = reply.cluster_id, reply.session, 0
        self.store.join(self.identity, self.cluster)
        self.learn(reply, challenge)
        return reply.timing.heartbeat_ms / 1000

    def heartbeat(self):
        self.beat += 1
        states = [block.state() for block in list(self.store.blocks.values())]
        challenge = os.urandom(CHALLENGE_BYTES)
        self.learn(self.client.call("heartbeat", {
            "challenge": challenge,
            "node_id": self.id, "session": self.session, "sequence": self.beat,
            "blocks": states, "report_complete": True, "devices": [self.device()],
            "proof": heartbeat_proof(
                self.secret, self.client.greeting.challenge, self.id, self.session)},
            proof=self.answer(challenge)), challenge)

    def first_registration(self):
        try:
            return self.register()
        except Refused as refused:
            codes = {Code.WRONG_CLUSTER: 78, Code.BAD_SECRET: 77}
            folder = self.store.folder
            return give_up(codes.get(refused.code, 69),
                           f"{folder}: the namenode refused: {refused.reply.message}")
        except OSError as error:
            return give_up(69, f"{self.options.namenode}: {error.strerror}")

    def beat_on(self, pause):
        joined = True
        while True:
            time.sleep(pause)
            try:
                if not joined:
                    self.register()
                self.heartbeat()
                joined = True
            except (Refused, Unproven, OSError, Closed) as error:
                log("lost the namenode", error=str(error))
                joined = False


def main():
    parser, _, run = run_parser(progress_timeout_ms=10000, idle_timeout_ms=60000)
    run.add_argument("--namenode", required=True)
    run.add_argument("--secret-file", required=True)
    run.add_argument("--dir", action="append", required=True)
    options = parser.parse_args()
    if len(set(options.dir)) != len(options.dir):
        give_up(64, "--dir names the same directory twice")
    store = Store(options.dir[0])
    listening = listener(options.listen)
    node = Datanode(options, store, listening.getsockname()[1])
    store.load()
    pause = node.first_registration()
    node.heartbeat()
    threading.Thread(target=node.beat_on, args=(pause,), daemon=True).start()
    serve(listening, options.port_file, node.connection)


if __name__ == "__main__":
    main()
