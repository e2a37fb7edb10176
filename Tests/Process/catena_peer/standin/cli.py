"""A stand-in for the catena command."""

import argparse
import json
import os
import sys

from ..control import ControlClient, Refused
from ..datanode import Refusal, Unread
from ..status import Code, Durability
from ..values import get, put_blocks

EXIT = {Code.NOT_FOUND: 66, Code.EXISTS: 73, Code.TOO_FEW_NODES: 69, Code.LEASED: 75,
        Code.BAD_KEY: 64}


class Parser(argparse.ArgumentParser):
    def error(self, message):
        print(f"catena: {message}", file=sys.stderr)
        sys.exit(64)


def parse():
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--namenode", default=os.environ.get("CATENA_NAMENODE", ""))
    shared.add_argument("--json", action="store_true")
    parser = Parser(prog="catena")
    commands = parser.add_subparsers(dest="command", required=True)
    words = {"put": ["file", "key"], "get": ["key", "file"], "cat": ["key"], "stat": ["key"],
             "rm": ["key"], "mv": ["key", "target"], "test": ["key"], "status": [], "report": []}
    for name, arguments in words.items():
        command = commands.add_parser(name, parents=[shared])
        for argument in arguments:
            command.add_argument(argument)
        command.add_argument("--overwrite", action="store_true")
    commands.choices["put"].add_argument("--block-bytes", type=int, default=0)
    commands.choices["put"].add_argument("--durability", default="written")
    commands.add_parser("ls", parents=[shared]).add_argument("prefix", nargs="?", default="")
    return parser.parse_args()


def run(options, client):
    command = options.command
    if command == "put":
        with open(0 if options.file == "-" else options.file, "rb") as file:
            data = file.read()
        lease = client.create(options.key, options.overwrite)
        receipts = put_blocks(
            client, lease, data, options.block_bytes or client.status().block_bytes)
        client.close_key(lease, receipts, Durability[options.durability.upper()])
    elif command in ("get", "cat"):
        data = get(client, options.key)
        with open(1 if command == "cat" or options.file == "-" else options.file, "wb") as file:
            file.write(data)
    elif command == "ls":
        for entry in client.list(options.prefix).entries:
            print(json.dumps({"key": entry.key, "length": entry.length}) if options.json
                  else f"{entry.length:>12} {entry.key}")
    elif command == "stat":
        info = client.info(options.key)
        print(json.dumps({
            "key": info.key, "length": info.length,
            "blocks": [{"block": b.block, "length": b.length,
                        "chain": [n.node_id.hex() for n in b.replicas]} for b in info.blocks]}))
    elif command == "rm":
        client.delete(options.key)
    elif command == "mv":
        client.rename(options.key, options.target, options.overwrite)
    elif command == "test":
        return 0 if client.info(options.key).exists else 1
    else:
        result = client.status() if command == "status" else client.report().status
        print(json.dumps({"live": result.live, "needed": result.needed}))
    return 0


def main():
    options = parse()
    try:
        host, _, port = options.namenode.rpartition(":")
        with ControlClient((host, int(port))) as client:
            return run(options, client)
    except Refused as refused:
        sentence = refused.reply.message
        if refused.code == Code.NOT_FOUND and options.command == "test":
            return 1
        print(f"catena: {sentence}", file=sys.stderr)
        return EXIT.get(refused.code, 70)
    except FileNotFoundError as error:
        print(f"catena: {error.filename}: no such file", file=sys.stderr)
        return 66
    except (Refusal, Unread, OSError) as fault:
        print(f"catena: {options.namenode}: {fault}", file=sys.stderr)
        return 69


if __name__ == "__main__":
    sys.exit(main())
