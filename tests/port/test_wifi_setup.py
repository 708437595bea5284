"""device.runtime.wifi_setup on a real LittleFS under MicroPython: power cuts at every operation."""

import pytest

from tests.port import micro


@pytest.mark.parametrize("bits", micro.BITS)
def test_wifi_setup(bits: int) -> None:
    micro.run_cases("wifi_setup_cases", bits, heap="32m")
