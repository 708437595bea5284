"""device.port.mqtt over a line in memory, under MicroPython: cases that a network makes too seldom."""

import pytest

from tests.port import micro


@pytest.mark.parametrize("bits", micro.BITS)
def test_connection(bits: int) -> None:
    micro.run_cases("connection_cases", bits)


@pytest.mark.parametrize("bits", micro.BITS)
def test_connecting(bits: int) -> None:
    micro.run_cases("connect_cases", bits)


@pytest.mark.parametrize("bits", micro.BITS)
def test_failures(bits: int) -> None:
    micro.run_cases("causes_cases", bits)
