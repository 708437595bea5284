"""`muster flash` for ESP32s, by the real esptool, to programs that answer as the chips do."""

import contextlib
import json
import signal
import subprocess
import sys
import termios
import threading

import pytest

from boards import firmware_files
from boards.esp_loader import EspLoader
from cli_in_process import muster
from muster.boards import board
from muster.errors import FAILED, GOOD, INTERRUPTED, NO_DEVICE, PARTLY_DONE, WRONG_USE, MusterError
from muster.flashing import esp
from muster.image import board_files, build_image
from muster.registry import Registry
from muster.registry.flashes import BEGUN, FLASHED

LONG_S = 120
FACTS = board("esp32")


def mac(number):
    return f"24:0a:c4:00:00:{number:02x}"


def flash(line, boards, *more):
    ports = [word for one in boards for word in ("--port", one.port)]
    return muster("flash", "--home", line.home, "--firmware", line.firmware, *ports, *more)


@contextlib.contextmanager
def plugged_in(*boards):
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(one) for one in boards]


def test_one_image_onto_one_board(esp_line):
    with EspLoader(mac(1), garbage=b"\xff\0ets Jun  8 2016\r\n") as one:
        words = ["--board", "esp32", "--image", esp_line.image("cam-2")]  # it has no program that knows
        done = flash(esp_line, [one], *words, "-o", "json")
        assert done.returncode == GOOD, done.stderr
        assert one.flash[0x1000:][:200_000] == esp_line.firmware.read_bytes()
        assert esp_line.on(one.flash) == "cam-2"
    (row,) = json.loads(done.stdout)["response"]
    assert (row["board"], row["firmware"], row["result"]) == (mac(1), "1.28", "flashed")
    assert not esp_line.known()


def test_eight_boards_at_once_one_unplugged_in_the_middle_and_only_it_again(esp_line):
    together = threading.Barrier(8, timeout=LONG_S)  # each waits for all the others: none after another
    boards = [
        EspLoader(mac(number), on_write=lambda _: together.wait(), unplug_at=300_000 if number == 5 else None)
        for number in range(8)
    ]
    with plugged_in(*boards):
        done = flash(esp_line, boards, "-g", "cams")
    assert done.returncode == PARTLY_DONE
    assert "1 of 8 boards failed" in done.stderr and "was unplugged" in done.stderr
    good = [one for one in boards if not one.is_unplugged]
    assert [one.mac for one in boards if one.is_unplugged] == [mac(5)]
    has = {one.mac: esp_line.on(one.flash) for one in good}
    assert len(set(has.values())) == 7 and "" not in has.values()
    known = {one.board_id: one for one in esp_line.known()}
    assert {number: known[number].device for number in has} == has
    assert {one.state for number, one in known.items() if number in has} == {FLASHED}
    assert known[mac(5)].state == BEGUN

    again = [EspLoader(mac(number)) for number in range(8)]
    with plugged_in(*again):
        done = flash(esp_line, again, "-g", "cams", "-o", "json")
    assert done.returncode == GOOD, done.stderr
    assert [one.mac for one in again if one.written] == [mac(5)]
    assert esp_line.on(again[5].flash) == known[mac(5)].device
    assert {row["result"] for row in json.loads(done.stdout)["response"]} == {"kept", "flashed"}
    assert {one.state for one in esp_line.known()} == {FLASHED}


@pytest.mark.parametrize(
    ("how", "code", "said"),
    [
        ({"chip": "esp32s3"}, WRONG_USE, "is an ESP32-S3, not an ESP32: nothing was written"),
        ({"chip": "esp8266"}, WRONG_USE, "is an ESP8266, not an ESP32"),
        (
            {"flash_bytes": 2 << 20},
            WRONG_USE,
            "has 2 MiB of flash; the image is for 4 MiB: nothing",
        ),
        (
            {"flash_bytes": 16 << 20},
            WRONG_USE,
            "has 16 MiB of flash; the image is for 4 MiB: nothing",
        ),
        ({"wrong_bytes": (FACTS.flash_offset + 5,)}, FAILED, "does not keep what is written"),
        ({"unplug_at": 4096}, NO_DEVICE, "was unplugged, or its cable is bad"),
    ],
)
def test_what_is_wrong_with_a_board_is_said(esp_line, how, code, said):
    with EspLoader(mac(1), **how) as one:
        done = flash(esp_line, [one], "-g", "cams")
    assert done.returncode == code
    assert said in done.stderr
    assert all(flash.state == BEGUN for flash in esp_line.known())
    if "nothing" in said:
        assert not one.written and not esp_line.known()


def test_a_slow_cable_and_bytes_that_slip_needs_to_escape(esp_line):
    esp_line.firmware.write_bytes(esp_line.firmware.read_bytes()[:20_000] + b"\xc0\xdb\xdc\xdd" * 500)
    with EspLoader(mac(1), bytes_per_s=200_000) as one:
        assert flash(esp_line, [one], "cam-3").returncode == GOOD
        assert one.flash[0x1000:][:22_000] == esp_line.firmware.read_bytes()
        assert esp_line.on(one.flash) == "cam-3"


def test_a_board_that_has_its_image_is_written_again_only_when_told(esp_line):
    with EspLoader(mac(1)) as one:
        assert flash(esp_line, [one], "cam-1").returncode == GOOD
    for more, written in ((["cam-1"], False), (["-g", "cams"], False), (["cam-1", "--again"], True)):
        with EspLoader(mac(1)) as one:
            assert flash(esp_line, [one], *more).returncode == GOOD
            assert bool(one.written) == written
    assert [one.device for one in esp_line.known()] == ["cam-1"]


def test_no_device_gets_a_second_board_and_no_board_a_second_device(esp_line):
    with EspLoader(mac(1)) as one:
        assert flash(esp_line, [one], "cam-1").returncode == GOOD
    with EspLoader(mac(2)) as other:
        done = flash(esp_line, [other], "cam-1")
        assert done.returncode == NO_DEVICE and "each of the chosen devices has its board" in done.stderr
    with EspLoader(mac(1)) as one:
        done = flash(esp_line, [one], "cam-2")
        assert done.returncode == WRONG_USE and f"the board {mac(1)} is cam-1" in done.stderr
    assert not one.written and not other.written


def test_a_broken_board_gives_its_device_away(esp_line):
    with EspLoader(mac(1), unplug_at=4096) as broken:
        assert flash(esp_line, [broken], "cam-1").returncode == NO_DEVICE
    with EspLoader(mac(2)) as other:
        assert flash(esp_line, [other], "cam-1", "--new-board").returncode == GOOD
        assert esp_line.on(other.flash) == "cam-1"
    assert [(one.device, one.board_id) for one in esp_line.known()] == [("cam-1", mac(2))]


def test_a_device_without_an_image_stays_free(esp_line):
    esp_line.image("cam-1").unlink()
    with EspLoader(mac(1)) as one:
        done = flash(esp_line, [one], "cam-1", "--board", "esp32")
    assert done.returncode == FAILED and "muster images --board esp32" in done.stderr
    assert not esp_line.known() and not one.written


def test_history_says_which_board_a_device_got(esp_line):
    with EspLoader(mac(7)) as one:
        assert flash(esp_line, [one], "cam-4").returncode == GOOD
    registry = Registry(esp_line.home)
    try:
        told = [event for event in registry.devices.history("cam-4") if event.event == "flashed"]
    finally:
        registry.close()
    assert len(told) == 1 and mac(7) in told[0].detail


def test_a_port_that_is_none_and_one_without_a_board(esp_line, tmp_path):
    done = flash(esp_line, [], "--port", tmp_path / "ttyNONE", "cam-1")
    assert done.returncode == NO_DEVICE and "check the cable" in done.stderr
    with EspLoader(mac(1)) as silent:
        silent.chip = silent.chip._replace(magic=1)
        silent._registers[0x40001000] = 1
        done = flash(esp_line, [silent], "cam-1")
    assert done.returncode == NO_DEVICE and "hold its BOOT button" in done.stderr
    assert not esp_line.known()


def test_ctrl_c_stops_in_order_and_the_same_command_goes_on(esp_line):
    has_begun = threading.Event()
    with EspLoader(mac(1), on_write=lambda _: has_begun.set(), bytes_per_s=20_000) as one:
        words = ["flash", "-g", "cams", "--home", str(esp_line.home), "--port", one.port]
        program = subprocess.Popen(
            [sys.executable, "-m", "muster", *words, "--firmware", str(esp_line.firmware)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert has_begun.wait(LONG_S)
        program.send_signal(signal.SIGINT)
        _, said = program.communicate(timeout=LONG_S)
    assert program.returncode == INTERRUPTED
    assert "interrupted; boards that were being written do not start" in said and "Traceback" not in said
    assert [flash.state for flash in esp_line.known()] == [BEGUN]
    with EspLoader(mac(1)) as one:
        assert flash(esp_line, [one], "-g", "cams").returncode == GOOD
        assert esp_line.on(one.flash) == esp_line.known()[0].device


@pytest.mark.parametrize(
    ("kind", "chip", "size", "at"), [("esp32c3", "esp32c3", 4, 0), ("esp32s3", "esp32s3", 8, 0)]
)
def test_the_image_knows_its_board(tmp_path, kind, chip, size, at):
    image = tmp_path / "flash.img"
    image.write_bytes(build_image(board_files(kind), kind))
    firmware = tmp_path / "firmware.bin"
    machine = {"esp32c3": "ESP32C3 module", "esp32s3": "Generic ESP32S3 module"}[kind]
    firmware.write_bytes(firmware_files.esp(machine, chip_id={"esp32c3": 5, "esp32s3": 9}[kind]))
    with EspLoader(mac(1), chip, size << 20) as one:
        done = muster("flash", "--image", image, "--firmware", firmware, "--port", one.port)
        assert done.returncode == GOOD, done.stderr
        assert one.flash[at:][:200_000] == firmware.read_bytes()
        assert one.flash[0x200000:] == image.read_bytes()
    with EspLoader(mac(2)) as other:
        done = muster("flash", "--image", image, "--port", other.port)
    assert done.returncode == WRONG_USE and "is an ESP32, not an ESP32-" in done.stderr


def test_a_port_that_goes_while_it_is_opened_is_said(monkeypatch, tmp_path):
    def opened(*_, **__):
        raise termios.error(5, "Input/output error")  # it is no OSError

    monkeypatch.setattr(esp.cmds, "detect_chip", opened)
    with pytest.raises(MusterError, match="no board on") as caught, esp.Loader(str(tmp_path / "tty"), FACTS):
        pass
    assert caught.value.code == NO_DEVICE
