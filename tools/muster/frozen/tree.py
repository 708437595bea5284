"""The source of MicroPython on this machine: its version, the board in it, and what it needs to be built."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from muster.boards import Board, board
from muster.errors import WRONG_USE, MusterError

NEWEST = (1, 29)  # tried; the oldest is the board's
_CONFIG = "py/mpconfig.h"
_CONFIG_BYTES = 1 << 20
_NUMBER = re.compile(r"^#define MICROPY_VERSION_(MAJOR|MINOR|MICRO|PRERELEASE)\s+(\d+)", re.MULTILINE)

# Port -> the submodules that its boards need (ports/*/CMakeLists.txt, ports/esp32/README.md).
_SUBMODULES = {
    "rp2": ("pico-sdk", "mbedtls", "tinyusb", "lwip", "cyw43-driver", "btstack", "micropython-lib"),
    "esp32": ("berkeley-db-1.xx", "micropython-lib"),
}
_SUFFIXES = {"rp2": ".uf2", "esp32": ".bin"}


@dataclass(frozen=True)
class Tree:
    """A checkout of MicroPython, and one board of it.

    `version`: "1.28.0", or "1.29.0-preview". `board`: its name there (RPI_PICO_W).
    """

    path: Path
    version: str
    port: str
    board: str

    @property
    def port_folder(self) -> Path:
        """Where the port's make runs."""
        return self.path / "ports" / self.port

    @property
    def board_folder(self) -> Path:
        """What the port knows of the board."""
        return self.port_folder / "boards" / self.board

    @property
    def manifest(self) -> Path:
        """What the board freezes without us: its own manifest, else the port's."""
        own = self.board_folder / "manifest.py"
        return own if own.is_file() else self.port_folder / "boards" / "manifest.py"

    @property
    def variables(self) -> Mapping[str, Path]:
        """What $(NAME) means in a manifest."""
        return {
            "MPY_DIR": self.path,
            "MPY_LIB_DIR": self.path / "lib" / "micropython-lib",
            "PORT_DIR": self.port_folder,
            "BOARD_DIR": self.board_folder,
        }

    @property
    def suffix(self) -> str:
        """Of the firmware's file."""
        return _SUFFIXES[self.port]

    def missing_submodules(self) -> list[str]:
        """Those that are not there, or empty."""
        folders = [f"lib/{name}" for name in _SUBMODULES[self.port]]
        return [name for name in folders if not any((self.path / name).glob("*"))]


def opened(path: Path, board_name: str) -> Tree:
    """The source at `path`, for a board of Muster's.

    Raises MusterError when it is none, of a version that Muster does not work with, or without the board.
    """
    facts = board(board_name)
    if facts.platform not in _SUFFIXES or facts.firmware is None:
        raise MusterError(f"{facts.title} has no firmware of its own: choose another board.", WRONG_USE)
    path = path.absolute()
    if any(symbol.isspace() for symbol in str(path)):
        raise MusterError(
            f"MicroPython's build takes no spaces in paths: move {str(path)!r} elsewhere.", WRONG_USE
        )
    tree = Tree(path, _version(path, facts), facts.platform, facts.firmware)
    if not tree.board_folder.is_dir():
        raise MusterError(
            f"{path} has no board {tree.board} (ports/{tree.port}/boards): get a whole MicroPython, "
            "`git clone https://github.com/micropython/micropython`.",
            WRONG_USE,
        )
    return tree


def _version(path: Path, facts: Board) -> str:
    try:
        with (path / _CONFIG).open(encoding="utf-8", errors="replace") as file:
            found = {name: int(value) for name, value in _NUMBER.findall(file.read(_CONFIG_BYTES))}
        version = found["MAJOR"], found["MINOR"], found["MICRO"]
    except (OSError, KeyError):
        raise MusterError(
            f"{path} is not the source of MicroPython (it has no {_CONFIG} with a version): get it with "
            "`git clone https://github.com/micropython/micropython`.",
            WRONG_USE,
        ) from None
    shown = ".".join(map(str, version)) + ("-preview" if found.get("PRERELEASE") else "")
    oldest, newest = (".".join(map(str, one)) for one in (facts.oldest_firmware, NEWEST))
    if not facts.oldest_firmware <= version[:2] <= NEWEST:
        raise MusterError(
            f"{path} is MicroPython {shown}, and Muster works with {oldest} to {newest}: "
            f"`git -C {path} checkout v{newest}.0`, then get its submodules again.",
            WRONG_USE,
        )
    return shown
