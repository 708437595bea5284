"""What this tier needs. A test file imports it first, and skips, saying why, where something is missing."""

import importlib.util
import os
from pathlib import Path

import pytest

_HOW = "MUSTER_UF2=/path/RPI_PICO_W-....uf2 make test-firmware"

_named = os.environ.get("MUSTER_UF2", "")
if not _named:
    pytest.skip(
        "the image was not run on real Pico W firmware, because that takes minutes and a firmware file that "
        f"Muster does not bring: get one from micropython.org, then {_HOW}",
        allow_module_level=True,
    )
if importlib.util.find_spec("rp2040py") is None:
    pytest.skip(
        "the image was not run on real Pico W firmware, because the emulator rp2040py is not installed: "
        f"`make test-firmware` brings it along ({_HOW})",
        allow_module_level=True,
    )

FIRMWARE = Path(_named).resolve()
if not FIRMWARE.is_file():
    pytest.fail(f"MUSTER_UF2 names {_named}, and no file is there: correct the path", pytrace=False)
