"""A browser as large as a phone, and a server that answers as a board does."""

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.page import contract

PHONE = {"width": 390, "height": 844}
_NAMES = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")  # not longer: playwright's event loop is in the way of commands that have one
def chromium() -> Iterator[Any]:
    """Debian's Chromium, driven by playwright; without one of them the tests say that they skip."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is missing: `make browser`")
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        pytest.skip("there is no Chromium on PATH (Debian's package `chromium`): the page is not tested")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found)
        yield browser
        browser.close()


@pytest.fixture
def board() -> Iterator[contract.Server]:
    with contract.Server() as server:
        yield server


@pytest.fixture
def opened(chromium: Any) -> Iterator[Callable[..., Any]]:
    """opened(url, **options of the context) -> the page; it fails if the page had an error of its own."""
    contexts, errors = [], []

    def open_page(url: str, **options: Any) -> Any:
        context = chromium.new_context(**{"viewport": PHONE, "locale": "en-GB", **options})
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda line: errors.append(line.text) if "Security Policy" in line.text else None)
        page.goto(url)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert errors == []


@pytest.fixture
def inside(opened: Callable[..., Any], board: contract.Server) -> Callable[..., Any]:
    """inside(**options) -> the page after the log-in."""

    def log_in(**options: Any) -> Any:
        page = opened(board.url, **options)
        page.fill("#password", contract.PASSWORD)
        page.click("#login >> text=Log in")
        page.wait_for_selector("#inside:not([hidden])")
        return page

    return log_in
