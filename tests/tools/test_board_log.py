"""`muster log`: of an image, and of a board on a serial port."""

import json
from pathlib import Path

import pytest
from tests.cli_in_process import muster

from device.core import fields, paths
from muster import board_log
from muster.board_link import BoardLink
from muster.image import build_image
from muster.program import code_files
from serial_board import SerialBoard

NEWER = (
    b"# 2 4000\n7 2025-11-28T22:00:00Z error bug Traceback\n  File x\n  KeyError\n"
    b"- 3 lines left out\n11 +50ms info app a  b\n"
)
OLDER = b"# 1 0\n5 +3ms info network joined\n6 +9ms warn mqtt \x1b[2Jlost\n"
RESTARTS = {
    fields.RESTARTS: [
        {fields.UNIX: 1764367200, fields.CAUSE: "watchdog", fields.TEXT: "url kept the loop busy for 5 s"},
        {fields.UNIX: 0, fields.CAUSE: "program", fields.TEXT: ""},
    ]
}


def flash(tmp_path: Path, restarts: bytes, *logs: bytes) -> Path:
    files = dict(zip(paths.LOG_FILES, logs, strict=False))
    path = tmp_path / "flash.img"
    path.write_bytes(build_image({**files, paths.RESTARTS: restarts, "/main.py": b""}, "virtual"))
    return path


def test_the_older_file_comes_first_and_nothing_acts_on_the_terminal(tmp_path: Path) -> None:
    result = muster(
        "log", "--image", flash(tmp_path, json.dumps(RESTARTS).encode(), NEWER, OLDER), "-o", "plain"
    )
    assert result.returncode == 0
    lines = result.stdout.splitlines()
    assert [line.split("\t") for line in lines[1:]] == [
        ["5", "+3ms", "info", "network", "joined"],
        ["6", "+9ms", "warn", "mqtt", "\\x1b[2Jlost"],
        ["7", "2025-11-28T22:00:00Z", "error", "bug", "Traceback / File x / KeyError"],
        ["11", "+50ms", "info", "app", "a b"],
    ]
    assert "restarted 2025-11-28T22:00:00Z: watchdog: url kept the loop busy for 5 s" in result.stderr
    assert "restarted at an unknown time: program" in result.stderr


def test_json_has_lines_and_restarts(tmp_path: Path) -> None:
    result = muster(
        "log", "--image", flash(tmp_path, json.dumps(RESTARTS).encode(), NEWER, OLDER), "-o", "json"
    )
    found = json.loads(result.stdout)["response"]
    assert [line["number"] for line in found["lines"]] == [5, 6, 7, 11]
    assert found["lines"][2]["text"] == "Traceback\nFile x\nKeyError"
    assert [restart["cause"] for restart in found["restarts"]] == ["watchdog", "program"]


@pytest.mark.parametrize(
    "raw",
    [b"", b"[]", b"\xff", b'{"restarts": [5, {}]}', b'{"restarts": 5}', b"[" * 5000]
    + [
        b'{"restarts": [{"unix": %s, "cause": "watchdog", "text": ""}]}' % number
        for number in (b"Infinity", b"NaN", b"1e300", b"-1", b"99999999999999")
    ],
)
def test_what_is_damaged_tells_nothing_and_stops_nothing(tmp_path: Path, raw: bytes) -> None:
    result = muster("log", "--image", flash(tmp_path, raw, raw, b"# 1 0\n5 +3ms info a b"), "-o", "plain")
    assert result.returncode == 0 and "5\t+3ms\tinfo\ta\tb" in result.stdout


def test_an_image_without_a_log_says_so(tmp_path: Path) -> None:
    path = tmp_path / "flash.img"
    path.write_bytes(build_image({"/main.py": b""}, "virtual"))
    result = muster("log", "--image", path)
    assert result.returncode == 0 and "the log is empty" in result.stderr
    assert muster("log", "--image", tmp_path / "none.img").returncode == 1
    assert muster("log", "--image", path, "--port", "x").returncode == 2


def test_a_board_is_asked_and_then_goes_on(tmp_path: Path) -> None:
    with SerialBoard(tmp_path / "flash.img", code_files("virtual")) as board:
        board.wait_for("ento.conf: is missing")
        board.wait_for("Trying again in")
        found = board_log.of_board(BoardLink(board.port))
        board.wait_for("Trying again in")  # the program runs again
    assert any(line.source == "provision" and "is missing" in line.text for line in found.lines)
    assert all(line.time.endswith(" s") for line in found.lines) and found.restarts == []


def test_a_board_without_our_program_is_told_from_one_that_fails(tmp_path: Path) -> None:
    with SerialBoard(tmp_path / "flash.img", {"/main.py": b""}) as board:
        result = muster("log", "--port", board.port)
    assert result.returncode == 1 and "muster deploy" in result.stderr
