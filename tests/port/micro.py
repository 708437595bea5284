"""Run a file of this folder under MicroPython, with the device library and the stand-ins on its path."""

import functools
import hashlib
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from muster import interpreter, mpy, umqtt
from muster.boards import profile
from muster.errors import MusterError
from muster.layout import BUILD, LIB, REPO, VIRTUAL_BOARD
from muster.virtual_network import Servers

HERE = Path(__file__).resolve().parent
CORE_TESTS = REPO / "tests" / "core"
BITS = (64, 32)
_PREFIX = "MUSTER_BOARD_"


def command(bits: int) -> list[str]:
    """The words that start the interpreter with `bits` bits; skips the test where there is none."""
    try:
        words = interpreter.command(bits)
    except MusterError as error:
        pytest.skip(str(error))
    if bits == 32 and (reason := interpreter.missing32()):
        pytest.skip(reason)
    return words


def library(board: str = "virtual", intervals: Mapping[str, int] | None = None) -> Path:
    """A folder with the device library as it is, and with the build facts of `board` beside it."""
    facts = mpy.build_module(profile(board), mpy.default_build_time(), intervals).text
    place = BUILD / "port" / hashlib.sha256(facts).hexdigest()[:20]
    package = place / "device"
    package.mkdir(parents=True, exist_ok=True)
    for source in (LIB / "device").iterdir():
        link = package / source.name
        if not link.is_symlink():
            part = package / f".{source.name}.{os.getpid()}"
            part.symlink_to(source)
            part.replace(link)
    part = package / f"._build.{os.getpid()}"
    part.write_bytes(facts)
    part.replace(place / mpy.BUILD_MODULE)
    return place


def environment(
    *first: Path, board: str = "virtual", intervals: Mapping[str, int] | None = None, **settings: str
) -> dict[str, str]:
    """The process environment with `first`, the device library, the stand-ins and umqtt to import from."""
    places = [*first, library(board, intervals), umqtt.fetch(), VIRTUAL_BOARD, HERE, CORE_TESTS]
    own = {"MICROPYPATH": ":".join([*map(str, places), ".frozen"])}
    own[_PREFIX + "UDP_PORT"] = str(_servers(tuple(sorted(settings.items()))).port)
    return {**os.environ, **settings, **own}


@functools.cache
def _servers(settings: tuple[tuple[str, str], ...]) -> Servers:
    """What answers DNS and NTP for boards with these settings, for as long as the tests run."""
    return Servers({name.removeprefix(_PREFIX): value for name, value in settings})


def run_cases(
    name: str,
    bits: int,
    *first: Path,
    heap: str = "8m",
    board: str = "virtual",
    intervals: Mapping[str, int] | None = None,
    settings: Mapping[str, str] | None = None,
) -> None:
    """Run every `test_*` function of the module `name` of this folder; fails with what they print.

    `board` and `intervals` are what its program is told, `settings` those of the virtual board.
    """
    words = [*command(bits), "-X", f"heapsize={heap}", str(CORE_TESTS / "micropython_runner.py"), name]
    result = subprocess.run(
        words,
        env=environment(*first, board=board, intervals=intervals, **(settings or {})),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stdout + result.stderr
