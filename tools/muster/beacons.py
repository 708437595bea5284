"""The beacons of a board: the lines of its console that are for programs (device/services/heartbeat.py)."""

import binascii
import re
from typing import NamedTuple

from muster.printable import printable

MARK = "~M "
UP = "up"  # the step of a board that has published its boot status

_LINE = re.compile(
    r"~M (\d{1,9});([a-z]{1,16});(\d{1,9});(-?\d{1,3});([^;]{0,128});([\w-]{1,64});(.{0,200})\*([0-9a-f]{4})"
)


class Beacon(NamedTuple):
    """What a board says of itself.

    `signal_dbm`: 0 when it is on no network. `serial`: "" without ento.conf. `board`: kind and number of the
    hardware, such as pico_w-e6614c311b4f2a37. `error`: "" when all is well.
    """

    up_s: int
    step: str
    free_bytes: int
    signal_dbm: int
    serial: str
    board: str
    error: str

    @property
    def name(self) -> str:
        """The serial, or what the hardware is called."""
        return self.serial or self.board


def read_beacon(line: str) -> Beacon | None:
    """The beacon in a line of the console; None when it is none, or damaged."""
    found = _LINE.fullmatch(line.strip())
    if found is None:
        return None
    text = line.strip()[len(MARK) : -5]
    if f"{binascii.crc32(text.encode()) & 0xFFFF:04x}" != found[8]:
        return None
    serial, error = map(printable, (found[5], found[7]))
    return Beacon(int(found[1]), found[2], int(found[3]), int(found[4]), serial, found[6], error)
