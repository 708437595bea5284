"""What a provisioning leaves on the heap: a board just provisioned, beside the same board booted again."""

from collections.abc import Iterable

from muster import interpreter
from tests.bench.common import CLOUD, DEVICE, NONE, Bench, Result, Row, Tell, kb
from tests.bench.heap_boards import HIGH_KB, SAYS_ITS_HEAP, Boards, Program, said

RUNS = 13
CLOSE = 2048  # bytes
GOAL = f"{RUNS} of {RUNS}"

HOW = """\
Each run: a fresh board provisions itself, publishes its boot status and says, connected and after a
collection, how much of its heap is in use and how many modules of the package `claim` it still has; then
the same board boots again, with its identity, and says the same. 32 bits, heap of {high} KB, {runs} runs of
each kind, least, median and most. A run is good when no such module is left and the two figures are within
{close} KB. MicroPython's collector looks at whole stack frames, also at slots that are no longer used, so
that one stale slot can keep all of a module alive: that is why there are so many runs."""


def spread(values: Iterable[float]) -> str:
    """Least, median and most of some bytes, in KB."""
    found = sorted(values)
    return " / ".join(kb(value) for value in (found[0], found[len(found) // 2], found[-1]))


def once(boards: Boards, variant: str) -> tuple[int, int, int]:
    """Bytes in use after provisioning and after the next boot, and modules of `claim` after the first."""
    path = boards.write(Program(variant, variant), SAYS_ITS_HEAP)
    first, second = (said(path, "heap ") for _ in range(2))
    path.unlink()
    return int(first[1]), int(second[1]), int(first[3])


def measure(bench: Bench, tell: Tell) -> Result:
    """Provision and boot again, many times."""
    title = "What provisioning leaves behind"
    reason = interpreter.missing32()
    names = {CLOUD: "cloud's key", DEVICE: "own key"}
    if reason:
        return Result(title, [_row(name, NONE) for name in names.values()], reason, [])
    boards = Boards(bench)
    rows = []
    details = [("kind", "modules left", "in use after provisioning", "after the next boot", "more", "good")]
    for variant, name in names.items():
        runs = []
        for number in range(RUNS):
            tell(f"unloading, {name}: {number + 1} of {RUNS}")
            runs.append(once(boards, variant))
        good = sum(not left and abs(first - second) <= CLOSE for first, second, left in runs)
        most = max(left for _, _, left in runs)
        differences = spread(first - second for first, second, _ in runs)
        first, second = spread(run[0] for run in runs), spread(run[1] for run in runs)
        details.append((name, str(most), first, second, differences, f"{good} of {RUNS}"))
        rows.append(_row(name, f"{good} of {RUNS}"))
    how = HOW.format(high=HIGH_KB, runs=RUNS, close=CLOSE // 1024)
    return Result(title, rows, how, details)


def _row(name: str, ours: str) -> Row:
    return Row(f"provisionings that leave nothing on the heap ({name})", ours, NONE, NONE, GOAL)
