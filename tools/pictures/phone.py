"""The page of a board on a phone, as PNG: screenshots of a real run, in a browser that must be there."""

import tempfile
from pathlib import Path
from typing import Any

from device.core import fields
from muster import demo, web_password
from muster.twin.server import running_twin
from muster.virtual import VirtualBoard
from pictures import browser

_SIZE = {"width": 390, "height": 800}
_WIDTH = 300
_AROUND = {
    "NETWORKS": '{"workshop": "any will do", "guest": ""}',
    "HOSTS": "pool.ntp.org=127.0.0.1,time.google.com=127.0.0.1",
}


def draw() -> bytes:
    """Three screens beside each other: what everyone sees, the log-in, and a network being added."""
    password = web_password.random_password()
    with tempfile.TemporaryDirectory() as folder, running_twin(Path(folder) / "twin") as twin:
        image = Path(folder) / "flash.img"
        demo.flash(twin, image, fields.KEYS_CLOUD, demo.web(password, True))
        with VirtualBoard(image, environment=_AROUND) as board, browser.running() as chromium:
            board.wait_for(demo.LAST)
            address = demo.PAGE.findall(board.wait_for(demo.PAGE))[0]
            return browser.beside(chromium, [(one, _WIDTH) for one in _screens(chromium, address, password)])


def _screens(chromium: Any, address: str, password: str) -> list[bytes]:
    screens = []
    for scheme in ("light", "dark"):
        page = chromium.new_page(viewport=_SIZE, color_scheme=scheme, device_scale_factor=browser.SCALE)
        page.goto(address)
        page.wait_for_selector("#qr svg")
        page.wait_for_selector("#overall.done")
        if scheme == "light":
            screens.append(page.screenshot())
        page.fill("#password", password)
        if scheme == "light":
            page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
            screens.append(page.screenshot())
            continue
        page.press("#password", "Enter")
        page.wait_for_selector("#inside:not([hidden])")
        page.click("#scan")
        page.wait_for_selector("#found li")
        page.locator("#network-card").evaluate("(card) => card.scrollIntoView()")
        screens.append(page.screenshot())
    return screens
