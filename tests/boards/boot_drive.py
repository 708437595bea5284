"""The drive that a Pico W shows in BOOTSEL mode, as a folder: it takes a UF2 file and disappears.

Source: Microsoft's "USB Flashing Format (UF2)"; RP2040 datasheet, section 2.8.4 (USB mass storage): blocks of
the family are programmed in any order, others are ignored, and the chip restarts when it has all of them.
"""

import shutil
import struct
import threading
from collections.abc import Callable
from pathlib import Path

_HEAD = struct.Struct("<8I")
_MAGIC = (0x0A324655, 0x9E5D5157)
_END = 0x0AB16F30
_BASE = 0x10000000
_INFO = "UF2 Bootloader v3.0\nModel: Raspberry Pi {chip}\nBoard-ID: {id}\n"
FAMILIES = {"RPI-RP2": (0xE48BFF56, "RP2"), "RP2350": (0xE48BFF59, "RP2350")}


class BootDrive:
    """A board in BOOTSEL mode, whose drive is `folder`. Use it with `with`.

    `flash` is what it has programmed, and `has_restarted` says whether it has got all blocks. `unplug_at`:
    the drive goes away when so many blocks have come. `on_restart(drive)` is called when it has all of them.
    """

    def __init__(
        self,
        folder: Path,
        flash_bytes: int = 2 << 20,
        board_id: str = "RPI-RP2",
        *,
        unplug_at: int | None = None,
        on_restart: Callable[["BootDrive"], object] = lambda _: None,
    ) -> None:
        self.folder = folder
        self.flash = bytearray(b"\xff") * flash_bytes
        self.faults: list[str] = []
        self.has_restarted = False
        self._family, chip = FAMILIES[board_id]
        self._info = _INFO.format(chip=chip, id=board_id)
        self._unplug_at, self._on_restart = unplug_at, on_restart
        self._seen: set[int] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def appear(self) -> None:
        """The board is in BOOTSEL mode now."""
        made = self.folder.with_name(self.folder.name + ".making")
        made.mkdir()
        (made / "INFO_UF2.TXT").write_text(self._info)
        (made / "INDEX.HTM").write_text("<html>")
        made.rename(self.folder)
        self._thread.start()

    def __enter__(self) -> "BootDrive":
        self.appear()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _watch(self) -> None:
        taken: dict[Path, int] = {}
        while not self._stop.wait(0.005):
            for path in self.folder.glob("*"):
                if path.name in ("INFO_UF2.TXT", "INDEX.HTM"):
                    continue
                with path.open("rb") as file:
                    file.seek(taken.get(path, 0))
                    data = file.read()
                whole = len(data) // 512 * 512
                taken[path] = taken.get(path, 0) + whole
                for at in range(0, whole, 512):
                    if self._take(data[at : at + 512]):
                        shutil.rmtree(self.folder, ignore_errors=True)
                        if self.has_restarted:
                            self._on_restart(self)
                        return

    def _take(self, block: bytes) -> bool:
        """Program a block; whether the drive goes away."""
        *magic, flags, address, size, number, count, family = _HEAD.unpack(block[:32])
        if tuple(magic) != _MAGIC or struct.unpack("<I", block[508:])[0] != _END:
            self.faults.append(f"block {number} is none")
        elif not flags & 0x2000 or family != self._family:
            return False
        elif size != 256 or address % 256 or not 0 <= address - _BASE <= len(self.flash) - 256:
            self.faults.append(f"block {number} has no place: {address:#x}, {size}")
        else:
            self.flash[address - _BASE : address - _BASE + 256] = block[32 : 32 + 256]
            self._seen.add(number)
            self.has_restarted = len(self._seen) == count
        return self.has_restarted or len(self._seen) == self._unplug_at
