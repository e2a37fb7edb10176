"""The ack ledger: lines in a file that the cluster does not know, and what follows from them.

One JSON object a line, written (write(2), so that a killed client loses none) before the client
does anything else. `t` is the monotonic clock in nanoseconds.

Beside t, event and key:

  begin     before CREATE: version, size, level
  ack       a datanode acked part of a block: version, block, offset, received, written, durable
  block     the chain sealed a block: version, block, offset, length, crc, level
  closing   before CLOSE is sent; from here on the new value may appear: version
  closed    CLOSE was answered, so the value must be there: version
  failed    the put ended and cannot appear any more: version, why
  deleting  before DELETE
  deleted   after it
  missing   DELETE said that there is no such key
  kept      DELETE was refused: why
  read      the value was read whole: version, null when the key was not found
  wrong     what was read cannot be: why
"""

import json
import os
import time


class Journal:
    """Appends lines; at most one process has the file open for it."""

    def __init__(self, path):
        self.path = path
        self.file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        # A killed writer may have left half a line; it had said nothing yet.
        with open(path, "rb") as old:
            old.seek(0, os.SEEK_END)
            if old.tell():
                old.seek(-1, os.SEEK_END)
                if old.read(1) != b"\n":
                    os.write(self.file, b"\n")

    def add(self, event, key, **fields):
        line = {"t": time.monotonic_ns(), "event": event, "key": key, **fields}
        os.write(self.file, json.dumps(line).encode() + b"\n")
        return line


class KeyState:
    """What may be read of one key. `None` stands for "there is no such key"."""

    def __init__(self):
        self.possible = {None}
        self.sizes = {}  # version -> (size, level)
        self.before = self.possible  # before the DELETE that is under way

    def note(self, line):
        """Takes one line in; gives a sentence when the line itself says that something is wrong."""
        event, version = line["event"], line.get("version")
        if event == "begin":
            self.sizes[version] = (line["size"], line["level"])
        elif event == "closing":
            self.possible = self.possible | {version}
        elif event == "closed":
            self.possible = {version}
        elif event == "failed":
            self.possible = self.possible - {version}
        elif event == "deleting":
            self.before = self.possible
            self.possible = self.possible | {None}
        elif event == "deleted":
            self.possible = {None}
        elif event == "missing":
            self.possible = self.before
            return self.saw(None)
        elif event == "kept":
            self.possible = self.before
        elif event == "read":
            return self.saw(version)
        elif event == "wrong":
            return line["why"]
        return None

    def saw(self, version):
        """A reader saw this version; a sentence when it cannot be."""
        if version in self.possible:
            self.possible = {version}
            return None
        return f"version {version} was read, and it can only be {self.names()}"

    def names(self):
        return " or ".join(
            "absent" if one is None else f"version {one} ({self.sizes[one][1]})"
            for one in sorted(self.possible, key=lambda one: -1 if one is None else one))


class Ledger:
    """The states of all keys of one or several journals, read on as they grow."""

    def __init__(self):
        self.keys = {}
        self.places = {}  # path -> bytes read
        self.changed = set()
        self.wrong = []
        self.counts = {}
        self.acked_bytes = 0

    def state(self, key):
        return self.keys.setdefault(key, KeyState())

    def take(self, line):
        key = line["key"]
        self.counts[line["event"]] = self.counts.get(line["event"], 0) + 1
        state = self.state(key)
        if line["event"] == "closed":
            size, level = state.sizes[line["version"]]
            name = f"acked {level}"
            self.counts[name] = self.counts.get(name, 0) + 1
            self.acked_bytes += size
        sentence = state.note(line)
        if sentence:
            self.wrong.append(f"{key}: {sentence} (t={line['t']})")
        if line["event"] not in ("read", "ack"):
            self.changed.add(key)

    def follow(self, path):
        """Takes in what was written since the last time."""
        with open(path, "rb") as file:
            file.seek(self.places.get(path, 0))
            data = file.read()
        whole = data.rfind(b"\n") + 1
        self.places[path] = self.places.get(path, 0) + whole
        for text in data[:whole].splitlines():
            try:
                line = json.loads(text)
            except ValueError:
                continue  # half a line of a client that was killed while it wrote
            self.take(line)

    def take_changed(self):
        changed, self.changed = self.changed, set()
        return changed
