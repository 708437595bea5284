"""device.port.board, clock and tls under MicroPython, with hardware of the tests' own."""

import pytest

from tests.port import micro


@pytest.mark.parametrize("bits", micro.BITS)
@pytest.mark.parametrize("name", ["board_cases", "clock_cases", "log_cases", "tls_cases", "unloading_cases"])
def test_board(name: str, bits: int) -> None:
    micro.run_cases(name, bits)
