"""Boots the virtual board with programs of a test and tells what came of it."""

import pytest

from muster import interpreter
from muster.image import build_image, read_image
from muster.virtual import VirtualBoard

TIMEOUT_S = 30

# A boot.py: `join()` gives the station, connected.
JOIN = """
import network, time
def join():
    station = network.WLAN(network.STA_IF)
    station.active(True)
    station.connect("any", "pass")
    while not station.isconnected():
        time.sleep_ms(2)
    return station
def error_of(call, *arguments):
    try:
        return call(*arguments)
    except OSError as error:
        return "error %d" % error.errno
"""


def make(folder, files, board="virtual"):
    path = folder / "flash.img"
    path.write_bytes(build_image({name: text.encode() for name, text in files.items()}, board))
    return path


def run(folder, main, boot="", **options):
    """Boot an image with these programs; returns (exit code, console, files afterwards)."""
    path = make(folder, {"/boot.py": boot, "/main.py": main})
    with VirtualBoard(path, **options) as board:
        code = board.wait(TIMEOUT_S)
    return code, board.console, read_image(path.read_bytes())


def lines(folder, main, boot=JOIN, bits=64, **environment):
    """The console of a program that must end as it should, with these settings; skips without 32 bits."""
    if bits == 32 and interpreter.missing32():
        pytest.skip(interpreter.missing32())
    code, console, _ = run(folder, main, boot, bits=bits, environment=environment)
    assert code == 0, console
    return console.splitlines()
