"""A cable that breaks, or power that goes, at any moment of a deployment: the board starts, and how.

The board's flash is all that lasts. So one deployment is kept, write by write, and every state that the flash
went through, torn writes included, is one that a break may leave.
"""

import os
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.tools.deployments import CONFIGURATION, MAIN_PY, program

from device.core import paths
from muster import deploy as deployment
from muster.board_link import BoardLink
from muster.deploy import OURS
from muster.errors import NO_DEVICE, MusterError
from muster.image.filesystem import read_image
from serial_board import BOARD, SerialBoard

OLD_APP = {"/app/main.mpy": b"old", "/app/lamp/blue.mpy": b"old", "/app/page.html": b"<p>"}
NEW_APP = {"/app/main.mpy": b"new", "/app/page.html": b"<b>"}
OLD = {**program(1), **OLD_APP}
NEW = {**program(2), paths.MAIN: MAIN_PY + b"\n", **NEW_APP}
BYTES = 17_000  # such a deployment sends a little more
FULL = os.environ.get("MUSTER_SWEEP") == "full"
PARTS = [number / 40 for number in range(1, 41)] if FULL else [0.05, 0.4, 0.95]
_HEAD = struct.Struct("<II")


def _states(flash: bytes, journal: bytes) -> Iterator[bytes]:
    """The flash before the first write, after the half and the whole of each."""
    now = bytearray(flash)
    yield bytes(now)
    at = 0
    while at < len(journal):
        position, length = _HEAD.unpack_from(journal, at)
        data = journal[at + _HEAD.size : at + _HEAD.size + length]
        at += _HEAD.size + length
        for size in (length // 2, length):
            now[position : position + size] = data[:size]
            yield bytes(now)


def _deploy(link: BoardLink, files: dict[str, bytes], app: dict[str, bytes]) -> deployment.Summary:
    return deployment.deploy(link, report=lambda _: None, build=lambda _: files, app=app)


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, bytes]]:
    """What a break may leave on the flash, in the order of time: {path: content}, each state once."""
    folder = tmp_path_factory.mktemp("cable")
    journal = folder / "journal"
    with SerialBoard(folder / "flash.img", {**CONFIGURATION, **OLD}, journal=journal) as board:
        board.wait_for("started online 1")
        before, _ = board.image.read_bytes(), journal.write_bytes(b"")
        _deploy(BoardLink(board.port), program(2) | {paths.MAIN: NEW[paths.MAIN]}, NEW_APP)
        board.wait_for("started online 2")
        after = board.files()
    found = {}
    for flash in _states(before, journal.read_bytes()):
        files = read_image(flash, BOARD)
        found.setdefault(frozenset(files.items()), files)
    states = list(found.values())
    assert states[0] == {**CONFIGURATION, **OLD} and states[-1] == after == {**CONFIGURATION, **NEW}
    return states


def _program(files: dict[str, bytes]) -> dict[str, bytes]:
    places = (*OURS, paths.APP + "/")
    return {path: data for path, data in files.items() if path.startswith(places)}


def test_there_is_one_program_or_no_network(left: list[dict[str, bytes]]) -> None:
    copies = {path + paths.NEW: data for path, data in NEW.items() if OLD.get(path) != data}
    mixed = 0
    for files in left:
        assert {path: files.get(path) for path in CONFIGURATION} == CONFIGURATION
        found = _program(files)
        in_place = {path: data for path, data in found.items() if not path.endswith(paths.NEW)}
        for_good = files.get(paths.OFFLINE) == b""
        if in_place not in (OLD, NEW):
            assert for_good
            mixed += 1
        if in_place == OLD and not copies.items() <= found.items():
            assert not for_good, "only while files change places"
    assert mixed


def test_the_board_starts_from_each(left: list[dict[str, bytes]], tmp_path: Path) -> None:
    """Two starts: the first may be without network, the second is not, unless the programs are mixed."""
    for number, files in enumerate(left):
        state = "offline" if files.get(paths.OFFLINE) == b"" else "online"
        with SerialBoard(tmp_path / f"{number}.img", files) as board:
            board.wait_for("started ")
            BoardLink(board.port).start()
            board.wait_for(f"started {state} ")


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_the_same_command_ends_the_work(left: list[dict[str, bytes]], tmp_path: Path, part: float) -> None:
    with SerialBoard(tmp_path / "flash.img", left[round(part * len(left))]) as board:
        board.wait_for("started ")
        _deploy(BoardLink(board.port), program(2) | {paths.MAIN: NEW[paths.MAIN]}, NEW_APP)
        board.wait_for("started online 2")
        assert board.files() == {**CONFIGURATION, **NEW}


@pytest.mark.parametrize("part", PARTS)
def test_a_cable_pulled_at_a_byte_is_said_and_the_board_comes_back(tmp_path: Path, part: float) -> None:
    with SerialBoard(tmp_path / "flash.img", {**CONFIGURATION, **OLD}) as board:
        board.wait_for("started online 1")
        board.pull_after(round(part * BYTES))
        with pytest.raises(MusterError, match="no board on") as caught:
            _deploy(BoardLink(board.port, back_s=1), program(2), NEW_APP)
        assert caught.value.code == NO_DEVICE
        board.plug_in()
        board.wait_for("started ")
        _deploy(BoardLink(board.port), program(2), NEW_APP)
        board.wait_for("started online 2")
