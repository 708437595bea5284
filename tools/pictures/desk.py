"""The operator's page of the twin, as PNG: screenshots of a real run, in a browser that must be there."""

import tempfile
import time
from pathlib import Path
from typing import Any

from device.core import fields, topics
from muster import demo, web_password
from muster.registry.certificates import ACTIVE
from muster.registry.things import Thing
from muster.twin.https import passwords
from muster.twin.server import RunningTwin, running_twin
from muster.twin.settings import Settings
from muster.virtual import VirtualBoard
from pictures import browser

_ACCOUNT = "olga"
_WIDE = {"width": 860, "height": 620}
_PHONE = {"width": 390, "height": 884}
_OWNED, _FREE = "7423FFA8DT", "K2M9Q4XW7E"
_HOUR_S = 3600
_READING = b'{"celsius": 21.5}'
_AROUND = {
    "NETWORKS": '{"workshop": "any will do"}',
    "HOSTS": "pool.ntp.org=127.0.0.1,time.google.com=127.0.0.1",
}


def draw() -> bytes:
    """All devices on a computer, and the live messages on a phone."""
    password = web_password.random_password()
    settings = Settings(page_port=0)
    with tempfile.TemporaryDirectory() as folder, running_twin(Path(folder) / "twin", settings) as twin:
        _people(twin, password)
        image = Path(folder) / "flash.img"
        demo.flash(twin, image, fields.KEYS_CLOUD, demo.web(web_password.random_password(), True))
        with VirtualBoard(image, environment=_AROUND) as board, browser.running() as chromium:
            board.wait_for(demo.LAST)
            topic = topics.own(twin.settings.topic_prefix, demo.SERIAL, "temperature")
            twin.send(topic, _READING)
            return browser.beside(
                chromium, [(_devices(chromium, twin, password), 720), (_live(chromium, twin, password), 300)]
            )


def _people(twin: RunningTwin, password: str) -> None:
    """An operator, and three more devices in other states."""
    registry, now_s = twin.registry, time.time()
    registry.accounts.add(_ACCOUNT, passwords.hashed(password), now_s, is_operator=True)
    registry.accounts.add("ada", "", now_s)
    registry.products.add("camera", "token", now_s)
    for claim_id in (_OWNED, _FREE):
        registry.claims.register(claim_id, "camera", "digest", now_s - 2 * _HOUR_S)
    registry.claims.set_owner(_OWNED, "ada", now_s - _HOUR_S)
    registry.things.put(Thing("camera-0002", None, {}, [], now_s))
    registry.certificates.add("5d" * 32, "", ACTIVE, now_s - 90 * _HOUR_S, now_s - _HOUR_S)
    registry.things.attach("camera-0002", "5d" * 32)


def _sign_in(chromium: Any, twin: RunningTwin, password: str, **options: Any) -> Any:
    page = chromium.new_page(device_scale_factor=browser.SCALE, **options)
    page.goto(twin.page_url)
    page.get_by_label("Name").fill(_ACCOUNT)
    page.get_by_label("Password").fill(password)
    page.keyboard.press("Enter")
    page.wait_for_selector("h1:has-text('My boards')")
    return page


def _devices(chromium: Any, twin: RunningTwin, password: str) -> bytes:
    page = _sign_in(chromium, twin, password, viewport=_WIDE)
    page.get_by_role("link", name="Devices").click()
    page.wait_for_selector(".state.done")
    screen: bytes = page.screenshot(full_page=True)
    return screen


def _live(chromium: Any, twin: RunningTwin, password: str) -> bytes:
    page = _sign_in(chromium, twin, password, viewport=_PHONE, color_scheme="dark")
    page.get_by_role("link", name="Messages").click()
    page.wait_for_selector("text=appear by themselves")
    page.locator(".live").evaluate("(row) => row.scrollIntoView()")
    screen: bytes = page.screenshot()
    return screen
