"""What the program takes of each board, in its own build profile: bytes on the flash, and heap at import.

The limits of the modules (size.py) say what has grown; these say what that means for a board. All modules of
an image are never in memory at once, so the heap is a measure of the code, not of a running board.
"""

from concurrent.futures import ThreadPoolExecutor

from muster.boards import flashed, profile
from muster.checks import heap
from muster.checks.budget import Budget
from muster.layout import FIRMWARE
from muster.program import code_files, single_files

BUDGET = Budget(FIRMWARE / "board_budget.csv", "board", 1.02)


def _rows() -> dict[str, str]:
    """{row: board} of every board with a flash of its own."""
    return {f"{name} {profile(name).build}": name for name in flashed()}


def measure() -> dict[str, int]:
    """{row: bytes of all files of the program, as `muster image` writes them}."""
    return {row: sum(map(len, code_files(name).values())) for row, name in _rows().items()}


def measure_heap() -> dict[str, int]:
    """{row: bytes of heap that the import of all modules takes}. Needs the 32-bit interpreter."""
    rows = _rows()
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(rows, pool.map(_heap_of, rows.values()), strict=True))


def _heap_of(name: str) -> int:
    names = [module for module in heap.flash_sizes(single_files(name)) if module != "pack"]
    return sum(heap.by_import(names, grow=True, board_name=name).values())
