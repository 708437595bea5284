"""Run a file of this folder under MicroPython, with the device library on its path."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from muster import interpreter, umqtt
from muster.errors import MusterError
from muster.layout import LIB, REPO, VIRTUAL_BOARD

HERE = Path(__file__).resolve().parent
CORE_TESTS = REPO / "tests" / "core"
BITS = (64, 32)


def command(bits: int) -> list[str]:
    """The words that start the interpreter with `bits` bits; skips the test where there is none."""
    try:
        words = interpreter.command(bits)
    except MusterError as error:
        pytest.skip(str(error))
    if bits == 32 and (reason := interpreter.missing32()):
        pytest.skip(reason)
    return words


def environment(*first: Path, **settings: str) -> dict[str, str]:
    """The process environment with `first`, the device library, the stand-ins and umqtt to import from."""
    places = [*first, LIB, umqtt.fetch(), VIRTUAL_BOARD, HERE, CORE_TESTS]
    return {**os.environ, **settings, "MICROPYPATH": ":".join([*map(str, places), ".frozen"])}


def run_cases(
    name: str, bits: int, *first: Path, heap: str = "8m", settings: Mapping[str, str] | None = None
) -> None:
    """Run every `test_*` function of the module `name` of this folder; fails with what they print."""
    words = [*command(bits), "-X", f"heapsize={heap}", str(CORE_TESTS / "micropython_runner.py"), name]
    result = subprocess.run(
        words,
        env=environment(*first, **(settings or {})),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stdout + result.stderr
