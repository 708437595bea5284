"""The size budgets: of each device module (firmware/size_budget.csv), and of each board (board_size.py).

Flash and heap are what a board has least of: bytes of compiled code, and of heap at import.
"""

import argparse
import sys
from pathlib import Path

from muster import interpreter, mpy
from muster.checks import board_size, heap
from muster.checks.budget import FLASH, HEAP, TOTAL, Budget
from muster.errors import MusterError
from muster.layout import FIRMWARE, LIB
from muster.program import single_files

BUDGET = Budget(FIRMWARE / "size_budget.csv", "module", 1.1)


def measure(lib: Path = LIB) -> dict[str, int]:
    """{module: bytes of its .mpy, as on a board} of the files below `lib`, and their sum as "total"."""
    texts = {path.relative_to(lib).as_posix(): path.read_text() for path in sorted(lib.rglob("*.py"))}
    compiled = mpy.compile_all(mpy.device_sources(texts))
    sizes = {name.removesuffix(".mpy"): len(data) for name, data in compiled.items()}
    return {**sizes, TOTAL: sum(sizes.values())}


def measure_heap() -> dict[str, int]:
    """{module: bytes of heap that its import takes} of those in an image with everything, and "total".

    Needs the 32-bit interpreter. Left out are packages that only make their folder one, because they are in
    no image, and pack, by which all others are imported.
    """
    names = heap.flash_sizes(single_files(heap.BOARD, selection=heap.EVERYTHING))
    found = heap.by_import(list(names), grow=True)
    sizes = {name.replace(".", "/"): size for name, size in found.items() if _is_ours(name)}
    return {**dict(sorted(sizes.items())), TOTAL: sum(sizes.values())}


def _is_ours(name: str) -> bool:
    return name != "pack" and (LIB / f"{name.replace('.', '/')}.py").exists()


def _measured() -> list[tuple[Budget, dict[str, dict[str, int]]]]:
    """[(budget, {column: {row: size}})] of all that can be measured here; what cannot is said."""
    modules, boards = {FLASH: measure()}, {FLASH: board_size.measure()}
    if reason := interpreter.missing32():
        print(f"size: heap is not measured: {reason}", file=sys.stderr)
    else:
        modules[HEAP], boards[HEAP] = measure_heap(), board_size.measure_heap()
    return [(BUDGET, modules), (board_size.BUDGET, boards)]


def main(arguments: list[str] | None = None) -> int:
    """`python -m muster.checks.size [--update]`; 1 when a budget is exceeded."""
    parser = argparse.ArgumentParser(prog="python -m muster.checks.size", description=__doc__)
    parser.add_argument("--update", action="store_true", help="write missing, exceeded and stale rows")
    options = parser.parse_args(arguments)
    try:
        found = [line for budget, sizes in _measured() for line in budget.check(sizes, update=options.update)]
    except MusterError as error:
        print(f"muster: {error}", file=sys.stderr)
        return error.code
    for sentence in found:
        print(f"size: {sentence}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
