"""An ESP32 on a serial port, written and verified by esptool.

esptool has one logger for a process, so a process flashes one board at a time (see row.py).
"""

import contextlib
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from muster.boards import Board
from muster.console import PORT_ERRORS
from muster.errors import FAILED, NO_DEVICE, WRONG_USE, MusterError
from muster.flashing.esp_log import listener

# isort: split
import esptool
from esptool import cmds
from esptool.util import FatalError, flash_size_bytes

BAUD = 460800  # every usual USB bridge keeps up; 921600 is beyond some
_ATTEMPTS = 3  # to come into the loader: each takes esptool 2 s
_HOLD_BOOT = "hold its BOOT button while you plug it in, then try again"


class Loader:
    """The chip on `port`, in its loader; `mac` is its number. Use it with `with`.

    Every method raises MusterError when the board is not there, is another one, or is pulled out.
    """

    def __init__(self, port: str, board: Board, baud: int = BAUD) -> None:
        self._port, self._board, self._baud = port, board, baud
        self._esp: Any = None
        self.mac = ""

    def __enter__(self) -> "Loader":
        with self._translated():
            self._esp = cmds.detect_chip(self._port, connect_attempts=_ATTEMPTS)
            self._check_chip()
            self.mac = ":".join(f"{octet:02x}" for octet in self._esp.read_mac("BASE_MAC"))
            self._esp = cmds.run_stub(self._esp)
            self._esp.WRITE_FLASH_ATTEMPTS = 1  # who pulls a cable is told so at once, not after 7 s
            if self._baud != esptool.ESPLoader.ESP_ROM_BAUD:
                self._esp.change_baud(self._baud)
            cmds.attach_flash(self._esp)
            self._check_flash()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the loader: the board starts."""
        if self._esp is not None:
            with contextlib.suppress(Exception):  # the cable may be out
                cmds.reset_chip(self._esp, "hard-reset")
            with contextlib.suppress(Exception):
                self._esp._port.close()

    def write(self, parts: Mapping[int, bytes], report: Callable[[int, int], object]) -> None:
        """Write and verify `parts` {bytes from the start of the flash: content}.

        `report(done, total)`: bytes that go through the cable, about.
        """
        sizes = {offset: len(zlib.compress(part, 1)) for offset, part in parts.items()}
        total, before = sum(sizes.values()), 0
        with self._translated():
            for offset, part in sorted(parts.items()):
                listener.report = _scaled(report, before, sizes[offset], total)
                cmds.write_flash(self._esp, [(offset, part)])
                before += sizes[offset]
                report(before, total)

    def _check_chip(self) -> None:
        wanted = esptool.CHIP_DEFS[self._board.chip].CHIP_NAME
        if wanted != self._esp.CHIP_NAME:
            raise MusterError(
                f"the chip on {self._port} is an {self._esp.CHIP_NAME}, not an {wanted}: nothing was "
                "written.",
                WRONG_USE,
            )
        if self._esp.secure_download_mode or self._esp.get_flash_encryption_enabled():
            raise MusterError(
                f"the chip on {self._port} encrypts its flash or is locked: MicroPython cannot run from it.",
                WRONG_USE,
            )

    def _check_flash(self) -> None:
        size = flash_size_bytes(cmds.detect_flash_size(self._esp))
        # MicroPython's file system is all that is left of the flash: an image fits one size only.
        if size != self._board.flash_bytes:
            has = "has no flash that answers" if size is None else f"has {size >> 20} MiB of flash"
            raise MusterError(
                f"the board on {self._port} {has}; the image is for {self._board.flash_bytes >> 20} MiB: "
                "nothing was written.",
                WRONG_USE,
            )

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except PORT_ERRORS as error:
            raise MusterError(self._lost(error), NO_DEVICE) from None
        except FatalError as error:
            text, code = self._failed(str(error))
            raise MusterError(text, code) from None

    def _lost(self, error: Exception) -> str:
        if self._esp is None:
            return self._closed(str(error))
        return f"the board on {self._port} was unplugged, or its cable is bad: plug it in, then try again."

    def _closed(self, said: str) -> str:
        if "Permission" in said:
            return f"you may not open {self._port} (on Linux: join the group dialout)."
        if Path(self._port).exists():
            return f"{self._port} cannot be opened: is it a serial port, and used by no other program?"
        return f"no board on {self._port}: check the cable."

    def _failed(self, said: str) -> tuple[str, int]:
        """What a person is told when esptool says this, and the exit code."""
        reason = said.splitlines()[0].rstrip(".")
        if "Could not open" in reason:
            return self._closed(reason), NO_DEVICE
        if "Failed to connect" in reason or "No serial data" in reason:
            return f"the chip on {self._port} does not answer in its loader: {_HOLD_BOOT}.", NO_DEVICE
        if "autodetect" in said:
            return f"no chip of Espressif's answers on {self._port} ({reason}): {_HOLD_BOOT}.", NO_DEVICE
        if "MD5" in reason or "Write failed" in reason:
            return f"the flash of the board on {self._port} does not keep what is written to it.", FAILED
        return f"writing to the board on {self._port} failed ({reason}): check its cable.", FAILED


def _scaled(
    report: Callable[[int, int], object], before: int, size: int, total: int
) -> Callable[[int, int], object]:
    return lambda done, of: report(before + size * done // max(of, 1), total)
