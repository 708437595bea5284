"""The heap that each module of the device takes at import, as .mpy on flash."""

from muster import interpreter
from muster.checks import heap
from muster.program import single_files
from tests.bench.common import NONE, Bench, Result, Row, Tell, kb, ratio

NAMES_TABLE = "table of names"

HOW = """\
What `gc.mem_alloc` grows by, collected before and after, when the module is imported from its .mpy on flash:
bytecode, texts, names, functions and classes, and what the module makes for itself. Each comes after the
modules that it imports at its top, so the figure is its own. A name that several modules use counts for the
first. The interpreter's table of names doubles whenever it is full, so what it grows by stands by itself: the
difference to a second run in which it has room from the start. No board has all modules at once: `claim`,
`der`, `x509` and `explain` come when they are needed, and go."""


def measure(bench: Bench, tell: Tell) -> Result:
    """Import all modules of a board, one after the other."""
    title, figure = "Heap by module", "heap of all device modules, for a byte of .mpy"
    reason = interpreter.missing32()
    if reason:
        return Result(title, [Row(figure, NONE, NONE, NONE)], reason, [])
    tell("modules")
    compiled = heap.flash_sizes(single_files(heap.BOARD, selection=heap.EVERYTHING))
    used = heap.by_import(list(compiled), grow=True)
    flash, whole = sum(compiled.values()), sum(heap.by_import(list(compiled), grow=False).values())
    details = [("module", "bytes of .mpy", "bytes of heap")]
    for name in sorted(used, key=lambda name: -used[name]):
        details.append((name, str(compiled[name]), str(used[name])))
    details.append((NAMES_TABLE, NONE, str(whole - sum(used.values()))))
    details.append(("all", str(flash), str(whole)))
    row = Row(figure, f"{ratio(whole, flash)} ({kb(whole)} of {kb(flash)})", NONE, NONE)
    return Result(title, [row], HOW, details)
