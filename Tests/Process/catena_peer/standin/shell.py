"""What the stand-in daemons share: their way to listen, to log and to give up."""

import argparse
import json
import os
import signal
import socket
import sys
import threading
import time


def give_up(code, sentence):
    print(sentence, file=sys.stderr, flush=True)
    os._exit(code)


def log(event, **fields):
    print(json.dumps({"event": event, **fields}), file=sys.stderr, flush=True)


def now_ms():
    return int(time.monotonic() * 1000)


def run_parser(**numbers):
    """The flags both daemons have, and `numbers` with their defaults."""
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run")
    run.add_argument("--listen", default="127.0.0.1:0")
    run.add_argument("--port-file")
    run.add_argument("--log-format", default="text")
    for name, value in numbers.items():
        run.add_argument("--" + name.replace("_", "-"), type=int, default=value)
    return parser, commands, run


def listener(listen):
    host, _, port = listen.rpartition(":")
    try:
        return socket.create_server((host, int(port)), backlog=1024)
    except OSError as error:
        give_up(69, f"cannot listen on {listen}: {error.strerror}")


def serve(listening, port_file, connection):
    """Writes the port file, then runs `connection(socket)` in a thread each; ends on SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    if port_file:
        with open(port_file + ".new", "w", encoding="ascii") as file:
            file.write(f"{listening.getsockname()[1]}\n")
        os.rename(port_file + ".new", port_file)
    accept(listening, connection)


def accept(listening, connection):
    """Runs `connection(socket)` in a thread for each that comes."""
    while True:
        sock, _ = listening.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=connection, args=(sock,), daemon=True).start()
