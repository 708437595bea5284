"""The console of a board, listened to: nothing is sent, no program is interrupted, other programs go first.

mpremote locks a port while it uses it (flock, as pyserial does). Whoever listens here takes that lock only
for the moment of each read: with mpremote at work no byte is read, and mpremote never finds the port locked
for longer than that.
"""

import codecs
import contextlib
import os
import re
import select
import sys
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import serial
from serial.tools import list_ports

PORT_ERRORS: tuple[type[Exception], ...] = (OSError, serial.SerialException)  # of a port that goes
if sys.platform != "win32":  # where a port has one program only
    import fcntl
    import termios

    PORT_ERRORS = (*PORT_ERRORS, termios.error)

# TypeError: the port was closed while it is read (pyserial).
_LOST: tuple[type[Exception], ...] = (*PORT_ERRORS, TypeError)

BAUD = 115200
HEARD = "heard"  # the port is open
BUSY = "busy"  # another program uses it
GONE = "gone"  # it cannot be opened

_LOOK_S = 0.2
_MOST_LINE = 4096  # characters; what is longer is no line of a program
_SAID = re.compile(r" *(\d+) ms  (\S+) +(.*)")


class Said(NamedTuple):
    """A line of the program: milliseconds since the start, its source, its text."""

    ms: int
    source: str
    text: str


def said(line: str) -> Said | None:
    """What the program said in this line of the console; None when another one did."""
    found = _SAID.fullmatch(line)
    return Said(int(found[1]), found[2], found[3]) if found else None


def boards() -> list[str]:
    """The serial ports with a USB device."""
    return sorted(port.device for port in list_ports.comports() if port.vid)


class Console:
    """Listens to the board on `port`. `state`: HEARD, BUSY or GONE; `on_state(state)` is told of a change."""

    def __init__(self, port: str, on_state: Callable[[str], object] = lambda _: None) -> None:
        self.port = port
        self.state = ""  # not known yet
        self._on_state = on_state
        self._serial: serial.Serial | None = None
        self._begun = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def lines(self, is_over: Callable[[], bool] = lambda: False) -> Iterator[str]:
        """The lines that come, without their ends, until `is_over()`; a port that is gone is waited for."""
        try:
            while not is_over():
                yield from self._new_lines()
        finally:
            self.close()

    def close(self) -> None:
        """Let go of the port; harmless when it is not open."""
        if self._serial is not None:
            with contextlib.suppress(OSError, serial.SerialException):
                self._serial.close()
            self._serial = None

    def _new_lines(self) -> Iterator[str]:
        """What has come, after a moment at most."""
        try:
            if self._serial is None:
                if self._is_locked():  # opening it would set its speed, and throw away what has come
                    self._be(BUSY)
                    time.sleep(_LOOK_S)
                    return
                self._serial = serial.Serial(self.port, BAUD, timeout=0)
                self._begun = ""
                self._be(HEARD)
            text = self._decoder.decode(self._read(self._serial))
        except _LOST:
            self.close()
            self._be(GONE)
            time.sleep(_LOOK_S)
            return
        *whole, self._begun = (self._begun + text).split("\n")
        self._begun = self._begun[:_MOST_LINE]
        for line in whole:
            yield line[:_MOST_LINE].rstrip("\r")

    def _is_locked(self) -> bool:
        if sys.platform == "win32":
            return False
        handle = os.open(self.port, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return False
        except BlockingIOError:
            return True
        finally:
            os.close(handle)

    def _read(self, port: serial.Serial) -> bytes:
        if sys.platform == "win32":
            port.timeout = _LOOK_S
            self._be(HEARD)
            return port.read(max(1, port.in_waiting))
        if not select.select([port], [], [], _LOOK_S)[0]:
            return b""
        try:
            fcntl.flock(port, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            self._be(BUSY)
            time.sleep(_LOOK_S)
            return b""
        try:
            self._be(HEARD)
            return port.read(max(1, port.in_waiting))
        finally:
            fcntl.flock(port, fcntl.LOCK_UN)

    def _be(self, state: str) -> None:
        if state != self.state:
            self.state = state
            self._on_state(state)
