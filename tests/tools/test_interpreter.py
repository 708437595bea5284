"""Where no wheel of MicroPython is, the interpreter on PATH serves, or one sentence says what to do."""

import platform
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from muster import interpreter
from muster.errors import MusterError
from muster.image import build_image
from muster.interpreter import debian
from muster.virtual import VirtualBoard

NEWEST = "echo 1 99"


@pytest.fixture(autouse=True)
def no_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This Python has no interpreter beside it, and nothing is on PATH but what a test puts there."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "venv" / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    interpreter.command64.cache_clear()
    yield
    interpreter.command64.cache_clear()


def on_path(folder: Path, script: str) -> Path:
    program = folder / "micropython"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return program


def version_then(script: str) -> str:
    """A program that answers the question for its version with 1.99, and the next one with `script`."""
    return f'case "$2" in\n*version*) {NEWEST} ;;\n*) {script} ;;\nesac'


def test_the_one_on_path_serves(tmp_path: Path) -> None:
    program = on_path(tmp_path, version_then(":"))
    assert interpreter.command(64) == [str(program)]


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (None, "there is no MicroPython on this machine: put the unix port of MicroPython 1.24 or newer on"),
        ("echo 1 22", "is 1.22, too old: put the unix port of MicroPython 1.24 or newer on PATH"),
        ("exit 1", "does not start: put"),
        (version_then("echo tls; echo LittleFS"), "was built without tls, LittleFS: put the unix port of"),
    ],
)
def test_what_does_not_serve_is_named_with_the_way_out(tmp_path: Path, script: str | None, said: str) -> None:
    if script:
        on_path(tmp_path, script)
    with pytest.raises(MusterError) as raised:
        interpreter.command(64)
    assert said in str(raised.value)
    assert "`brew install micropython` on macOS" in str(raised.value)


def test_a_board_boots_on_a_distribution_s_interpreter(tmp_path: Path) -> None:
    """Debian's is one; its 32-bit build is what the tests have of it."""
    if why := interpreter.missing32():
        pytest.skip(why)
    on_path(tmp_path, f'exec {shlex.join(interpreter.command32())} "$@"')
    image = tmp_path / "flash.img"
    program = b"import sys, tls\nprint(sys.implementation.version[1])"
    image.write_bytes(build_image({"/main.py": program}, "virtual"))
    with VirtualBoard(image) as board:
        board.wait(30)
    assert int(board.console) >= interpreter.OLDEST[1]


def test_the_32_bit_one_is_not_fetched_for_another_processor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    with pytest.raises(MusterError, match="not for this processor .aarch64."):
        debian.fetch(tmp_path / "none")
