"""device.port.store on a real LittleFS under MicroPython: power cuts at every operation, a full flash."""

import pytest

from tests.port import micro


@pytest.mark.parametrize("bits", micro.BITS)
def test_store(bits: int) -> None:
    micro.run_cases("store_cases", bits, heap="32m")


@pytest.mark.parametrize("bits", micro.BITS)
def test_files_in_pieces(bits: int) -> None:
    micro.run_cases("part_cases", bits, heap="32m")
