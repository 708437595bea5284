"""A budget: a table of limits in firmware/, and what is measured against it.

A row limits bytes on the flash and bytes of heap. What grows is seen in review, because its row has to change
with it.
"""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from rich import box
from rich.console import Console
from rich.table import Table

TOTAL = "total"
FLASH = "max_bytes"
HEAP = "max_heap"  # at import, 32 bits
WHAT = {FLASH: "bytes", HEAP: "bytes of heap"}
STEP = 16  # bytes; limits are multiples of it

Sizes = Mapping[str, Mapping[str, int]]  # {column: {row: bytes}}


class Budget(NamedTuple):
    """`path` of the table; `row`: what a row is about; `air`: the factor of room that `--update` leaves."""

    path: Path
    row: str
    air: float

    def read(self) -> dict[str, dict[str, int]]:
        """{column: {row: limit}} of the table; empty columns when there is none.

        A table that git merged line by line may have its head and some rows twice: the last row counts.
        """
        found: dict[str, dict[str, int]] = {FLASH: {}, HEAP: {}}
        if self.path.exists():
            with self.path.open(newline="", encoding="utf-8") as file:
                for name, *limits in csv.reader(file):
                    for column, limit in zip(found, limits):  # noqa: B905 (earlier tables have one column)
                        if limit.isdecimal():
                            found[column][name] = int(limit)
        return found

    def write(self, limits: Sizes) -> None:
        """Write the table, rows in order and the total last."""
        names = sorted({*limits[FLASH], *limits[HEAP]}, key=lambda name: (name == TOTAL, name))
        with self.path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow((self.row, FLASH, HEAP))
            writer.writerows(
                (name, limits[FLASH].get(name, ""), limits[HEAP].get(name, "")) for name in names
            )

    def with_air(self, size: int) -> int:
        """The limit that leaves some room above `size` bytes."""
        return -(-int(size * self.air) // STEP) * STEP

    def updated(self, sizes: Mapping[str, int], limits: Mapping[str, int]) -> dict[str, int]:
        """`limits` with rows added, raised where exceeded, and removed where what they limit is gone."""
        return {
            name: limits[name] if size <= limits.get(name, -1) else self.with_air(size)
            for name, size in sizes.items()
        }

    def breaches(self, sizes: Mapping[str, int], limits: Mapping[str, int], column: str = FLASH) -> list[str]:
        """One sentence per row that is exceeded, has no limit in this column, or is of what is gone."""
        found = []
        for name, size in sizes.items():
            if name not in limits:
                found.append(
                    f"{name} has no {column} in firmware/{self.path.name}: {self.with_air(size)} would do; "
                    "`make size ARGS=--update` adds it"
                )
            elif size > limits[name]:
                found.append(
                    f"{name} is {size} {WHAT[column]}, {size - limits[name]} over its budget of "
                    f"{limits[name]}: make it smaller, or raise its row and say why"
                )
        gone = (name for name in limits if name not in sizes)
        return found + [
            f"{name} has a {column} in firmware/{self.path.name} but is gone: "
            "`make size ARGS=--update` removes it"
            for name in gone
        ]

    def show(self, sizes: Sizes, limits: Sizes) -> None:
        """Print the table with what was measured."""
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
        table.add_column(self.row)
        for column in sizes:
            for heading in (WHAT[column], "budget", "used"):
                table.add_column(heading, justify="right")
        for name in sizes[FLASH]:
            cells = [cell for column in sizes for cell in _cells(sizes[column], limits[column], name)]
            table.add_row(name, *cells)
        Console().print(table)

    def check(self, sizes: Sizes, *, update: bool) -> list[str]:
        """Show the table, written first if `update`; the sentences of `breaches` of all columns."""
        limits = self.read()
        if update:
            limits.update({column: self.updated(sizes[column], limits[column]) for column in sizes})
            self.write(limits)
        self.show(sizes, limits)
        return [line for column in sizes for line in self.breaches(sizes[column], limits[column], column)]


def _cells(sizes: Mapping[str, int], limits: Mapping[str, int], name: str) -> tuple[str, str, str]:
    size, limit = sizes.get(name), limits.get(name)
    used = f"{100 * size // limit} %" if size is not None and limit else "-"
    return ("-" if size is None else str(size), str(limit or "-"), used)
