"""A console on a pseudo-terminal, at a path of one's own: mpremote takes it for a board's port."""

import contextlib
import os
import pty
import select
import tty
from pathlib import Path

from muster.errors import WRONG_USE, MusterError

_MOST_UNREAD = 65536  # bytes that wait for a reader; then the oldest go


class SerialPort:
    """The port `link`. It is there while the board is plugged in, whether or not anybody is connected."""

    def __init__(self, link: Path) -> None:
        """Raises MusterError when something is at `link`."""
        if link.exists():
            raise MusterError(f"{link} is there already: remove it, or name another path.", WRONG_USE)
        self.link = link
        self._ends: tuple[int, int] | None = None  # ours, and that of whoever connects
        self._unread = bytearray()

    def __enter__(self) -> "SerialPort":
        return self

    def __exit__(self, *_: object) -> None:
        self.unplug()

    def plug_in(self) -> None:
        """The board's USB has come up."""
        self.unplug()
        outer, inner = self._ends = pty.openpty()
        tty.setraw(inner)
        os.set_blocking(outer, False)
        self.link.unlink(missing_ok=True)  # of a process that was killed
        self.link.symlink_to(os.ttyname(inner))

    def unplug(self) -> None:
        """The board's USB has gone, and the port with it."""
        if self._ends:
            self.link.unlink(missing_ok=True)
            for end in self._ends:
                os.close(end)
        self._ends = None
        self._unread.clear()

    def say(self, data: bytes) -> None:
        """Pass on what the board says, as far as the reader keeps up; the rest goes with `typed`."""
        if self._ends:
            self._unread += data
            self._pass_on()
            del self._unread[:-_MOST_UNREAD]

    def typed(self, most: int) -> bytes:
        """What has been typed since, up to `most` bytes."""
        if self._ends is None:
            return b""
        self._pass_on()
        if not select.select([self._ends[0]], [], [], 0)[0]:
            return b""
        return os.read(self._ends[0], most)

    def _pass_on(self) -> None:
        assert self._ends is not None
        if self._unread:
            with contextlib.suppress(BlockingIOError):
                del self._unread[: os.write(self._ends[0], self._unread)]
