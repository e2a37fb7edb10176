#!/usr/bin/env python3
"""Kills a cluster under load, over and over, and reads back what it acked (for `dev/crash`)."""

import argparse
import json
import os
import pathlib
import random
import signal
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "Tests" / "Process"))

from catena_peer.campaign.campaign import Campaign, Failed  # noqa: E402
from catena_peer.campaign.power import PowerCampaign  # noqa: E402
from catena_peer.cluster import NotReady  # noqa: E402


def say(text):
    print(text, file=sys.stderr, flush=True)


def table(summary):
    """The summary for people."""
    rows = [("seed", summary["seed"]), ("cycles", summary["cycles"]),
            ("seconds a cycle", round(summary["seconds"] / max(1, summary["cycles"]), 2))]
    rows += [(f"killed: {name}", count) for name, count in summary["kills"].items()]
    rows += [("  of these at named points", sum(summary["points"].values()))]
    rows += [(f"puts acked {level}", count) for level, count in summary["acked"].items()]
    rows += [("bytes acked", summary["bytes_acked"]), ("values read back", summary["values_read"]),
             ("bytes read back", summary["bytes_read"]),
             ("acked durable, lost (bytes)", summary["lost_durable_bytes"]),
             ("acked otherwise, lost (bytes)", summary["lost_bytes"]),
             ("values gone that were not promised", summary["not_promised"]),
             ("wrong bytes", summary["wrong_bytes"]), ("keys in between", summary["in_between"]),
             ("bad replicas", summary["bad_replicas"])]
    width = max(len(name) for name, _ in rows)
    grouped = {name: f"{value:,}" if name != "seed" else value for name, value in rows}
    return "\n".join(f"{name.ljust(width)}  {value:>14}" for name, value in grouped.items())


def main():
    parser = argparse.ArgumentParser(prog="dev/crash", description=__doc__.splitlines()[0])
    parser.add_argument("--cycles", type=int, default=20)
    parser.add_argument("--first", type=int, default=1, help="the first cycle's number")
    parser.add_argument("--seed", type=int, default=0, help="repeats a run's plan; 0 draws one")
    parser.add_argument("--dir", help="below which the cluster's directory is made")
    parser.add_argument("--power", action="store_true", help="cut the power of machines")
    parser.add_argument("--json", action="store_true")
    words = parser.parse_args()
    # By way of the campaign's end, which unmounts and ends what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    seed = words.seed or random.SystemRandom().getrandbits(32)
    say(f"seed {seed}")
    if words.dir:
        os.makedirs(words.dir, exist_ok=True)
        tempfile.tempdir = words.dir
    campaign = (PowerCampaign if words.power else Campaign)(seed, say=say)
    try:
        with campaign:
            for number in range(words.first, words.first + words.cycles):
                campaign.run(number)
                if not campaign.findings.is_clean:
                    break
    except unittest.SkipTest as why:
        say(f"dev/crash: {why}")
        return 77
    except (Failed, NotReady) as failure:
        campaign.findings.say(str(failure))
    summary = campaign.summary()
    if words.json:
        print(json.dumps(summary))
    else:
        print(table(summary))
    for sentence in summary["findings"]:
        say(f"FOUND: {sentence}")
    if summary["findings"]:
        say(f"logs and ledgers: {campaign.folder}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
