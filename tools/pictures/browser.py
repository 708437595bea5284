"""A real browser for pictures, and what becomes of its screenshots."""

import base64
import contextlib
import io
import shutil
from collections.abc import Iterator, Sequence
from typing import Any

from PIL import Image

from muster.errors import MusterError

SCALE = 1.25
_COLOURS = 160
_CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
_FRAME = '<body style="margin:0;display:inline-flex;align-items:start;gap:16px;padding:8px">%s</body>'
_SCREEN = (
    '<img src="data:image/png;base64,%s" width="%d" style="border-radius:18px;border:3px solid #7a858f">'
)


@contextlib.contextmanager
def running() -> Iterator[Any]:
    """Chromium, driven by playwright. Raises MusterError when it is not there."""
    program = next(filter(None, map(shutil.which, _CHROMIUM)), None)
    if program is None:
        raise MusterError("there is no Chromium on PATH: install Debian's package `chromium`.")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program)
        try:
            yield browser
        finally:
            browser.close()


def beside(browser: Any, screens: Sequence[tuple[bytes, int]]) -> bytes:
    """A small PNG of screenshots beside each other, each as wide as is said with it."""
    page = browser.new_page(viewport={"width": 1400, "height": 900}, device_scale_factor=SCALE)
    page.set_content(
        _FRAME % "".join(_SCREEN % (base64.b64encode(one).decode(), width) for one, width in screens)
    )
    picture: bytes = page.locator("body").screenshot(omit_background=True)
    small = io.BytesIO()
    Image.open(io.BytesIO(picture)).quantize(_COLOURS).save(small, "PNG", optimize=True)
    return small.getvalue()
