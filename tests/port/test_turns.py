"""Turns for TLS connections under MicroPython."""

import pytest

from tests.port import micro


@pytest.mark.parametrize("bits", micro.BITS)
def test_turns(bits: int) -> None:
    micro.run_cases("turns_cases", bits)
