"""What a provisioning leaves on the heap: a board just provisioned, beside the same board booted again."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from muster import interpreter
from tests.bench.common import CLOUD, DEVICE, JOB_LIMIT_S, NONE, Bench, Result, Row, Tell, kb
from tests.bench.heap_boards import HIGH_KB, SAYS_ITS_HEAP, Boards, Program
from tests.system import rig

RUNS = 13
CLOSE = 2048  # bytes
GOAL = f"{RUNS} of {RUNS}"
HEAP = re.compile(r"^heap (\d+) \d+ (\d+)$")
NAMES = re.compile(r"n_total_bytes=(\d+)")

HOW = """\
Each run: a fresh board provisions itself, publishes its boot status and says, connected and after a
collection, how much of its heap is in use and how many modules of the package `claim` it still has; then
the same board boots again, with its identity, and says the same. 32 bits, heap of {high} KB, {runs} runs of
each kind: least, median and most. *Names* is what the interpreter's names have grown by (`qstr_info`); it
never lets go of a name that it has met. A run is good when no such module is left and the rest of what is
more is at most {close} KB; less does no harm: the next boot may just be asking for the time when it says so.
MicroPython's collector looks at whole stack frames, also at slots that are no
longer used, so one stale slot can keep all of a module alive: that is why there are so many runs."""


class Said(NamedTuple):
    """What a board said: bytes in use, bytes of names among them, modules of `claim`."""

    in_use: int
    names: int
    modules: int


class Run(NamedTuple):
    """A board that has provisioned, and its next boot."""

    first: Said
    second: Said

    @property
    def more(self) -> int:
        """Bytes that provisioning leaves."""
        return self.first.in_use - self.second.in_use

    @property
    def names(self) -> int:
        """Those of them that are names."""
        return self.first.names - self.second.names

    @property
    def is_good(self) -> bool:
        """Is nothing left but names and some bytes?"""
        return not self.first.modules and self.more - self.names <= CLOSE


def spread(values: Iterable[float]) -> str:
    """Least, median and most of some bytes, in KB."""
    found = sorted(values)
    return " / ".join(kb(value) for value in (found[0], found[len(found) // 2], found[-1]))


def boot(path: Path) -> Said:
    """Boot the board with this image until it has said it."""
    board = rig.board(path, bits=32, heap_kb=HIGH_KB).start()
    try:
        found = HEAP.search(board.wait_for(HEAP, JOB_LIMIT_S))
        names = NAMES.search(board.console)
    finally:
        board.stop()
    assert found and names
    return Said(int(found[1]), int(names[1]), int(found[2]))


def once(boards: Boards, variant: str) -> Run:
    """Provision a fresh board, and boot it again."""
    path = boards.write(Program(variant, variant), SAYS_ITS_HEAP)
    run = Run(boot(path), boot(path))
    path.unlink()
    return run


def measure(bench: Bench, tell: Tell) -> Result:
    """Provision and boot again, many times."""
    title = "What provisioning leaves behind"
    reason = interpreter.missing32()
    names = {CLOUD: "cloud's key", DEVICE: "own key"}
    if reason:
        return Result(title, [_row(name, NONE) for name in names.values()], reason, [])
    boards = Boards(bench)
    rows = []
    headings = ("in use after provisioning", "after the next boot", "more", "names")
    details: list[Sequence[str]] = [("kind", "modules left", *headings, "good")]
    for variant, name in names.items():
        runs = []
        for number in range(RUNS):
            tell(f"unloading, {name}: {number + 1} of {RUNS}")
            runs.append(once(boards, variant))
        good = f"{sum(run.is_good for run in runs)} of {RUNS}"
        columns = (
            (run.first.in_use for run in runs),
            (run.second.in_use for run in runs),
            (run.more for run in runs),
            (run.names for run in runs),
        )
        most = max(run.first.modules for run in runs)
        details.append((name, str(most), *map(spread, columns), good))
        rows.append(_row(name, good))
    how = HOW.format(high=HIGH_KB, runs=RUNS, close=CLOSE // 1024)
    return Result(title, rows, how, details)


def _row(name: str, ours: str) -> Row:
    return Row(f"provisionings that leave nothing on the heap ({name})", ours, NONE, NONE, GOAL)
