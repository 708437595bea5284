"""The tools for a board on a cable, with real firmware: its USB, its prompt, its boot loader."""

import contextlib
import itertools
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli_in_process import muster
from device.core import fields
from muster import console, off_network
from muster import deploy as deployment
from muster.board_link import BoardLink
from muster.errors import GOOD, MusterError
from muster.flashing.work import Order
from muster.line.ledger import PASSED, Ledger
from muster.line.production import Production
from muster.program import code_files
from muster.twin.server import RunningTwin, running_twin
from muster.twin.settings import Limits, Settings
from tests.firmware import needs  # first: it skips this file where something is missing
from tests.firmware.network import HOST, SSID
from tests.firmware.on_cable import OnCable
from tests.system import rig

_UP_S = 120
_LONG_S = 300
_numbers = itertools.count(2)  # cam-1 is the device that `muster flash` writes


@contextlib.contextmanager
def running(folder: Path) -> Iterator[RunningTwin]:
    """A twin with devices, and an image for each."""
    settings = Settings(host=HOST, bind="127.0.0.1", claim_key="ec", limits=Limits(connect_wait_s=60))
    with running_twin(folder / "twin", settings) as run:
        wifi = folder / "wifi.json"
        networks = [{fields.SSID: SSID, fields.PASSWORD: rig.WIFI_PASSWORD}]
        wifi.write_text(json.dumps({fields.NETWORKS: networks}))
        for words in (
            ("add", "group", "cams"),
            ("add", "devices", "-g", "cams", "--count", 4, "--prefix", "cam-"),
            ("images", "--all", "--board", "pico_w", "--endpoint", HOST, "--port", run.port, "--wifi", wifi)
            + ("--keys", "device", "--ca", run.ca_pem_path),
        ):
            done = muster(*words, "--home", folder / "twin")
            assert done.returncode == GOOD, done.stderr
        yield run


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningTwin]:
    """One for the boards that run already."""
    with running(tmp_path_factory.mktemp("cable")) as run:
        yield run


@pytest.fixture
def board(twin: RunningTwin, tmp_path: Path) -> Iterator[OnCable]:
    """A running board with the image of a device that no other has."""
    image = tmp_path / "flash.img"
    image.write_bytes((twin.home.root / "images" / f"cam-{next(_numbers)}-pico_w.img").read_bytes())
    with OnCable(needs.FIRMWARE, image, tmp_path) as one:
        one.wait_for(rig.DONE)
        yield one


def test_watch_doctor_and_deploy_one_after_the_other(board: OnCable) -> None:
    done = muster("watch", "--port", board.port, "--once", "--wait", _UP_S, "-o", "json")
    (row,) = json.loads(done.stdout)["response"]
    assert (row["name"].startswith("cam-"), row["step"], row["error"]) == (True, "up", "")
    done = muster("doctor", "--port", board.port)
    assert done.returncode == GOOD and "MicroPython 1." in done.stdout, done.stdout + done.stderr
    board.wait_for("-- reset")
    board.wait_for(rig.DONE)
    done = muster("deploy", "--port", board.port, "--without", "heartbeat")
    assert done.returncode == GOOD, done.stderr
    board.wait_for("-- reset")  # off the network
    board.wait_for("-- reset")
    board.wait_for(rig.DONE)


def test_a_board_with_power_of_its_own_comes_back_when_the_cable_goes(
    board: OnCable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(off_network, "ALONE_S", 20)

    def pull(line: str) -> None:
        if line.startswith("[1/"):
            board.usb.unplug()

    other = code_files("pico_w") | {"/boot.py": b"# of another version"}
    with pytest.raises(MusterError, match="no board on"):
        deployment.deploy(BoardLink(str(board.port)), report=pull, build=lambda _: other)
    board.wait_for("-- reset")  # the one that took it off the network
    board.wait_for("-- reset")
    board.wait_for(rig.DONE)


def test_a_running_board_takes_firmware_and_image_in_bootsel_mode(board: OnCable, twin: RunningTwin) -> None:
    words = ("--firmware", needs.FIRMWARE, "--port", board.port, "--drives", board.mounts)
    done = muster("flash", "cam-1", *words, "--home", twin.home.root, "-o", "json")
    assert done.returncode == GOOD, done.stderr
    assert board.drive is not None and not board.drive.faults
    (row,) = json.loads(done.stdout)["response"]
    assert row["device"] == "cam-1"
    board.wait_for("identity cam-1")
    board.wait_for(rig.DONE)


def test_the_line_writes_a_blank_board_and_watches_its_first_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = threading.Condition()

    def on_change(_: object) -> None:
        with changed:
            changed.notify_all()

    with running(tmp_path) as twin, OnCable(needs.FIRMWARE, tmp_path / "blank.img", tmp_path) as board:
        monkeypatch.setattr(console, "boards", lambda: [str(board.port)] if board.port.exists() else [])
        home = twin.home.root
        order = Order("pico_w", home=home, images=home / "images", devices=("cam-1",), drives=board.mounts)
        ledger = Ledger(tmp_path / "line")
        with Production(order, ledger, _LONG_S, on_change=on_change) as line, changed:
            assert changed.wait_for(lambda: bool(ledger.rows), _LONG_S)
            assert line.left() == 0, ledger.rows
    (row,) = ledger.rows
    assert (row.device, row.result) == ("cam-1", PASSED)
    assert row.board_id in board.said
