"""Pico Ws on the line: a blank one comes as a drive, and comes back as a serial port, each under one name."""

import threading
import time

import pytest

from boards.boot_drive import BootDrive
from boards.esp_board import EspBoard
from muster import console
from muster.flashing.work import Order, Seat
from muster.line.ledger import PASSED, Ledger
from muster.line.production import Production
from muster.line.station import State
from muster.registry import flashes
from serial_board import SerialBoard
from tools.flashing.conftest import Line
from tools.line.factory_floor import beacon

LONG_S = 120


class Floor:
    """Picos of one person; `ports` are the serial ports of this computer."""

    def __init__(self, tmp_path, line):
        self.line, self.mounts, self.port = line, tmp_path / "mounts", tmp_path / "ttyACM0"
        self.mounts.mkdir()
        self.ports: list[str] = []
        self.changed = threading.Condition()
        self.boards: list[tuple[str, BootDrive]] = []
        self.running: EspBoard | None = None

    def order(self):
        images = self.line.home / "images"
        names = tuple(self.line.names)
        return Order("pico_w", home=self.line.home, images=images, devices=names, drives=self.mounts)

    def on_change(self, _):
        with self.changed:
            self.changed.notify_all()

    def wait_until(self, is_so):
        end_s = time.monotonic() + LONG_S
        with self.changed:
            while not is_so():
                assert self.changed.wait(end_s - time.monotonic())

    def blank_pico(self, number):
        """Plug a board in with BOOTSEL held; after its restart it has a serial port, always the same one."""
        hardware = f"e66{number:013x}"

        def starts(drive):
            def say(_):
                name = self.line.on(bytes(drive.flash))
                return [beacon(f"3;up;90000;-60;{name};pico_w-{hardware};")]

            self.running = EspBoard("24:0a:c4:00:00:00", say)
            self.running.plug_in(self.port)
            self.ports.append(str(self.port))

        drive = BootDrive(self.mounts / "RPI-RP2", on_restart=starts)
        self.boards.append((hardware, drive))
        drive.appear()

    def unplug(self):
        self.ports.clear()
        self.running.unplug()


@pytest.fixture
def floor(tmp_path, monkeypatch):
    made = Floor(tmp_path, Line(tmp_path, 3, "pico_w"))
    monkeypatch.setattr(console, "boards", lambda: list(made.ports))
    yield made
    if made.running is not None:
        made.running.unplug()


def test_blank_picos_one_after_the_other(floor):
    ledger = Ledger(floor.line.home / "line")
    with Production(floor.order(), ledger, LONG_S, on_change=floor.on_change) as line:
        for number in (1, 2, 3):
            floor.blank_pico(number)
            floor.wait_until(lambda number=number: line.passed_now() == number)
            floor.wait_until(lambda: line.stations[-1].state is State.PASSED)
            floor.unplug()
            floor.wait_until(lambda: line.stations[-1].state is State.EMPTY)
        assert len(line.stations) == 1 and line.left() == 0
    has = {one.device: one.board_id for one in floor.line.known()}
    assert has == {floor.line.on(bytes(drive.flash)): hardware for hardware, drive in floor.boards}
    assert {one.state for one in floor.line.known()} == {flashes.PASSED}
    assert [(row.device, row.board_id, row.result) for row in ledger.rows] == [
        (device, has[device], PASSED) for device in floor.line.names
    ]


def test_a_drive_that_a_running_board_becomes_is_no_station_of_its_own(floor, tmp_path):
    """The line restarts it into BOOTSEL mode: nobody else may write to that drive."""
    hardware = f"e66{7:013x}"

    def starts(drive):
        floor.ports.clear()

    drive = BootDrive(floor.mounts / "RPI-RP2", on_restart=starts)
    called = "rp2;Raspberry Pi Pico W with RP2040"
    with SerialBoard(tmp_path / "flash.img", {}, called, drive.appear, hardware) as board:
        floor.ports.append(board.port)
        ledger = Ledger(floor.line.home / "line")
        with Production(floor.order(), ledger, 3, on_change=floor.on_change) as line:
            floor.wait_until(lambda: line.stations and line.stations[0].state is State.FAILED)
            seats = [station.seat for station in line.stations]
    assert seats == [Seat(port=board.port)]
    assert [(one.device, one.board_id) for one in floor.line.known()] == [("cam-1", hardware)]
    assert floor.line.on(bytes(drive.flash)) == "cam-1"
