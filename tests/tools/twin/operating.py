"""A twin with people and an operator, and their browsers."""

import time

from muster.twin.https import passwords
from tools.twin.browser import PASSWORD, Browser
from tools.twin.https_client import TOKEN

HASH = passwords.hashed(PASSWORD)


class Clock:
    def __init__(self) -> None:
        self.ahead_s = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead_s


def add_people(twin) -> None:
    """A product, the accounts ada and bob, and the operator olga."""
    twin.registry.products.add("camera", TOKEN, 0)
    for name in ("ada", "bob"):
        twin.registry.accounts.add(name, HASH, 0)
    twin.registry.accounts.add("olga", HASH, 0, is_operator=True)


def operated(start, clock: Clock):
    """A twin with its builder, its page, and people."""
    running = start(https_port=0, page_port=0, clock=clock, release_wait_s=0.5)
    add_people(running)
    return running


def signed_in(twin, name: str) -> Browser:
    browser = Browser(twin)
    assert browser.sign_in(name).status == 200
    return browser


def at(browser: Browser, path: str = ""):
    """A page of the operator's."""
    return browser.get("/operator" + path)


def post(browser: Browser, path: str, **form: str):
    """A form of the operator's, with its token."""
    return browser.post("/operator" + path, token=browser.get("/").hidden("token"), **form)


def sees(browser: Browser, path: str, text: str) -> None:
    """Wait for what another thread does."""
    end_s = time.monotonic() + 30
    while text not in (seen := at(browser, path).seen):
        assert time.monotonic() < end_s, seen
        time.sleep(0.02)
