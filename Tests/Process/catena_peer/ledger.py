"""What the cluster acked, written down outside of it, and verified at the end."""

import json
import os

from .crc32c import crc32c


class Ledger:
    """Lines of {key, offset, length, crc, level} in a file that the cluster does not know."""

    def __init__(self, path):
        self.path = path
        self.file = open(path, "a+", encoding="utf-8")

    def acked(self, key, offset, data, level="written"):
        """Called after the ack and before anything else is done with the cluster."""
        line = {"key": key, "offset": offset, "length": len(data), "crc": crc32c(data),
                "level": level}
        self.file.write(json.dumps(line) + "\n")
        self.file.flush()
        os.fsync(self.file.fileno())

    def entries(self):
        self.file.seek(0)
        return [json.loads(line) for line in self.file]

    def verify(self, read):
        """`read(key)` gives the value; returns (entries checked, sentences about what is wrong)."""
        entries, wrong, values = self.entries(), [], {}
        for entry in entries:
            key = entry["key"]
            if key not in values:
                values[key] = read(key)
            part = values[key][entry["offset"] : entry["offset"] + entry["length"]]
            if len(part) != entry["length"] or crc32c(part) != entry["crc"]:
                wrong.append(f"{key} [{entry['offset']}, +{entry['length']}) was acked and differs")
        return len(entries), wrong

    def close(self):
        self.file.close()
