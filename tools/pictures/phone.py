"""The page of a board on a phone, as PNG: screenshots of a real run, in a browser that must be there."""

import base64
import io
import shutil
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

from device.core import fields
from muster import demo, web_password
from muster.errors import MusterError
from muster.twin.server import running_twin
from muster.virtual import VirtualBoard

_SIZE = {"width": 390, "height": 800}
_SCALE = 1.25
_COLOURS = 160
_FRAME = """\
<body style="margin:0;display:inline-flex;gap:16px;padding:8px">%s</body>"""
_PHONE = (
    '<img src="data:image/png;base64,%s" width="300" style="border-radius:18px;border:3px solid #7a858f">'
)
_AROUND = {
    "NETWORKS": '{"workshop": "any will do", "guest": ""}',
    "HOSTS": "pool.ntp.org=127.0.0.1,time.google.com=127.0.0.1",
}
_CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


def draw() -> bytes:
    """Three screens beside each other: what everyone sees, the log-in, and a network being added."""
    program = next(filter(None, map(shutil.which, _CHROMIUM)), None)
    if program is None:
        raise MusterError("there is no Chromium on PATH: install Debian's package `chromium`.")
    from playwright.sync_api import sync_playwright

    password = web_password.random_password()
    with tempfile.TemporaryDirectory() as folder, running_twin(Path(folder) / "twin") as twin:
        image = Path(folder) / "flash.img"
        demo.flash(twin, image, fields.KEYS_CLOUD, demo.web(password, True))
        with VirtualBoard(image, environment=_AROUND) as board:
            board.wait_for(demo.LAST)
            address = demo.PAGE.findall(board.wait_for(demo.PAGE))[0]
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=program)
                screens = _screens(browser, address, password)
                page = browser.new_page(viewport={"width": 980, "height": 660}, device_scale_factor=_SCALE)
                page.set_content(_FRAME % "".join(_PHONE % base64.b64encode(one).decode() for one in screens))
                picture: bytes = page.locator("body").screenshot(omit_background=True)
                browser.close()
    small = io.BytesIO()
    Image.open(io.BytesIO(picture)).quantize(_COLOURS).save(small, "PNG", optimize=True)
    return small.getvalue()


def _screens(browser: Any, address: str, password: str) -> list[bytes]:
    screens = []
    for scheme in ("light", "dark"):
        page = browser.new_page(viewport=_SIZE, color_scheme=scheme, device_scale_factor=_SCALE)
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
