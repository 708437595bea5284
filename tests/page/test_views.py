"""What the page shows, before and after the log-in, and when the board is away or talks nonsense."""

import json
import re

import pytest

from tests.page import contract

EVERY_CARD = ("identity", "memory", "services", "app", "log", "restart", "release")


def test_everyone_sees_claim_steps_and_the_warning(opened, board) -> None:
    board.contract.state.update(steps=contract.TROUBLED_STEPS, problems=contract.TROUBLES)
    page = opened(board.url)
    page.wait_for_selector("#steps li")
    assert page.title() == "camera-0001" == page.inner_text("h1")
    rows = [text.split("\n") for text in page.locator("#steps li").all_inner_texts()]
    assert [(row[0], row[1].strip()) for row in rows] == [
        ("Network", "done"),
        ("Clock", "in progress"),
        ("Claim ID", "off"),
        ("Identity", "failed"),
        ("Cloud", "waiting"),
        ("Boot status", "waiting"),
    ]
    assert page.locator("#steps .state > svg").count() == 6, "a state has an icon and a word"
    assert "2 problems" in page.inner_text("#overall")
    assert page.locator("#problems li").all_inner_texts() == [
        "The claim certificate was refused: it is revoked or not active. "
        "Put new claim credentials on the board.",
        "config.json is no JSON object, so all services run; correct it and restart.",
    ]
    text = page.inner_text("main")
    assert "Not encrypted" in text and "plain HTTP" in text and "Never reuse a password" in text
    assert "private key" in text
    assert not page.is_visible("#inside")
    assert {path for _, path, _ in board.contract.asked} == {"claim"}


def test_nothing_is_asked_for_without_a_password_on_the_board(opened, board) -> None:
    board.contract.state["session"]["has_password"] = False
    page = opened(board.url)
    page.wait_for_selector("#login-card")
    assert not page.is_visible("#password")
    assert "muster image --web-password-file" in page.inner_text("#login-card")


def test_during_set_up_the_log_in_comes_first(opened, board) -> None:
    board.contract.state["session"]["setup"] = True
    board.contract.state["problems"] = ["network: no known network is on the air"]
    page = opened(board.url)
    page.wait_for_selector("#login-card")
    assert page.locator("#all > section:visible").first.get_attribute("id") == "login-card"
    assert page.is_visible("#problems li")
    assert "needs a Wi-Fi" in page.inner_text("#overall")


def test_the_log_in_shows_everything(inside, board) -> None:
    board.contract.state["app"] = {"state": "failing", "error": contract.CRASH}
    page = inside()
    for name in EVERY_CARD:
        page.click(f"#{name}-card > summary")
    page.wait_for_selector("#log li")
    assert not page.is_visible("#login-card")
    facts = page.inner_text("#inside")
    for fact in (
        "workshop",
        "192.168.1.7",
        "strong (-58 dBm)",
        "camera-0001",
        "abc123-ats.iot.eu-west-1.amazonaws.com",
        "4f6a0c1e93b7d258",
        "CN=AWS IoT Certificate",
        "31 Dec 2049",
        "96 KB",
        "312 documents",
        "not built in",
        "switched off",
        "ValueError: no sensor",
        "warning app the sensor did not answer",
        "watchdog",
        "the loop has not turned for 5 s in app",
    ):
        assert fact in facts, fact
    assert page.input_value("#password") == "", "the password stays in the page"
    assert contract.PASSWORD not in page.content()


def test_a_board_without_a_name_is_called_by_its_hardware_and_not_released(inside, board) -> None:
    board.contract.state["board"]["serial"] = ""
    page = inside()
    assert page.title() == "pico_w-e6614c311b7e6f35" == page.inner_text("h1")
    page.click("#release-card > summary")
    assert not page.is_visible("#confirm")


@pytest.mark.parametrize(
    ("until", "fact"),
    [(0, "camera-0001"), (contract.NOW - 1, "expired"), (contract.NOW + 86400, "valid until 25 Nov 2025")],
)
def test_how_long_the_identity_lasts(inside, board, until, fact) -> None:
    """By the board's own clock: a phone may be wrong."""
    board.contract.state["identity"]["until"] = until
    assert inside(timezone_id="UTC").inner_text("#identity-fact") == fact


def test_what_the_board_says_is_text_and_never_html(inside, board) -> None:
    evil = "<img src=x onerror=\"document.title='taken'\">"
    state = board.contract.state
    state["board"]["serial"] = state["claim"]["shown"] = state["network"]["ssid"] = evil
    state["network"]["known"] = state["problems"] = [evil]
    state["steps"][0]["text"] = state["app"]["error"] = state["restarts"][0]["cause"] = evil
    board.contract.log.append([4, "error", evil, evil, 1])
    board.contract.networks = [{"ssid": evil, "rssi": -50, "open": True}]
    page = inside()
    page.click("#log-card > summary")
    page.wait_for_selector("#log li")
    page.click("#scan")
    page.wait_for_selector("#found li")
    assert page.locator("img").count() == 0 and page.title() == evil
    page.click("#found button")
    assert page.input_value("#ssid") == evil


def test_a_board_that_only_lacks_the_time_is_well(opened, board) -> None:
    board.contract.state["steps"][1].update(state="waiting", text="no time server has answered")
    page = opened(board.url)
    page.wait_for_selector("#overall >> text=All is well")


def test_a_board_that_goes_away_is_waited_for(opened, board) -> None:
    page = opened(board.url)
    page.wait_for_selector("#steps li")
    board.stop()
    page.wait_for_selector("#away:not([hidden])")
    assert "does not answer" in page.inner_text("#away") and "Below is what it said at" in page.inner_text(
        "#away"
    )
    assert "All is well" not in page.inner_text("header")
    assert page.locator("#steps li").count() == 6, "what was known stays"
    board.contract.state["steps"][4]["state"] = "working"
    board.start()
    page.click("#away-now")
    page.wait_for_selector("#away", state="hidden")
    assert "cloud in progress" in page.inner_text("#overall")


def test_the_tries_become_rarer_up_to_a_limit(opened, board) -> None:
    page = opened(board.url)
    page.clock.install()
    page.reload()
    page.wait_for_selector("#steps li")
    board.stop()
    waits = [""]
    while waits[-1] != "The next try is in 30 s.":
        page.clock.fast_forward(31000)
        page.wait_for_selector(f"#away-next:not(:text-is({waits[-1]!r}))")
        waits.append(page.inner_text("#away-next"))
    assert [int(re.findall(r"\d+", text)[0]) for text in waits[1:]] == [3, 6, 12, 24, 30]


@pytest.mark.parametrize(
    "raw",
    [
        b"{}",
        b'{"board": {"ser',
        b"<html>a router's page</html>",
        json.dumps(dict.fromkeys(contract.CALM, {})).encode(),
        json.dumps(dict.fromkeys(contract.CALM)).encode(),
        json.dumps(
            {**contract.CALM, "steps": [{"name": "new", "state": "odd"}], "problems": "none"}
        ).encode(),
    ],
)
def test_nonsense_does_not_break_the_page(opened, board, raw) -> None:
    """It says that the board does not answer, or shows what there is; it goes on asking."""
    board.contract.raw = raw
    page = opened(board.url)
    page.wait_for_selector("#away:not([hidden]), #all:not([hidden])")
    board.contract.raw = None
    page.evaluate("poll()")
    page.wait_for_selector("#away", state="hidden")
    page.wait_for_selector("#steps li:nth-child(6):last-child")


def test_without_script_it_says_what_is_missing(opened, board) -> None:
    page = opened(board.url, java_script_enabled=False)
    text = page.inner_text("main")
    assert "needs JavaScript" in text and "Log in" not in text


def test_nothing_moves_for_those_who_asked_for_it(opened, board) -> None:
    board.contract.state["steps"] = contract.TROUBLED_STEPS
    turning = "getComputedStyle(document.querySelector('.working svg')).animationName"
    for choice, wanted in (("no-preference", "turn"), ("reduce", "none")):
        page = opened(board.url, reduced_motion=choice)
        page.wait_for_selector("#steps .working")
        assert page.evaluate(turning) == wanted
