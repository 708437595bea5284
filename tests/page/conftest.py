"""A browser as large as a phone, and a server that answers as a board does."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from muster.twin.server import RunningTwin, running_twin
from muster.twin.settings import Settings
from tests.page import contract
from tools.twin.browser import PASSWORD
from tools.twin.operating import add_people

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
    """opened(url, before, **options of the context) -> the page, which must have no error of its own.

    `before(page)` is called before the page loads.
    """
    contexts, errors = [], []

    def open_page(url: str, before: Callable[[Any], object] = lambda _: None, **options: Any) -> Any:
        context = chromium.new_context(**{"viewport": PHONE, "locale": "en-GB", **options})
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda line: errors.append(line.text) if "Security Policy" in line.text else None)
        before(page)
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


@pytest.fixture
def twin(tmp_path: Path) -> Iterator[RunningTwin]:
    """A twin with its page and people."""
    settings = Settings(authority_key="ec", claim_key="ec", key_pool=0, https_port=0, page_port=0)
    with running_twin(tmp_path / "home", settings) as running:
        add_people(running)
        yield running


@pytest.fixture
def signed_in(opened: Callable[..., Any], twin: RunningTwin) -> Callable[..., Any]:
    """signed_in(name, **options of the context) -> the page with the list of boards."""

    def sign_in(name: str = "ada", **options: Any) -> Any:
        page = opened(twin.page_url, **options)
        page.get_by_label("Name").fill(name)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_selector("h1:has-text('My boards')")
        return page

    return sign_in
