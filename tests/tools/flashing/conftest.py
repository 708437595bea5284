"""A home with devices and their images, small and quick to build."""

from pathlib import Path

import pytest

from boards import firmware_files
from muster.boards import board
from muster.enrolment import secrets
from muster.fleet import devices, groups
from muster.image import build_image, read_image
from muster.registry import Registry
from muster.registry.flashes import Flash

NAME_FILE = "/name"


class Line:
    """A home: devices cam-1, cam-2 and so on, with images that say whose they are."""

    def __init__(self, folder: Path, count: int, kind: str) -> None:
        self.home = folder / "home"
        self.kind = kind
        registry = Registry(self.home)
        groups.add(registry, secrets.Vault(self.home), "cams", 0)
        self.names = [f"cam-{number}" for number in range(1, count + 1)]
        for name in self.names:
            devices.add(registry, "cams", name, 0)
        registry.close()
        (self.home / "images").mkdir()
        for name in self.names:
            self.image(name).write_bytes(build_image({NAME_FILE: name.encode()}, kind))
        made = firmware_files.esp() if kind == "esp32" else firmware_files.pico()
        self.firmware = folder / ("firmware.bin" if kind == "esp32" else "firmware.uf2")
        self.firmware.write_bytes(made)

    def image(self, name: str) -> Path:
        """Where the image of a device is."""
        return self.home / "images" / f"{name}-{self.kind}.img"

    def on(self, flash: bytes) -> str:
        """Which device the flash of a board says it is; "" when its file system is not whole."""
        facts = board(self.kind)
        part = bytes(flash[facts.flash_offset :][: facts.size])
        return read_image(part, self.kind)[NAME_FILE].decode() if part.strip(b"\xff") else ""

    def known(self) -> list[Flash]:
        """What the registry knows of boards."""
        registry = Registry(self.home)
        try:
            return registry.flashes.all()
        finally:
            registry.close()


@pytest.fixture
def esp_line(tmp_path: Path) -> Line:
    """Eight devices, with images for ESP32s."""
    return Line(tmp_path, 8, "esp32")


@pytest.fixture
def pico_line(tmp_path: Path) -> Line:
    """Three devices, with images for Pico Ws."""
    return Line(tmp_path, 3, "pico_w")
