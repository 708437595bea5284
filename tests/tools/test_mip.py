"""The package for mip: mpremote's own mip puts it onto a board, and the board runs it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from device.core import paths
from muster import mip
from muster.boards import STANDARD
from muster.program import code_files
from serial_board import SerialBoard


def test_mpremote_installs_it_and_the_board_runs_it(tmp_path: Path) -> None:
    package = mip.prepare("virtual", STANDARD, tmp_path)
    with SerialBoard(tmp_path / "flash.img", {"/lib/mine.py": b"X = 1\n"}) as board:
        boot, main = package.parent / "boot.py", package.parent / "main.py"
        words = ["mip", "install", str(package), "+", "cp", str(boot), str(main), ":", "+", "reset"]
        subprocess.run(
            [sys.executable, "-m", "mpremote", "connect", board.port, "resume", *words],
            check=True,
            timeout=120,
        )
        board.wait_for("ento.conf: is missing")
        found = board.files()
    assert {path: found[path] for path in code_files("virtual")} == code_files("virtual")
    assert found["/lib/mine.py"] == b"X = 1\n"


def test_the_package_names_what_belongs_into_lib_and_nothing_else(tmp_path: Path) -> None:
    package = mip.prepare("pico_w", STANDARD, tmp_path)
    document = json.loads(package.read_text())
    assert {f"{paths.LIB}/{target}" for target, _ in document["urls"]} == {
        path for path in code_files("pico_w") if path.startswith(paths.LIB)
    }
    assert all((package.parent / source).is_file() for _, source in document["urls"])
    assert document["version"] and document["deps"] == []


def test_the_command_says_what_comes_next(capsys: pytest.CaptureFixture[str]) -> None:
    assert mip.main(["esp32", "--without", "heartbeat"]) == 0
    assert "mpremote mip install" in capsys.readouterr().out
    assert mip.main(["esp32", "--without", "teapot"]) == 2
