"""The database on a real LittleFS under MicroPython: power cuts at every operation, a full flash."""

import pytest

from tests.port import micro


@pytest.mark.parametrize("bits", micro.BITS)
def test_table(bits: int) -> None:
    micro.run_cases("table_cases", bits, heap="32m")
