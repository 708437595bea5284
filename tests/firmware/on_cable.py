"""An emulated Pico W that runs by itself: on a serial port, and as a drive in BOOTSEL mode."""

import threading
from pathlib import Path

from boards.boot_drive import BootDrive
from muster.emulated.pico_w import BOARD
from muster.emulated.serial_port import SerialPort
from muster.emulated.session import Session
from muster.image import board

_FACTS = board(BOARD)
_LONG_S = 300


class OnCable:
    """A board on `port`. In BOOTSEL mode its drive is in the folder `mounts`; then it runs what came.

    Without a file `image` it is blank, and starts in BOOTSEL mode. Use it with `with`.
    """

    def __init__(self, firmware: Path, image: Path, folder: Path) -> None:
        self.image = image
        self.mounts = folder / "mounts"
        self.mounts.mkdir()
        self.port = folder / "ttyACM0"
        self.console = self.said = ""
        self.usb = SerialPort(self.port)
        self.drive: BootDrive | None = None
        self._firmware = firmware
        self._changed = threading.Condition()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "OnCable":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        print(self.said)  # pytest shows it with a test that fails
        if self.drive is not None:
            self.drive.__exit__()
        self.usb.unplug()

    def wait_for(self, text: str) -> None:
        """Wait until the console has shown `text`; what was said up to there is not looked at again."""
        with self._changed:
            if not self._changed.wait_for(lambda: text in self.console, _LONG_S):
                raise AssertionError(f"it did not say {text!r} but {self.console[-2000:]!r}")
            self.console = self.console.partition(text)[2]

    def _run(self) -> None:
        while not self._over.is_set():
            if self.image.exists():
                Session(self._firmware, self.image, self._heard, self.usb).run(self._over.is_set)
            if not self._over.is_set():
                self._wait_in_bootsel()

    def _wait_in_bootsel(self) -> None:
        restarted = threading.Event()
        self.drive = BootDrive(self.mounts / "RPI-RP2", on_restart=lambda _: restarted.set())
        self.drive.appear()
        while not self._over.is_set():
            if restarted.wait(0.1):
                self.image.write_bytes(self.drive.flash[_FACTS.flash_offset :][: _FACTS.size])
                return

    def _heard(self, data: bytes) -> None:
        text = data.decode(errors="replace").replace("\r", "")
        with self._changed:
            self.said += text
            self.console += text
            self._changed.notify_all()
