"""The page for people in a real browser: claim, live list, scanner, keyboard, screen reader, both schemes."""

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from muster.twin.server import RunningTwin
from tests.page.looking import complaints, tab_to
from tools.twin.browser import PASSWORD
from tools.twin.https_client import CODE, OTHER_CODE, Board

SHOWN = "7423F-FA8DT-N"

# A camera that shows a label, and a browser that reads it: Chromium on Linux has no BarcodeDetector.
SCANNER = """
navigator.mediaDevices.getUserMedia = async () => document.createElement("canvas").captureStream();
Object.defineProperty(HTMLMediaElement.prototype, "readyState", { get: () => 4 });
window.BarcodeDetector = class {
  detect() {
    window.looks = (window.looks || 0) + 1;
    return Promise.resolve(looks > 2 ? [{ rawValue: "%s" }] : []);
  }
};
"""


@pytest.fixture
def twin(twin: RunningTwin) -> RunningTwin:
    """With two boards that wait to be claimed."""
    Board(twin).register()
    Board(twin, OTHER_CODE).register()
    return twin


def claim(page: Any, code: str) -> None:
    page.get_by_label("Claim ID").fill(code)
    page.get_by_role("button", name="Claim it").click()


def test_from_signing_in_to_releasing(signed_in) -> None:
    page = signed_in()
    claim(page, "7423f-fa8dt")
    page.wait_for_selector(f"text={SHOWN} is yours now")
    assert page.locator("article .state").inner_text() == "Waiting for the board"
    page.get_by_role("link", name=f"Release {SHOWN}").click()
    page.get_by_role("button", name="Release it").click()
    page.wait_for_selector("text=You have no boards yet")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_selector("h1:has-text('Sign in')")


def test_the_second_of_two_people_is_told(signed_in) -> None:
    ada, bob = signed_in("ada"), signed_in("bob")
    claim(ada, CODE)
    claim(bob, CODE)
    ada.wait_for_selector(f"text={SHOWN} is yours now")
    bob.wait_for_selector(f"text={SHOWN} was claimed by somebody else")
    assert bob.evaluate("document.activeElement.id") == "claim"


def test_the_list_follows_the_boards_and_keeps_the_focus(signed_in, twin) -> None:
    page = signed_in()
    claim(page, CODE)
    page.wait_for_selector("article")
    page.locator("article a").focus()
    twin.registry.claims.set_thing(CODE, "camera-0001")
    page.evaluate("refresh()")
    page.wait_for_selector("article >> text=Provisioning")
    assert page.evaluate("document.activeElement.id") == f"release-{CODE}"
    assert page.locator("#said").inner_text() == f"{SHOWN}: Provisioning"


def test_a_session_that_has_ended_leads_to_the_log_in(signed_in, twin) -> None:
    page = signed_in()
    twin.registry.accounts.set_password("ada", "")
    page.evaluate("refresh()")
    page.wait_for_selector("h1:has-text('Sign in')")


@pytest.mark.parametrize(
    ("label", "code"),
    [
        (SHOWN, SHOWN),
        ("7423ffa8dt", CODE),
        (f"https://example.org/b/{SHOWN}?x=1", SHOWN),
        (f"camera-0001 {CODE}", CODE),
        ("7423-FFA8-DT00-0000-*", "7423-FFA8-DT00-0000-*"),
    ],
)
def test_a_label_is_scanned(opened, twin, label, code) -> None:
    page = opened("about:blank")
    page.add_init_script(SCANNER % label)
    page.goto(twin.page_url)
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Scan the label").click()
    page.wait_for_selector("#scan-said:has-text('Scanned')")
    assert page.get_by_label("Claim ID").input_value() == code
    assert not page.locator("dialog").is_visible()
    assert page.evaluate("document.activeElement.id") == "claim"


def test_a_browser_that_cannot_scan_does_not_offer_it(signed_in) -> None:
    page = signed_in()
    if page.evaluate("'BarcodeDetector' in window"):
        pytest.skip("this browser can scan")
    assert not page.locator("#scan").is_visible()


def test_it_works_without_javascript(signed_in) -> None:
    page = signed_in(java_script_enabled=False)
    claim(page, CODE)
    page.wait_for_selector(f"text={SHOWN} is yours now")


def test_all_of_it_with_the_keyboard_only(opened, twin) -> None:
    page = opened(twin.page_url)
    page.keyboard.type("ada")  # the focus is there
    tab_to(page, "password")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector("h1:has-text('My boards')")
    tab_to(page, "claim")
    page.keyboard.type(SHOWN)
    page.keyboard.press("Enter")
    page.wait_for_selector("article")
    tab_to(page, f"release-{CODE}")
    page.keyboard.press("Enter")
    page.wait_for_selector("h1:has-text('Release')")
    tab_to(page, "Release it")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=is released")


@contextlib.contextmanager
def _wide(page: Any, width: int) -> Iterator[None]:
    yield
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "it scrolls sideways"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 1280])
def test_axe_has_no_complaint(opened, signed_in, twin, tmp_path, scheme, width) -> None:
    options = {"color_scheme": scheme, "viewport": {"width": width, "height": 800}, "bypass_csp": True}
    page = opened(twin.page_url, **options)
    with _wide(page, width):
        page.get_by_label("Name").fill("ada")
        page.get_by_label("Password").fill("wrong")
        page.keyboard.press("Enter")
        page.wait_for_selector("text=is wrong")
        assert complaints(page) == []
    page = signed_in(**options)
    with _wide(page, width):
        claim(page, OTHER_CODE)
        claim(page, CODE)
        twin.registry.claims.set_thing(CODE, "camera-0001")
        claim(page, "7423F-FA8DT-M")
        page.wait_for_selector("text=does not fit")
        assert complaints(page) == []
        page.screenshot(path=tmp_path / f"{scheme}-{width}.png", full_page=True)
        page.get_by_role("link", name=f"Release {SHOWN}").click()
        page.wait_for_selector("h1:has-text('Release')")
        assert complaints(page) == []
        page.screenshot(path=tmp_path / f"release-{scheme}-{width}.png", full_page=True)


def test_fingers_find_every_button(signed_in) -> None:
    page = signed_in()
    claim(page, CODE)
    page.wait_for_selector("article")
    for button in page.locator("button:visible, .button:visible, input:visible").all():
        box = button.bounding_box()
        assert box["height"] >= 44 and box["width"] >= 44, button.inner_text()


def test_nothing_is_cut_off_with_text_twice_as_large(signed_in) -> None:
    page = signed_in()
    claim(page, CODE)
    page.wait_for_selector("article")
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
