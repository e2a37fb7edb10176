"""Builds the counting library, and reads what it counts in other processes."""

import bisect
import collections
import dataclasses
import mmap
import pathlib
import shutil
import struct
import subprocess

SOURCE = pathlib.Path(__file__).parent
KINDS = ["allocate", "free", "object", "retain", "release", "access", "copy small", "copy payload"]
PLACES, DEPTH = 1024, 6
MAGIC = 0x31454E4F44455341
_COUNTS = struct.Struct(f"<QQ{len(KINDS)}Q{len(KINDS)}QQ")
_PLACE = struct.Struct(f"<QQQ{DEPTH}Q")


def build(folder):
    """The library, compiled into `folder` by the clang that comes with Swift."""
    library = pathlib.Path(folder) / "counts.so"
    compiler = shutil.which("clang") or shutil.which("gcc")
    if not compiler:
        raise AssertionError("no clang beside swift on the PATH, and no gcc")
    # Without -fno-builtin the compiler makes the loop that stands in for memmove a call of it.
    made = subprocess.run(
        [compiler, "-std=c11", "-O2", "-fno-omit-frame-pointer", "-fno-builtin", "-fPIC", "-shared",
         "-fvisibility=hidden", "-Wall", "-Wextra", "-Werror", "-o", str(library),
         str(SOURCE / "counts.c"), "-ldl"], capture_output=True, text=True, check=False)
    if made.returncode:
        raise AssertionError(made.stderr)
    return library


def environment(library, folder, thread):
    """What a process needs in its environment to count its threads named `thread`..."""
    return {"LD_PRELOAD": str(library), "CATENA_COUNTS": str(folder),
            "CATENA_COUNTS_THREAD": thread}


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """Sums since the process began."""

    threads: int
    count: dict
    bytes: dict
    lost: int
    places: dict  # (kind, callers) -> count

    def since(self, before):
        """What was counted between two snapshots of one process."""
        places = {place: count - before.places.get(place, 0)
                  for place, count in self.places.items()}
        return Snapshot(
            self.threads,
            {kind: self.count[kind] - before.count[kind] for kind in KINDS},
            {kind: self.bytes[kind] - before.bytes[kind] for kind in KINDS},
            self.lost - before.lost, {place: count for place, count in places.items() if count})


class Counts:
    """The counts of one process, while it runs and after it has ended."""

    def __init__(self, folder, pid):
        self.pid = pid
        path = pathlib.Path(folder) / str(pid)
        if not path.exists():
            raise AssertionError(f"process {pid} does not count: was the library loaded?")
        with open(path, "rb") as file:
            self.memory = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
        self.symbols = Symbols(path.with_suffix(".maps"))

    def close(self):
        self.memory.close()

    def snapshot(self):
        words = _COUNTS.unpack_from(self.memory)
        if words[0] != MAGIC:
            raise AssertionError(f"process {self.pid} counts in another layout")
        kinds = len(KINDS)
        places = collections.Counter()
        for number in range(PLACES):
            key, kind, count, *callers = _PLACE.unpack_from(
                self.memory, _COUNTS.size + number * _PLACE.size)
            if key:
                places[KINDS[kind], tuple(callers)] += count
        return Snapshot(
            words[1], dict(zip(KINDS, words[2 : 2 + kinds])),
            dict(zip(KINDS, words[2 + kinds : 2 + 2 * kinds])), words[-1], places)

    def text(self, places, most=4):
        """Where it was done, the most frequent first."""
        lines = []
        for (kind, callers), count in sorted(places.items(), key=lambda item: -item[1])[:most]:
            names = [self.symbols.name(caller) for caller in callers if caller]
            lines.append(f"{count:8} {kind}: " + "\n           <- ".join(names))
        return demangled("\n".join(lines))


class Symbols:
    """Names of a process's addresses, as far as nm(1) knows them."""

    def __init__(self, maps):
        self.maps = []
        with open(maps) as lines:
            for line in lines:
                span, modes, offset, _, _, *path = line.split()
                if "x" in modes and path and path[0].startswith("/"):
                    start, end = (int(word, 16) for word in span.split("-"))
                    self.maps.append((start, end, int(offset, 16), path[0]))
        self.tables = {}

    def name(self, address):
        for start, end, offset, path in self.maps:
            if start <= address < end:
                return self._name(path, address - start + offset)
        return hex(address)

    def _name(self, path, offset):
        if path not in self.tables:
            self.tables[path] = self._table(path)
        addresses, names = self.tables[path]
        at = bisect.bisect_right(addresses, offset) - 1
        if at < 0:
            return f"{pathlib.Path(path).name}+{offset:#x}"
        return names[at]

    @staticmethod
    def _table(path):
        """Sorted offsets of functions in the file, and their names."""
        tool = shutil.which("llvm-nm") or shutil.which("nm")
        if not tool:
            return [], []
        lines, shift = [], 0
        for words in (["-C"], ["-C", "-D"]):
            done = subprocess.run([tool, *words, path], capture_output=True, text=True, check=False)
            lines = [line.split(" ", 2) for line in done.stdout.splitlines()]
            lines = [line for line in lines if len(line) == 3 and line[0] and line[1] in "tTwW"]
            if lines:
                break
        if reader := shutil.which("readelf"):
            done = subprocess.run(
                [reader, "-lW", path], capture_output=True, text=True, check=False)
            loads = [line.split() for line in done.stdout.splitlines() if " R E " in line]
            if loads:
                shift = int(loads[0][2], 16) - int(loads[0][1], 16)
        found = sorted((int(value, 16) - shift, name) for value, _, name in lines)
        return [value for value, _ in found], [name for _, name in found]


def demangled(text):
    """Swift's names as a reader writes them, where the toolchain's program is on the PATH."""
    if not shutil.which("swift-demangle"):
        return text
    return subprocess.run(
        ["swift-demangle", "--simplified"], input=text, capture_output=True, text=True,
        check=True).stdout
