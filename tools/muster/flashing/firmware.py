"""A file of MicroPython's firmware, checked before it goes onto a board."""

import hashlib
import re
import struct
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from muster.boards import Board
from muster.errors import WRONG_USE, MusterError
from muster.frozen.record import Record, find
from muster.image import uf2

# Two strings of the banner at MicroPython's prompt.
_VERSION = re.compile(rb"MicroPython v(\d+)\.(\d+)[^\0]{0,60} on \d{4}-\d\d-\d\d")
_MACHINE = re.compile(rb"; ([ -~]{3,80}) with [A-Z0-9-]{2,20}\0")
_MOST_BYTES = 16 << 20
_ESP_MAGIC = 0xE9  # the first byte of what the ROM of an ESP32 starts
_ESP_CHIP_ID = 12  # where its header has the chip's id, 2 bytes


@dataclass(frozen=True)
class Firmware:
    """`parts`: {bytes from the start of the flash: content}. `version`: as MicroPython counts, "1.28".

    `frozen`: the program of Muster that is a part of it, if one is.
    """

    version: str
    sha256: str
    parts: Mapping[int, bytes]
    frozen: Record | None = None


def read(path: Path, board: Board, sha256: str | None = None) -> Firmware:
    """The firmware in the file `path`, for `board`.

    Raises MusterError when it is of another board, too old or damaged, or when its SHA-256 is not `sha256`.
    """
    if board.firmware is None:
        raise MusterError(f"{board.title} takes no firmware: leave {path} out.", WRONG_USE)
    data = _content(path)
    digest = hashlib.sha256(data).hexdigest()
    check_meant(path, digest, [sha256] if sha256 else [])
    parts = _esp(data, board, path) if board.uf2_base is None else uf2.parts_of(data, board, str(path))
    where = f"get it from micropython.org/download/{board.firmware}."
    content = b"".join(parts.values())
    said, machine = _VERSION.search(content), _MACHINE.search(content)
    if said is None or machine is None:
        raise MusterError(f"{path} is no firmware of MicroPython: {where}", WRONG_USE)
    if machine[1].decode() not in board.machines:
        raise MusterError(
            f"{path} is for the board {machine[1].decode()!r}, not for {board.title}: {where}", WRONG_USE
        )
    version = (int(said[1]), int(said[2]))
    if version < board.oldest_firmware:
        raise MusterError(
            f"{path} is MicroPython {_shown(version)}, {board.title} needs "
            f"{_shown(board.oldest_firmware)} or newer: {where}",
            WRONG_USE,
        )
    end = max(offset + len(part) for offset, part in parts.items())
    if end > board.flash_offset:
        raise MusterError(
            f"{path} ends at {end:#x}, inside the file system (from {board.flash_offset:#x}): it is not the "
            f"usual firmware of {board.title}.",
            WRONG_USE,
        )
    return Firmware(_shown(version), digest, parts, find(parts.values()))


def check_meant(path: Path, digest: str, wanted: Collection[str]) -> None:
    """Raises MusterError if SHA-256 are `wanted`, and `digest`, that of the file `path`, is none of them."""
    if wanted and digest not in map(str.lower, wanted):
        raise MusterError(f"{path} is not the file that you mean: its SHA-256 is {digest}.", WRONG_USE)


def _shown(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"


def _content(path: Path) -> bytes:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise MusterError(f"{path} is larger than any firmware.", WRONG_USE)
        return path.read_bytes()
    except OSError as error:
        raise MusterError(f"{path} cannot be read: {error.strerror}.", WRONG_USE) from None


def _esp(data: bytes, board: Board, path: Path) -> dict[int, bytes]:
    from esptool import CHIP_DEFS  # it takes a second to load

    if len(data) < _ESP_CHIP_ID + 2 or data[0] != _ESP_MAGIC:
        raise MusterError(f"{path} is no firmware for {board.title}: that is a .bin file.", WRONG_USE)
    chip = CHIP_DEFS[board.chip]
    if struct.unpack_from("<H", data, _ESP_CHIP_ID)[0] != chip.IMAGE_CHIP_ID:
        raise MusterError(f"{path} is for another chip than that of {board.title}.", WRONG_USE)
    return {chip.BOOTLOADER_FLASH_OFFSET: data}
