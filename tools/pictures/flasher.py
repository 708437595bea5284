"""The flasher in the browser, as PNG: the real page, in a browser that must be there."""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from muster.boards import board
from muster.flashing.firmware import Firmware
from muster.flashing.web import folder, parts
from muster.image import build_image
from pictures import browser

_ADDRESS = "http://127.0.0.1:8448/"
_VIEW = {"width": 560, "height": 700}
_AT_MS = 1_793_800_000_000
_FIRMWARE = {"esp32": (0x1000, 1_700_000), "pico_w": (0, 860_000)}  # offset and size, about
_DONE = {
    f"cam-{number}": {"board": f"24:0a:c4:9f:31:{number:02x}", "isDone": True, "at": _AT_MS + number * 70_000}
    for number in (1, 2)
}


def draw() -> bytes:
    """An ESP32 that comes next, and a Pico W."""
    with tempfile.TemporaryDirectory() as place, browser.running() as chromium:
        where = Path(place) / "page"
        folder.build(where, _devices(Path(place)), dict(map(_firmware, _FIRMWARE)))
        light, dark = (_shown(chromium, where, scheme) for scheme in ("light", "dark"))
        dark.click("#devices button:has-text('cam-4')")
        return browser.beside(chromium, [(light.screenshot(), 440), (dark.screenshot(), 440)])


def _devices(where: Path) -> list[folder.Device]:
    found = []
    for number, kind in enumerate(("esp32", "esp32", "esp32", "pico_w"), 1):
        path = where / f"{number}.img"
        path.write_bytes(build_image({"/name": str(number).encode()}, kind))
        found.append(folder.Device(f"cam-{number}", kind, path))
    return found


def _firmware(kind: str) -> tuple[str, Firmware]:
    offset, size = _FIRMWARE[kind]
    assert offset + size <= board(kind).flash_offset
    return kind, Firmware("1.28", "", {offset: bytes(size)})


def _shown(chromium: Any, where: Path, scheme: str) -> Any:
    page = chromium.new_page(
        device_scale_factor=browser.SCALE, viewport=_VIEW, color_scheme=scheme, locale="en-GB"
    )
    page.add_init_script(f"localStorage.setItem('muster.webflash', {json.dumps(json.dumps(_DONE))})")
    page.route(f"{_ADDRESS}**", _answer(where))
    page.goto(_ADDRESS)
    page.wait_for_selector("#started:not([hidden])")
    return page


def _answer(where: Path) -> Callable[[Any], None]:
    def answer(route: Any) -> None:
        route.fulfill(path=where / (urlsplit(route.request.url).path[1:] or parts.INDEX))

    return answer
