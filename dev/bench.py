#!/usr/bin/env python3
"""Runs the roof and Catena in turn and compares them. `dev/bench` starts it and gives it a cluster.

Every measure is a number of pairs; which of the two goes first alternates, so that a machine that
gets slower or faster favours neither. A pair's ratio is Catena's figure over the roof's. The medians
are of the pairs; the smallest and largest ratio say how far the machine can be trusted.
"""

import argparse
import datetime
import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys

SEED = 1
PINGS = 5000
RUN_SECONDS = 600  # no run takes that long on a machine that works


class Failed(Exception):
    """A run that did not do its work, in a sentence."""


def run(command):
    """The JSON object on the last line that `command` printed."""
    # In this process's group: a Ctrl-C at the terminal reaches the runs too.
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    try:
        output, _ = child.communicate(timeout=RUN_SECONDS)
    except BaseException:
        child.kill()
        child.wait()
        raise
    words = " ".join(command)
    lines = output.strip().splitlines()
    # A program that fails with --json may say why on this line.
    result = json.loads(lines[-1]) if lines and lines[-1].startswith("{") else {}
    why = "; ".join(reason["message"] for reason in result.get("reasons", []))
    if child.returncode:
        raise Failed(f"{words}: exit code {child.returncode} {why}")
    if not result:
        raise Failed(f"{words}: no result")
    if result.get("failed"):
        raise Failed(f"{words}: {result['failed']} operations failed {why}")
    return result


class Measure:
    """One of write, read and ping: how both programs are asked for it, and which figure counts."""

    def __init__(self, name, arguments):
        self.name = name
        self.figure, self.unit = ("p50_us", "us") if name == "ping" else ("GB_per_s", "GB/s")
        self.roof = [arguments.roof, name, "--dir", arguments.dir, "--json"]
        verb = {"write": "put", "read": "get", "ping": "ping"}[name]
        self.catena = [arguments.load, verb, "--json"]
        if name != "read":
            level = arguments.durability if name == "write" else "written"
            self.catena += ["--durability", level]
        if name == "ping":
            self.roof += ["--count", str(PINGS)]
            self.catena += ["--packet", "4KiB", "--count", str(PINGS)]
        else:
            self.roof += ["--mib", str(arguments.mib)]
            self.catena += ["--size", f"{arguments.mib}MiB", "--count", "1"]
        if name == "read":
            # Every chunk is checked against its CRC in any case. What is left away is the load
            # generator's own comparison with what it wrote.
            self.catena.append("--no-verify")
        # The seed makes the key: each write replaces the value before, and reads read that.
        self.catena += ["--seed", str(SEED)]
        self.pairs = []

    def take(self, index):
        """One pair: Catena's result and the roof's."""
        if index % 2:
            roof, catena = run(self.roof), run(self.catena)
        else:
            catena, roof = run(self.catena), run(self.roof)
        self.pairs.append((catena, roof))

    def row(self):
        """The measure's line, by the names that scripts read."""
        ratios = [catena[self.figure] / roof[self.figure] for catena, roof in self.pairs]
        row = {
            "name": self.name,
            "unit": self.unit,
            "catena": statistics.median(catena[self.figure] for catena, _ in self.pairs),
            "roof": statistics.median(roof[self.figure] for _, roof in self.pairs),
            "ratio_median": statistics.median(ratios),
            "ratio_min": min(ratios),
            "ratio_max": max(ratios),
            "cpu_catena": None,
            "cpu_roof": None,
            "cpu_ratio_median": None,
            "pairs": [[catena[self.figure], roof[self.figure]] for catena, roof in self.pairs],
        }
        if self.name != "ping":
            cpu = [(catena["cpu_s_per_GB"], roof["cpu_s_per_GB"]) for catena, roof in self.pairs]
            row["cpu_catena"] = statistics.median(catena for catena, _ in cpu)
            row["cpu_roof"] = statistics.median(roof for _, roof in cpu)
            row["cpu_ratio_median"] = statistics.median(catena / roof for catena, roof in cpu)
        return row


def machine(folder):
    """What the figures are of, in words, without the host's name."""
    model, virtual = "unknown CPU", ""
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            model = value.strip()
        if name.strip() == "flags" and "hypervisor" in value.split():
            virtual = ", virtual"
    cores = len(os.sched_getaffinity(0))
    kernel = os.uname().release.split("-")[0]
    return f"{cores} x {model}{virtual}, Linux {kernel}, {file_system(folder)}"


def file_system(folder):
    number = os.stat(folder).st_dev
    device = f"{os.major(number)}:{os.minor(number)}"
    for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
        fields = line.split()
        if fields[2] == device:
            return fields[fields.index("-") + 1]
    return "unknown file system"


def record(rows, arguments, begun):
    """Appends the run's rows, each with what makes its figures comparable, in one write."""
    head = {
        "date": begun.strftime("%Y-%m-%d"),
        "run": begun.strftime("%Y%m%dT%H%M%SZ"),
        "commit": arguments.commit or None,
        "machine": machine(arguments.dir),
        "command": arguments.command,
    }
    lines = "".join(json.dumps({**head, **row, "note": None}) + "\n" for row in rows)
    path = pathlib.Path(arguments.record)
    path.parent.mkdir(exist_ok=True)
    with path.open("a") as results:
        results.write(lines)


def warm_up(measures):
    """Nothing is done for the first time while it is measured, and every file was written."""
    write, read, ping = measures["write"], measures["read"], measures["ping"]
    for _ in range(3):
        run(write.roof)
        run(write.catena)
    for measure in (read, ping):
        run(measure.roof)
        run(measure.catena)


def text(value, digits):
    return "" if value is None else f"{value:.{digits}f}"


def table(rows):
    heads = ["measure", "Catena", "roof", "unit", "ratio", "least", "most",
             "CPU s/GB", "roof's", "CPU ratio"]
    lines = [heads]
    for row in rows:
        digits = 1 if row["unit"] == "us" else 3
        lines.append([
            row["name"], text(row["catena"], digits), text(row["roof"], digits), row["unit"],
            text(row["ratio_median"], 3), text(row["ratio_min"], 3), text(row["ratio_max"], 3),
            text(row["cpu_catena"], 3), text(row["cpu_roof"], 3), text(row["cpu_ratio_median"], 3)])
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    return "\n".join(
        "  ".join(cell.ljust(width) if column == 0 else cell.rjust(width)
                  for column, (cell, width) in enumerate(zip(line, widths))).rstrip()
        for line in lines)


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--roof", required=True, help="the program catena-roof")
    parser.add_argument("--load", required=True, help="the program catena-load")
    parser.add_argument("--dir", required=True, help="where the roof's files go")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--only", default="write,read,ping")
    parser.add_argument("--durability", choices=("written", "durable"), default="written")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--record", help="the file that the run is appended to")
    parser.add_argument("--command", help="what the user typed, for the record")
    parser.add_argument("--commit", help="what the programs were built from, for the record")
    return parser.parse_args()


def main():
    arguments = parse()
    begun = datetime.datetime.now(datetime.timezone.utc)
    measures = {name: Measure(name, arguments) for name in ("write", "read", "ping")}
    rows = []
    try:
        print("warming up", file=sys.stderr)
        warm_up(measures)
        for name in arguments.only.split(","):
            measure = measures[name]
            for index in range(arguments.pairs):
                measure.take(index)
                catena, roof = (result[measure.figure] for result in measure.pairs[-1])
                print(f"{name} {index + 1} of {arguments.pairs}: Catena {catena:.3f}, "
                      f"roof {roof:.3f} {measure.unit}", file=sys.stderr)
            rows.append(measure.row())
            if arguments.json:
                print(json.dumps(rows[-1]), flush=True)
        if arguments.record:
            record(rows, arguments, begun)
    except (Failed, OSError, ValueError, KeyError, ZeroDivisionError, subprocess.TimeoutExpired) as failure:
        print(f"dev/bench: {type(failure).__name__}: {failure}", file=sys.stderr)
        return 1
    if not arguments.json:
        print(table(rows))
    return 0


if __name__ == "__main__":
    # A request to end becomes an exception, so that the run in hand ends too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
