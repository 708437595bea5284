"""`muster flash` for a Pico W, to a folder that behaves as the drive of its BOOTSEL mode does."""

import contextlib
import json

import pytest

from boards.boot_drive import BootDrive
from cli_in_process import muster
from muster.errors import FAILED, GOOD, NO_DEVICE, WRONG_USE
from muster.image import board_files, build_image
from muster.registry.flashes import BEGUN, FLASHED
from serial_board import SerialBoard


def flash(line, drives, *more):
    places = [word for one in drives for word in ("--drive", one.folder)]
    return muster("flash", "--home", line.home, *places, *more)


def test_one_file_holds_firmware_and_file_system(pico_line, tmp_path):
    with BootDrive(tmp_path / "RPI-RP2") as drive:
        done = flash(
            pico_line, [drive], "--firmware", pico_line.firmware, "--image", pico_line.image("cam-1")
        )
    assert done.returncode == GOOD, done.stderr
    assert drive.has_restarted and not drive.faults and not drive.folder.exists()
    assert pico_line.on(drive.flash) == "cam-1"
    written = pico_line.firmware.read_bytes()
    assert all(
        drive.flash[at // 2 : at // 2 + 256] == written[at + 32 : at + 288]
        for at in range(0, len(written), 512)
    )


def test_without_firmware_only_the_file_system_is_written(pico_line, tmp_path):
    with BootDrive(tmp_path / "RPI-RP2") as drive:
        assert flash(pico_line, [drive], "-g", "cams").returncode == GOOD
    assert pico_line.on(drive.flash) == "cam-1"
    assert not drive.flash[:0x12C000].strip(b"\xff")


def test_drives_get_different_devices(pico_line, tmp_path):
    drives = [BootDrive(tmp_path / f"drive{number}") for number in range(3)]
    for drive in drives:
        drive.appear()
    done = flash(pico_line, drives, "-g", "cams", "-o", "json")
    for drive in drives:
        drive.__exit__()
    assert done.returncode == GOOD, done.stderr
    assert {pico_line.on(drive.flash) for drive in drives} == {"cam-1", "cam-2", "cam-3"}
    assert {row["board"] for row in json.loads(done.stdout)["response"]} == {None}
    assert {one.state for one in pico_line.known()} == {FLASHED}


def test_an_unplugged_one_keeps_its_device_from_the_others(pico_line, tmp_path):
    with BootDrive(tmp_path / "RPI-RP2", unplug_at=100) as drive:
        done = flash(pico_line, [drive], "-g", "cams")
    assert done.returncode == FAILED and "was unplugged" in done.stderr
    assert [(one.device, one.state) for one in pico_line.known()] == [("cam-1", BEGUN)]
    with BootDrive(tmp_path / "RPI-RP2") as another:
        assert flash(pico_line, [another], "-g", "cams").returncode == GOOD
    assert pico_line.on(another.flash) == "cam-2"
    with BootDrive(tmp_path / "RPI-RP2") as same:
        assert flash(pico_line, [same], "cam-1", "--again").returncode == GOOD
    assert pico_line.on(same.flash) == "cam-1"


def test_what_is_no_drive_of_this_board_is_refused(pico_line, tmp_path):
    done = muster("flash", "--home", pico_line.home, "-g", "cams", "--drive", tmp_path / "none")
    assert done.returncode == NO_DEVICE and "hold BOOTSEL" in done.stderr
    done = muster("flash", "--home", pico_line.home, "-g", "cams", "--drive", tmp_path)
    assert done.returncode == WRONG_USE and "is not the drive of a Raspberry Pi Pico W" in done.stderr
    with BootDrive(tmp_path / "RP2350", board_id="RP2350") as other:
        done = flash(pico_line, [other], "-g", "cams")
    assert done.returncode == WRONG_USE and not pico_line.known()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "Name devices"),
        (["-g", "cams", "--image", "x.img"], "Name devices"),
        (["-g", "cams", "--new-board"], "--new-board needs the names"),
        (["--image", "x.img"], "cannot be read"),
        (["cam-9"], "cam-9"),
        (["-g", "cams", "--board", "esp32", "--drive", "."], "has no drive"),
    ],
)
def test_wrong_use_is_said(pico_line, words, said):
    done = muster("flash", "--home", pico_line.home, *words)
    assert done.returncode != GOOD and said in done.stderr


def test_images_for_two_kinds_need_a_word(pico_line):
    pico_line.image("cam-1").with_name("cam-1-esp32.img").write_bytes(b"x")
    done = muster("flash", "--home", pico_line.home, "-g", "cams")
    assert done.returncode == WRONG_USE and "images for esp32 and pico_w: name the --board" in done.stderr
    done = muster("flash", "--home", pico_line.home, "-g", "cams", "--images", pico_line.home)
    assert done.returncode == WRONG_USE and "build them with `muster images --board`" in done.stderr


def test_running_boards_are_restarted_into_bootsel_mode_and_known_by_their_number(pico_line, tmp_path):
    mounts = tmp_path / "mounts"
    mounts.mkdir()
    drives = [BootDrive(mounts / f"RPI-RP{number}") for number in range(2)]
    called = "rp2;Raspberry Pi Pico W with RP2040"
    with contextlib.ExitStack() as stack:
        boards = [
            stack.enter_context(
                SerialBoard(tmp_path / f"{number}.img", {}, called, drive.appear, f"{number:016x}")
            )
            for number, drive in enumerate(drives)
        ]
        ports = [word for one in boards for word in ("--port", one.port)]
        done = muster(
            "flash", "--home", pico_line.home, "-g", "cams", *ports, "--drives", mounts, "-o", "json"
        )
        for drive in drives:
            drive.__exit__()
    assert done.returncode == GOOD, done.stderr
    assert {pico_line.on(drive.flash) for drive in drives} == {"cam-1", "cam-2"}
    has = {row["board"]: row["device"] for row in json.loads(done.stdout)["response"]}
    # The drive that came after board N's restart is board N's: no other restarts meanwhile.
    assert has == {f"{number:016x}": pico_line.on(drive.flash) for number, drive in enumerate(drives)}


@pytest.mark.parametrize(
    ("called", "said"),
    [
        ("rp2;Raspberry Pi Pico with RP2040", "calls itself 'Raspberry Pi Pico with RP2040'"),
        ("esp32;Generic ESP32 module with ESP32", "calls itself 'Generic ESP32 module with ESP32'"),
        ("stm32;PYBD", "calls itself 'PYBD'"),
    ],
)
def test_a_running_board_of_another_kind_is_left_alone(pico_line, tmp_path, called, said):
    with SerialBoard(tmp_path / "flash.img", {}, called) as one:
        done = muster("flash", "--home", pico_line.home, "-g", "cams", "--port", one.port)
    assert done.returncode == WRONG_USE and said in done.stderr
    assert not pico_line.known()


def test_a_running_board_without_the_program_gets_no_image_that_lacks_it_too(pico_line, tmp_path):
    image = tmp_path / "flash.img"
    image.write_bytes(build_image(board_files("pico_w", frozen=True), "pico_w"))
    called = "rp2;Raspberry Pi Pico W with RP2040"
    with SerialBoard(tmp_path / "board.img", {}, called) as one:
        done = muster(
            "flash", "--home", pico_line.home, "--image", image, "--board", "pico_w", "--port", one.port
        )
        assert done.returncode == WRONG_USE and "has no program, and none is frozen into" in done.stderr
