"""What a virtual board needs on the host while it is on, all of which ends with it."""

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Container, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from muster.errors import MusterError
from muster.guard import Guard
from muster.virtual_network import Servers

_PINS_BYTES = 128


class Power:
    """The lock on the image, the report of block operations, name and time servers, the guard.

    Raises MusterError when the image cannot be written, or another virtual board is on with it.
    """

    def __init__(self, image: Path, settings: Mapping[str, str], silent: Container[str] = ()) -> None:
        with contextlib.ExitStack() as opened:
            lock = opened.enter_context(locked(image))
            self._report = opened.enter_context(tempfile.TemporaryFile())
            kept = opened.enter_context(tempfile.TemporaryFile())
            self._pins = opened.enter_context(tempfile.TemporaryFile())
            self.servers = Servers(settings, silent)
            opened.callback(self.servers.close)
            self.guard = Guard()
            opened.callback(self.guard.close)
            # The board has them too: a lock lasts as long as any of the two is there.
            self.handles = (lock.fileno(), self._report.fileno(), kept.fileno(), self._pins.fileno())
            self.report = f"/dev/fd/{self._report.fileno()}"  # the file has no name
            self.kept = f"/dev/fd/{kept.fileno()}"  # memory that a reset keeps
            self.pins = f"/dev/fd/{self._pins.fileno()}"  # those that are low
            self.hold(settings.get("PIN_LOW", ""))
            self._opened = opened.pop_all()

    def operations(self) -> str:
        """One letter per block operation."""
        handle = self._report.fileno()
        return os.pread(handle, os.fstat(handle).st_size, 0).decode()

    def hold(self, pins: str) -> None:
        """Only these pins are low, as inputs; numbers with commas."""
        os.pwrite(self._pins.fileno(), pins.encode().ljust(_PINS_BYTES), 0)

    def off(self) -> None:
        """Close everything."""
        self._opened.close()


@contextlib.contextmanager
def locked(image: Path) -> Iterator[BinaryIO]:
    """The open image, kept from other virtual boards. Raises MusterError when one is on with it."""
    try:
        file = image.open("r+b")
    except OSError as error:
        raise MusterError(f"the image {image} cannot be written ({error.strerror}).") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise MusterError(
                f"another virtual board is on with {image}: stop it, or run a copy of the image."
            ) from None
        yield file
