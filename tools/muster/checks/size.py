"""The size budget: bytes of compiled code for each device module, held by firmware/size_budget.csv.

Flash and, on import, heap are what a board has least of; a module that grows is seen in review,
because its line in the table has to change with it.
"""

import argparse
import csv
import sys
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from muster import mpy
from muster.errors import MusterError
from muster.layout import FIRMWARE, LIB

BUDGET = FIRMWARE / "size_budget.csv"
TOTAL = "total"
AIR = 1.1  # room that `--update` leaves
STEP = 16  # bytes; limits are multiples of it


def measure(lib: Path = LIB) -> dict[str, int]:
    """{module: bytes of its .mpy, as on a board} of the files below `lib`, and their sum as "total"."""
    texts = {path.relative_to(lib).as_posix(): path.read_text() for path in sorted(lib.rglob("*.py"))}
    compiled = mpy.compile_all(mpy.device_sources(texts))
    sizes = {name.removesuffix(".mpy"): len(data) for name, data in compiled.items()}
    return {**sizes, TOTAL: sum(sizes.values())}


def read_budget(path: Path = BUDGET) -> dict[str, int]:
    """{module: most bytes} of the table; empty when there is none."""
    if not path.exists():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        return {row["module"]: int(row["max_bytes"]) for row in csv.DictReader(file)}


def write_budget(budget: dict[str, int], path: Path = BUDGET) -> None:
    """Write the table, modules in order and the total last."""
    rows = sorted(budget.items(), key=lambda row: (row[0] == TOTAL, row[0]))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([("module", "max_bytes"), *rows])


def with_air(size: int) -> int:
    """The limit that leaves about a tenth above `size` bytes."""
    return -(-int(size * AIR) // STEP) * STEP


def updated(sizes: dict[str, int], budget: dict[str, int]) -> dict[str, int]:
    """`budget` with rows added, raised where exceeded, and removed where the module is gone."""
    return {
        module: budget[module] if size <= budget.get(module, -1) else with_air(size)
        for module, size in sizes.items()
    }


def breaches(sizes: dict[str, int], budget: dict[str, int]) -> list[str]:
    """One sentence per module that is too large, has no row, or is gone."""
    found = []
    for module, size in sizes.items():
        if module not in budget:
            found.append(f"{module} has no row: add `{module},{with_air(size)}` to firmware/{BUDGET.name}")
        elif size > budget[module]:
            found.append(
                f"{module} is {size} bytes, {size - budget[module]} over its budget of {budget[module]}: "
                "make it smaller, or raise its row and say why"
            )
    gone = (module for module in budget if module not in sizes)
    return found + [f"{module} is gone: remove its row from firmware/{BUDGET.name}" for module in gone]


def show(sizes: dict[str, int], budget: dict[str, int]) -> None:
    """Print the table."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("module")
    for heading in ("bytes", "budget", "used"):
        table.add_column(heading, justify="right")
    for module, size in sizes.items():
        limit = budget.get(module)
        table.add_row(module, str(size), str(limit or "-"), f"{100 * size // limit} %" if limit else "-")
    Console().print(table)


def main(arguments: list[str] | None = None) -> int:
    """`python -m muster.checks.size [--update]`; 1 when the budget is exceeded."""
    parser = argparse.ArgumentParser(prog="python -m muster.checks.size", description=__doc__)
    parser.add_argument("--update", action="store_true", help="write missing, exceeded and stale rows")
    options = parser.parse_args(arguments)
    try:
        sizes = measure()
    except MusterError as error:
        print(f"muster: {error}", file=sys.stderr)
        return error.code
    budget = read_budget()
    if options.update:
        budget = updated(sizes, budget)
        write_budget(budget)
    show(sizes, budget)
    found = breaches(sizes, budget)
    for sentence in found:
        print(f"size: {sentence}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
