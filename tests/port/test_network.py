"""device.port.network under MicroPython."""

import pytest

from tests.port import micro


@pytest.mark.parametrize("bits", micro.BITS)
def test_network(bits: int) -> None:
    micro.run_cases("network_cases", bits)


@pytest.mark.parametrize("bits", micro.BITS)
def test_lookups_and_time(bits: int) -> None:
    micro.run_cases("lookup_cases", bits)
