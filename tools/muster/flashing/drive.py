"""The drive that a Pico W shows in BOOTSEL mode: found, and given one UF2 file.

The chip restarts as soon as it has programmed every block, and its drive disappears: this is how it says that
nothing is missing. It cannot be read back.
"""

import errno
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import psutil

from muster.boards import Board
from muster.errors import FAILED, NO_DEVICE, WRONG_USE, MusterError

APPEARS_S = 30  # from the restart into BOOTSEL mode until the drive is mounted
GOES_S = 20  # from the last byte until the drive is gone
_LOOK_S = 0.1
_INFO = "INFO_UF2.TXT"
_FILE = "muster.uf2"
_PIECE = 64 * 512
_GONE = (errno.EIO, errno.ENODEV, errno.ENXIO, errno.ENOENT, errno.ESTALE)


def find(board: Board, inside: Path | None = None) -> list[Path]:
    """The mounted drives of boards of this kind in BOOTSEL mode; those in the folder `inside` too."""
    mounted = [Path(part.mountpoint) for part in psutil.disk_partitions()]
    if inside is not None and inside.is_dir():
        mounted += inside.iterdir()
    return [folder for folder in mounted if is_drive(folder, board)]


def is_drive(folder: Path, board: Board) -> bool:
    """Whether `folder` is such a drive."""
    try:
        return f"Board-ID: {board.boot_drive}\n" in (folder / _INFO).read_text().replace("\r\n", "\n")
    except (OSError, ValueError):
        return False


def check(folder: Path, board: Board) -> None:
    """Raises MusterError when `folder` is not the drive of such a board in BOOTSEL mode."""
    if not folder.is_dir():
        raise MusterError(f"there is no drive {folder}: hold BOOTSEL while you plug the board in.", NO_DEVICE)
    if not is_drive(folder, board):
        raise MusterError(f"{folder} is not the drive of a {board.title} in BOOTSEL mode.", WRONG_USE)


def new_one(board: Board, before: Iterable[Path], inside: Path | None = None) -> Path:
    """The drive that was not there `before`, as soon as it is. Raises MusterError when none comes in time."""
    known, end_s = set(before), time.monotonic() + APPEARS_S
    while time.monotonic() < end_s:
        found = [folder for folder in find(board, inside) if folder not in known]
        if found:
            return found[0]
        time.sleep(_LOOK_S)
    raise MusterError(
        f"no drive of a {board.title} appeared within {APPEARS_S} s: mount it, then name it with --drive.",
        NO_DEVICE,
    )


def write(folder: Path, blocks: bytes, report: Callable[[int, int], object]) -> None:
    """Give the drive the UF2 file `blocks`, and wait until the board has restarted.

    `report(done, total)`: bytes of the file. Raises MusterError when the board does not take all of it.
    """
    done = 0
    try:
        with (folder / _FILE).open("wb", buffering=0) as file:
            while done < len(blocks):
                done += file.write(blocks[done : done + _PIECE])
                os.fsync(file.fileno())
                report(done, len(blocks))
                if done < len(blocks) and not _is_there(folder):
                    raise OSError(errno.ENODEV, "unplugged")
    except OSError as error:
        # The board may be quicker than the computer: it is gone when it has the last block.
        if error.errno not in _GONE or done < len(blocks) - _PIECE:
            raise MusterError(_stopped(folder, error), FAILED) from None
    end_s = time.monotonic() + GOES_S
    while _is_there(folder):
        if time.monotonic() > end_s:
            raise MusterError(
                f"the board at {folder} did not restart: it lacks a part of the file. Unplug it, plug it in "
                "again while you hold BOOTSEL, then try again."
            )
        time.sleep(_LOOK_S)


def _is_there(folder: Path) -> bool:
    try:
        return (folder / _INFO).exists()
    except OSError:  # mounted, but the board behind it has gone
        return False


def _stopped(folder: Path, error: OSError) -> str:
    if error.errno in _GONE:
        return f"the board at {folder} was unplugged: hold BOOTSEL while you plug it in, then try again."
    return f"writing to {folder} failed ({error.strerror}): plug the board in again with BOOTSEL held."
