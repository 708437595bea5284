"""The size budget: bytes of compiled code, and of heap at import, of each device module.

Flash and heap are what a board has least of. firmware/size_budget.csv holds both; a module that grows is seen
in review, because its line in the table has to change with it.
"""

import argparse
import csv
import sys
from collections.abc import Mapping
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from muster import interpreter, mpy
from muster.checks import heap
from muster.errors import MusterError
from muster.layout import FIRMWARE, LIB
from muster.program import single_files

BUDGET = FIRMWARE / "size_budget.csv"
TOTAL = "total"
FLASH = "max_bytes"  # of the compiled module
HEAP = "max_heap"  # bytes that its import takes, 32 bits
WHAT = {FLASH: "bytes", HEAP: "bytes of heap"}
AIR = 1.1  # room that `--update` leaves
STEP = 16  # bytes; limits are multiples of it


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


def read_budget(path: Path = BUDGET) -> dict[str, dict[str, int]]:
    """{column: {module: limit}} of the table; empty columns when there is none.

    A table that git merged line by line may have its head and some rows twice: the last row counts.
    """
    found: dict[str, dict[str, int]] = {FLASH: {}, HEAP: {}}
    if path.exists():
        with path.open(newline="", encoding="utf-8") as file:
            for module, *limits in csv.reader(file):
                for column, limit in zip(found, limits):  # noqa: B905 (earlier tables have one column)
                    if limit.isdecimal():
                        found[column][module] = int(limit)
    return found


def write_budget(budget: Mapping[str, Mapping[str, int]], path: Path = BUDGET) -> None:
    """Write the table, modules in order and the total last."""
    names = sorted({*budget[FLASH], *budget[HEAP]}, key=lambda name: (name == TOTAL, name))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("module", FLASH, HEAP))
        writer.writerows((name, budget[FLASH].get(name, ""), budget[HEAP].get(name, "")) for name in names)


def with_air(size: int) -> int:
    """The limit that leaves about a tenth above `size` bytes."""
    return -(-int(size * AIR) // STEP) * STEP


def updated(sizes: Mapping[str, int], budget: Mapping[str, int]) -> dict[str, int]:
    """`budget` with rows added, raised where exceeded, and removed where the module is gone."""
    return {
        module: budget[module] if size <= budget.get(module, -1) else with_air(size)
        for module, size in sizes.items()
    }


def breaches(sizes: Mapping[str, int], budget: Mapping[str, int], column: str = FLASH) -> list[str]:
    """One sentence per module that is too large, has no limit in this column, or is gone."""
    found = []
    for module, size in sizes.items():
        if module not in budget:
            found.append(
                f"{module} has no {column} in firmware/{BUDGET.name}: {with_air(size)} would do; "
                "`make size ARGS=--update` adds it"
            )
        elif size > budget[module]:
            found.append(
                f"{module} is {size} {WHAT[column]}, {size - budget[module]} over its budget of "
                f"{budget[module]}: make it smaller, or raise its row and say why"
            )
    gone = (module for module in budget if module not in sizes)
    return found + [
        f"{module} has a {column} in firmware/{BUDGET.name} but is gone: `make size ARGS=--update` removes it"
        for module in gone
    ]


def show(sizes: Mapping[str, Mapping[str, int]], budget: Mapping[str, Mapping[str, int]]) -> None:
    """Print the table; `sizes`: {column: {module: size}}."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("module")
    for column in sizes:
        for heading in (WHAT[column], "budget", "used"):
            table.add_column(heading, justify="right")
    for module in sizes[FLASH]:
        cells = [cell for column in sizes for cell in _cells(sizes[column], budget[column], module)]
        table.add_row(module, *cells)
    Console().print(table)


def _cells(sizes: Mapping[str, int], budget: Mapping[str, int], module: str) -> tuple[str, str, str]:
    size, limit = sizes.get(module), budget.get(module)
    used = f"{100 * size // limit} %" if size is not None and limit else "-"
    return ("-" if size is None else str(size), str(limit or "-"), used)


def _measured() -> dict[str, dict[str, int]]:
    """{column: {module: size}} of all that can be measured here; what cannot is said."""
    sizes = {FLASH: measure()}
    if reason := interpreter.missing32():
        print(f"size: heap is not measured: {reason}", file=sys.stderr)
    else:
        sizes[HEAP] = measure_heap()
    return sizes


def main(arguments: list[str] | None = None) -> int:
    """`python -m muster.checks.size [--update]`; 1 when the budget is exceeded."""
    parser = argparse.ArgumentParser(prog="python -m muster.checks.size", description=__doc__)
    parser.add_argument("--update", action="store_true", help="write missing, exceeded and stale rows")
    options = parser.parse_args(arguments)
    try:
        sizes = _measured()
    except MusterError as error:
        print(f"muster: {error}", file=sys.stderr)
        return error.code
    budget = read_budget()
    if options.update:
        budget.update({column: updated(sizes[column], budget[column]) for column in sizes})
        write_budget(budget)
    show(sizes, budget)
    found = [line for column in sizes for line in breaches(sizes[column], budget[column], column)]
    for sentence in found:
        print(f"size: {sentence}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
