"""The publish queue on a real LittleFS under MicroPython: power cuts at every operation."""

import pytest

from tests.port import micro


@pytest.mark.parametrize("bits", micro.BITS)
def test_queue(bits: int) -> None:
    micro.run_cases("queue_cases", bits, heap="32m")
