"""An ESP32 that a person plugs in and unplugs: in its loader when esptool comes, else with a program.

Nobody sees DTR and RTS on a pseudo-terminal. So the chip goes to its loader when a SYNC comes, and starts
when esptool, which resets it at the end, has gone. Its program is what `say(flash)` gives: lines, again and
again.
"""

import contextlib
import fcntl
import os
import select
import termios
import threading
from collections.abc import Callable
from pathlib import Path

from boards.esp_loader import EspLoader

_SYNC = b"\xc0\x00\x08"
_SAY_S = 0.1


class _Plugged(EspLoader):
    """The chip while it is on a cable."""

    def __init__(self, mac: str, flash: bytearray, say: Callable[[bytearray], list[str]]) -> None:
        super().__init__(mac, flash=flash)
        self._say = say
        self._in_loader = False
        self._is_fast = False  # esptool was seen to change the speed
        fcntl.fcntl(self._outer, fcntl.F_SETFL, fcntl.fcntl(self._outer, fcntl.F_GETFL) | os.O_NONBLOCK)

    def _receive(self) -> bytes | None:
        while True:
            ready, _, _ = select.select([self._outer, self._stop_read], [], [], _SAY_S)
            if self._stop_read in ready:
                return None
            if self._in_loader and self._is_reset():
                self._outer_end = os.open(self.port, os.O_RDWR | os.O_NOCTTY)
                self._in_loader = self._is_fast = False
                self.restart()
                continue
            if not ready:
                if not self._in_loader:
                    self._speak()
                continue
            data = os.read(self._outer, 4096)
            if not self._in_loader:
                if _SYNC not in data:
                    continue
                self._in_loader = True
                data = data[data.index(_SYNC) :]
                os.close(self._outer_end)  # so that a close is seen
                self._outer_end = -1
            return data

    def _is_reset(self) -> bool:
        """Whether esptool has gone: nobody has the port, or another one, who opened it at the usual speed."""
        poll = select.poll()
        poll.register(self._outer, 0)
        if poll.poll(0):  # POLLHUP
            return True
        is_usual = termios.tcgetattr(self._outer)[4] == termios.B115200
        self._is_fast = self._is_fast or not is_usual
        return self._is_fast and is_usual

    def _send(self, packet: bytes) -> None:
        with contextlib.suppress(OSError):  # a full line loses bytes, as a UART does
            super()._send(packet)

    def _speak(self) -> None:
        for line in self._say(self.flash):
            with contextlib.suppress(OSError):
                os.write(self._outer, line.encode() + b"\r\n")


class EspBoard:
    """The board; `flash` is what it holds, `link` where it is plugged in."""

    def __init__(self, mac: str, say: Callable[[bytearray], list[str]]) -> None:
        self.mac = mac
        self.flash = bytearray(b"\xff") * (4 << 20)
        self._say = say
        self._link: Path | None = None
        self._plugged: _Plugged | None = None
        self._lock = threading.Lock()

    def plug_in(self, link: Path) -> None:
        """Put it on the cable whose port is called `link`."""
        with self._lock:
            self._link, self._plugged = link, _Plugged(self.mac, self.flash, self._say)
            self._plugged.__enter__()
            link.symlink_to(self._plugged.port)

    def unplug(self) -> None:
        """Pull it off; harmless when it is not on a cable."""
        with self._lock:
            if self._plugged is not None and self._link is not None:
                self._link.unlink()
                self._plugged.__exit__()
                self._plugged = self._link = None
