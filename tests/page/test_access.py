"""For everyone: keyboard only, a screen reader's view (axe-core), narrow and wide, light and dark."""

import pytest

from tests.page import contract
from tests.page.looking import complaints, tab_to

CARDS = ("identity", "memory", "services", "app", "log", "restart", "release")


@pytest.fixture
def troubled(board):
    board.contract.state.update(steps=contract.TROUBLED_STEPS, problems=contract.TROUBLES)
    board.contract.state["app"] = {"state": "failing", "error": contract.CRASH}
    board.contract.state["services"][3].update(state="failing", text="the claim certificate was refused")
    return board


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 1280])
def test_axe_has_no_complaint(opened, troubled, scheme, width) -> None:
    """Before the log-in, after it with everything open, and while the board is away; contrast included."""
    options = {"color_scheme": scheme, "viewport": {"width": width, "height": 800}, "bypass_csp": True}
    page = opened(troubled.url, **options, reduced_motion="reduce")
    page.wait_for_selector("#steps li")
    assert complaints(page) == []
    page.fill("#password", contract.PASSWORD)
    page.press("#password", "Enter")
    page.wait_for_selector("#inside:not([hidden])")
    for name in CARDS:
        page.click(f"#{name}-card > summary")
    page.click("#scan")
    page.wait_for_selector("#found li")
    page.get_by_role("button", name="Forget workshop").click()
    page.fill("#wifi-password", "short")
    page.fill("#ssid", "x")
    page.click("text=Save network")
    page.wait_for_selector("#log li")
    assert complaints(page) == []
    troubled.stop()
    page.wait_for_selector("#away:not([hidden])")
    assert complaints(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "it scrolls sideways"


def test_nothing_is_cut_off_with_text_twice_as_large(opened, troubled) -> None:
    page = opened(troubled.url, viewport={"width": 390, "height": 800})
    page.wait_for_selector("#steps li")
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_fingers_find_every_button(inside) -> None:
    page = inside()
    for name in CARDS:
        page.click(f"#{name}-card > summary")
    for button in page.locator("button:visible, summary:visible, input:visible").all():
        box = button.bounding_box()
        assert box["height"] >= 44 and box["width"] >= 44, button.inner_text()


def test_all_of_it_with_the_keyboard_only(opened, board) -> None:
    page = opened(board.url)
    page.wait_for_selector("#steps li")
    tab_to(page, "password")
    page.keyboard.type(contract.PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector("#inside:not([hidden])")
    page.wait_for_selector("#network-card > summary:focus")
    tab_to(page, "Forget attic")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")  # the focus is on `Forget it`
    page.wait_for_selector("text=attic is forgotten.")
    tab_to(page, "scan")
    page.keyboard.press("Space")
    page.wait_for_selector("#found li")
    tab_to(page, "guest")
    page.keyboard.press("Enter")
    page.wait_for_selector("#ssid:focus")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Saved. The board joins guest when")
    tab_to(page, "Release")
    page.keyboard.press("Enter")
    tab_to(page, "confirm")
    page.keyboard.type("camera-0001")
    page.keyboard.press("Enter")
    page.wait_for_selector("#login-card:not([hidden])")
    changes = [(path, body) for method, path, body in board.contract.asked if method == "POST"][1:]
    assert changes == [
        ("wifi/forget", {"ssid": "attic"}),
        ("wifi", {"ssid": "guest", "password": ""}),
        ("release", {"confirm": "camera-0001"}),
    ]


def test_the_focus_survives_the_next_answer(inside, board) -> None:
    page = inside()
    page.get_by_role("button", name="Forget attic").focus()
    board.contract.state["board"]["up_s"] += 3
    page.evaluate("poll()")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Forget attic"
