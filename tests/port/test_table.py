"""The database on a real LittleFS under MicroPython: power cuts at every operation, a full flash."""

import pytest

from tests.bench import flash_writes
from tests.port import micro


@pytest.mark.parametrize("bits", micro.BITS)
def test_table(bits: int) -> None:
    micro.run_cases("table_cases", bits, heap="32m")


@pytest.mark.parametrize(
    ("size", "board", "most_bytes", "most_blocks"),
    [(50, "pico_w", 900, 0.4), (50, "esp32", 800, 1.1), (1000, "pico_w", 3600, 1.5)],
)
def test_wear(size: int, board: str, most_bytes: int, most_blocks: float) -> None:
    written = flash_writes.run("table", size, board)
    assert written.programmed < most_bytes and written.erased < most_blocks
    assert written.most < 8, "a call does not hold the loop for long"
