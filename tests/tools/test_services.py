"""`muster services`: what an image and a board say of each service."""

import json
from pathlib import Path
from typing import Any

import pytest

from cli_in_process import muster
from device.core import paths, startup
from muster.boards import Selection, all_services, profile
from muster.image import board_files, build_image
from serial_board import SerialBoard

CONFIG = {"services": {"status": False, "teapot": True, "cloud": {"keys": False}}}


def told(*words: object) -> tuple[dict[str, Any], dict[str, dict[str, Any]], str]:
    """(the whole answer, {service: its row}, what was said beside it) of `muster services WORDS`."""
    result = muster("services", *words, "-o", "json")
    assert result.returncode == 0, result.stderr
    response = json.loads(result.stdout)["response"]
    return response, {row["name"]: row for row in response["services"]}, result.stderr


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "flash.img"
    selection = Selection("small", ("heartbeat",))
    files = board_files("pico_w", documents={paths.CONFIG: CONFIG}, selection=selection)
    path.write_bytes(build_image(files, "pico_w"))
    return path


def test_an_image_says_what_is_built_in_and_wanted(image: Path) -> None:
    answer, rows, said = told("--image", image)
    assert (answer["board"], answer["build"]) == ("pico_w", "small")
    assert list(rows) == list(startup.ORDER)
    built = {one.name for one in profile("pico_w", selection=Selection("small", ("heartbeat",))).services}
    assert {name for name, row in rows.items() if row["built"]} == built
    assert rows["mqtt"] == {"name": "mqtt", "built": True, "wanted": True, "state": "unknown", "text": ""}
    assert (rows["status"]["wanted"], rows["status"]["state"]) == (False, "off")
    assert rows["status"]["text"] == "switched off"
    assert (rows["heartbeat"]["state"], rows["heartbeat"]["text"]) == ("off", "not built in")
    assert rows["keys"]["wanted"] is False
    assert f'{paths.CONFIG}: there is no service "teapot"' in said


def test_the_table_is_for_people(image: Path) -> None:
    lines = muster("services", "--image", image, "-o", "table").stdout.splitlines()
    assert lines[0].startswith("pico_w, build profile small, Muster ")
    assert lines[1].split() == ["service", "built", "in", "wanted", "healthy", "why", "not"]
    assert ["mqtt", "yes", "yes", "unknown"] in [line.split() for line in lines]
    plain = muster("services", "--image", image, "-o", "plain").stdout.splitlines()
    assert "status\tyes\tno\toff\tswitched off" in plain


def test_a_broken_config_leaves_everything_on(tmp_path: Path) -> None:
    files = board_files("virtual", extra={paths.CONFIG: b'{"services": 5'})
    (tmp_path / "flash.img").write_bytes(build_image(files, "virtual"))
    _, rows, said = told("--image", tmp_path / "flash.img")
    assert {name for name, row in rows.items() if row["wanted"] and row["built"]} == set(all_services())
    assert "lacks the JSON object services" in said


def test_what_is_no_image_of_ours_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "flash.img"
    path.write_bytes(build_image({"/main.py": b""}, "virtual"))
    for content, sentence in ((None, "contains no program of Muster"), (b"x", "not an image of a board")):
        path.write_bytes(content or path.read_bytes())
        result = muster("services", "--image", path)
        assert result.returncode == 1
        assert sentence in result.stderr and result.stderr.count("\n") == 1
    assert muster("services", "--image", path, "--port", "/dev/null").returncode == 2


def test_a_board_says_what_is_healthy_and_runs_again_afterwards(tmp_path: Path) -> None:
    files = board_files("virtual", documents={paths.CONFIG: CONFIG})
    with SerialBoard(tmp_path / "flash.img", files) as board:
        board.wait_for("Trying again in")  # without ento.conf there is no identity
        answer, rows, said = told("--port", board.port)
        board.wait_for("Trying again in")
    assert (answer["board"], answer["build"]) == ("virtual", "full")
    assert {name for name, row in rows.items() if row["built"]} == set(all_services())
    assert (rows["heartbeat"]["state"], rows["heartbeat"]["text"]) == ("running", "")
    assert rows["provision"]["state"] == "failing" and "ento.conf: is missing" in rows["provision"]["text"]
    assert (rows["mqtt"]["state"], rows["mqtt"]["text"]) == ("waiting", "needs provision")
    assert (rows["status"]["state"], rows["status"]["text"]) == ("off", "switched off")
    assert 'there is no service "teapot"' in said


def test_a_board_without_our_program_is_one_sentence(tmp_path: Path) -> None:
    with SerialBoard(tmp_path / "flash.img", {"/main.py": b"print('mine')\n"}) as board:
        board.wait_for("mine")
        result = muster("services", "--port", board.port)
        board.wait_for("mine")
    assert result.returncode == 1
    assert (
        f"the board on {board.port} has no program of Muster: put it there with `muster deploy`."
        in result.stderr
    )
