"""Files that look like MicroPython's firmware: what a check reads of them is there, the program is not."""

import random
import struct

from muster.boards import board
from muster.image import uf2


def esp(
    machine: str = "Generic ESP32 module",
    version: str = "1.28.0",
    chip_id: int = 0,
    size: int = 200_000,
    more: bytes = b"",
) -> bytes:
    """A .bin file for an ESP32, with `more` in it."""
    head = struct.pack("<4BI4xH", 0xE9, 4, 2, 0x20, 0x40081000, chip_id)
    return _filled(head, f"{machine} with ESP32", version, size, more)


def pico(
    machine: str = "Raspberry Pi Pico W", version: str = "1.28.0", size: int = 100_000, more: bytes = b""
) -> bytes:
    """A .uf2 file for a Pico W, with `more` in it."""
    content = _filled(b"", f"{machine} with RP2040", version, size, more)
    return uf2.joined({0: content}, board("pico_w"))


def _filled(head: bytes, machine: str, version: str, size: int, more: bytes) -> bytes:
    said = f"\0MicroPython v{version} on 2026-04-06\0; {machine}\0".encode()
    noise = random.Random(version + machine).randbytes(size)
    return (head + noise[:1000] + said + more + noise)[:size]
