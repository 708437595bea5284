"""A tree that looks like MicroPython's source, with its own manifestfile.py, built without a compiler.

The build behaves as MicroPython's does: it evaluates the manifest in a new build folder only, and what it
makes looks like a firmware with the frozen modules in it.
"""

import os
import shutil
import sys
from pathlib import Path

import pytest

from muster.layout import BUILD

MANIFESTFILE = BUILD / "micropython-tools" / "stubber" / "tools" / "manifestfile.py"
needs_manifestfile = pytest.mark.skipif(
    not MANIFESTFILE.exists(),
    reason="MicroPython's own manifestfile.py did not evaluate our manifests: `make manifestfile` fetches it",
)

_SUBMODULES = ("pico-sdk", "mbedtls", "tinyusb", "lwip", "cyw43-driver", "btstack", "berkeley-db-1.xx")
_LIBRARY = "lib/micropython-lib/micropython"
_FILES = {
    "ports/rp2/boards/manifest.py": 'freeze("$(PORT_DIR)/modules")\n',
    "ports/rp2/modules/_boot.py": "",
    "ports/rp2/boards/RPI_PICO_W/manifest.py": (
        'include("$(PORT_DIR)/boards/manifest.py")\nrequire("bundle-networking")\n'
    ),
    "ports/rp2/boards/RPI_PICO2_W/mpconfigboard.h": "",  # without a manifest: the port's has no ntptime
    "ports/esp32/boards/manifest.py": 'require("bundle-networking")\nrequire("umqtt.simple")\n',
    "ports/esp32/boards/ESP32_GENERIC/mpconfigboard.h": "",
    "ports/esp32/boards/ESP32_GENERIC_C3/mpconfigboard.h": "",
    "ports/esp32/boards/ESP32_GENERIC_S3/mpconfigboard.h": "",
    f"{_LIBRARY}/bundles/bundle-networking/manifest.py": 'metadata(version="1")\nrequire("ntptime")\n',
    f"{_LIBRARY}/net/ntptime/manifest.py": 'metadata(version="1")\nmodule("ntptime.py", opt=3)\n',
    f"{_LIBRARY}/net/ntptime/ntptime.py": "",
    f"{_LIBRARY}/net/umqtt.simple/manifest.py": 'metadata(version="1.8.0")\npackage("umqtt")\n',
    f"{_LIBRARY}/net/umqtt.simple/umqtt/simple.py": "",
    **{f"lib/{name}/README.md": "" for name in _SUBMODULES},
}
_CONFIG = """\
#define MICROPY_VERSION_MAJOR {0}
#define MICROPY_VERSION_MINOR {1}
#define MICROPY_VERSION_MICRO {2}
#define MICROPY_VERSION_PRERELEASE {3}
"""
_BUILD = Path(__file__).with_name("micropython_build.py")
_MAKEFILE = "all:\n\t@$(TEST_PYTHON) {build} {port} $(BOARD) $(BUILD) $(FROZEN_MANIFEST)\n"
_TOOLS = {
    "cmake": "",
    "gcc": "",
    "idf.py": "",
    "picotool": "",
    "arm-none-eabi-gcc": "echo /usr/lib/arm-none-eabi/lib/nano.specs",
}


def tree(folder: Path, version: tuple[int, int, int] = (1, 28, 0), preview: int = 0) -> Path:
    """A new tree in `folder`."""
    for name, text in _FILES.items():
        _write(folder / name, text)
    _write(folder / "py/mpconfig.h", _CONFIG.format(*version, preview))
    _write(folder / "mpy-cross/Makefile", "all:\n\t@$(TEST_PYTHON) -c 'print(\"CC main.c\")'\n")
    for port in ("rp2", "esp32"):
        _write(folder / f"ports/{port}/Makefile", _MAKEFILE.format(build=_BUILD, port=port))
    (folder / "tools").mkdir()
    shutil.copy(MANIFESTFILE, folder / "tools/manifestfile.py")
    return folder


def toolchain(folder: Path, patch: pytest.MonkeyPatch, without: tuple[str, ...] = ()) -> None:
    """Let PATH be `folder` with make and what else a build needs, except `without`."""
    folder.mkdir(exist_ok=True)
    for name, does in _TOOLS.items():
        if name not in without:
            _write(folder / name, f"#!/bin/sh\n{does}\n")
            (folder / name).chmod(0o755)
    make = shutil.which("make")
    assert make is not None
    if "make" not in without:
        (folder / "make").symlink_to(make)
    patch.setenv("PATH", str(folder))
    patch.setenv("TEST_PYTHON", sys.executable)
    patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
