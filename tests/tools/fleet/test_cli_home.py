"""A home folder that cannot be used as usual: every verb reads it, or says in one sentence why it cannot."""

import os
from pathlib import Path

import pytest

from muster.errors import FAILED
from muster.registry import FILE_NAME, KEY_FILE
from tools.fleet.cli_runner import Tool

READING = [
    ("get", "groups"),
    ("get", "devices"),
    ("get", "device", "lamp-1"),
    ("batches",),
    ("twin", "certificates"),
    ("twin", "boots"),
    ("twin", "fault", "list"),
]
WRITING = [
    ("add", "group", "attic"),
    ("add", "device", "lamp-2", "-g", "hall"),
    ("add", "devices", "-g", "hall", "--count", "3"),
    ("delete", "device", "lamp-1", "--yes"),
    ("refresh", "provision-secret", "hall"),
    ("twin", "fault", "set", "connect", "reject"),
]


@pytest.fixture
def hall(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tool:
    tool = Tool(tmp_path, monkeypatch)
    tool.good("add", "group", "hall")
    tool.good("add", "device", "lamp-1", "-g", "hall")
    return tool


def refused(tool: Tool, *words: str) -> str:
    """The line by which a command tells why it failed."""
    result = tool(*words)
    assert result.code == FAILED, words
    assert "Traceback" not in result.error
    last = result.error.splitlines()[-1]
    assert last.startswith("muster: "), result.error
    return last


@pytest.fixture
def read_only(hall: Tool, monkeypatch: pytest.MonkeyPatch) -> Tool:
    """As for a user without the right to write: root has it always."""
    access = os.access
    folder = str(hall.home)
    monkeypatch.setattr(
        os,
        "access",
        lambda path, mode: not (mode & os.W_OK and str(path).startswith(folder)) and access(path, mode),
    )
    return hall


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_a_read_only_home_is_read(read_only: Tool, words: tuple[str, ...]) -> None:
    read_only.good(*words)


@pytest.mark.parametrize("words", WRITING, ids=" ".join)
def test_a_read_only_home_is_not_written(read_only: Tool, words: tuple[str, ...]) -> None:
    before = read_only.registry()
    assert f"{FILE_NAME} is read-only: change its permissions" in refused(read_only, *words)
    assert read_only.registry() == before


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_a_registry_damaged_in_the_middle(hall: Tool, words: tuple[str, ...]) -> None:
    path = hall.home / FILE_NAME
    size = path.stat().st_size
    with open(path, "r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (size - 4096))
    assert f"{path} is damaged (" in refused(hall, *words)


@pytest.mark.parametrize("words", [*READING, *WRITING], ids=" ".join)
def test_an_emptied_registry(hall: Tool, words: tuple[str, ...]) -> None:
    (hall.home / FILE_NAME).write_bytes(b"")
    assert f"was emptied: {KEY_FILE} beside it" in refused(hall, *words)


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_a_home_that_is_not_there_has_one_exit_code(hall: Tool, words: tuple[str, ...]) -> None:
    assert "there is no registry in none yet" in refused(hall, *words, "--home", "none")


def test_a_home_below_proc(hall: Tool) -> None:
    assert "the folder /proc/x cannot be used (" in refused(hall, "add", "group", "g", "--home", "/proc/x")
    told = refused(hall, "twin", "run", "--mqtt-port", "0", "--home", "/proc/x")
    assert "a twin cannot use the folder /proc/x (" in told


def test_a_lost_key_refuses_before_anything_is_made(hall: Tool) -> None:
    (hall.home / KEY_FILE).unlink()
    before = hall.registry()
    words = ("add", "devices", "-g", "hall", "--count", "3", "--secrets")
    assert f"{KEY_FILE} is lost" in refused(hall, *words)
    (hall.folder / "fleet.csv").write_text("name,group\nlamp-9,hall\n")
    assert f"{KEY_FILE} is lost" in refused(hall, "apply", "fleet.csv", "--secrets", "--yes")
    assert hall.registry() == before
    assert not (hall.home / KEY_FILE).exists()
