"""What a person can do: log in and out, networks, restart, release; and how the page says that it failed."""

import pytest

from tests.page import contract

WORKS = contract.WIFI_PASSWORD


def sent(board, path):
    """The bodies of the POSTs to `path`."""
    return [body for method, asked, body in board.contract.asked if (method, asked) == ("POST", path)]


def test_a_wrong_password_is_refused_in_words(opened, board) -> None:
    page = opened(board.url)
    page.fill("#password", "guess")
    page.click("#login >> text=Log in")
    page.wait_for_selector("text=The password is wrong.")
    assert page.evaluate("document.activeElement.id") == "password"
    assert not page.is_visible("#inside")
    board.contract.answers["login"] = (429, {"error": "too many tries"}, {"Retry-After": "90"})
    page.click("#login >> text=Log in")
    page.wait_for_selector("text=Too many tries. Try again in 1 min.")


def test_a_reload_keeps_the_log_in_and_a_restart_ends_it(inside, board) -> None:
    page = inside()
    page.reload()
    page.wait_for_selector("#inside:not([hidden])")
    board.contract.session = ""  # in the board's memory: gone with its restart
    page.wait_for_selector("#login-card:not([hidden])")
    assert "Log in again" in page.inner_text("#login-said")
    assert page.locator("#known li").count() == 0 and "abc123-ats" not in page.content()


def test_another_tab_has_to_log_in_for_itself(inside, board) -> None:
    """The cookie alone can change nothing; the page does not pretend otherwise."""
    page = inside()
    other = page.context.new_page()
    other.goto(board.url)
    other.wait_for_selector("#login-card:not([hidden])")
    assert not other.is_visible("#inside")


def test_a_network_that_is_found_is_added(inside, board) -> None:
    page = inside()
    page.click("#scan")
    page.wait_for_selector("#found li")
    assert [row.split("\n")[0] for row in page.locator("#found li").all_inner_texts()] == [
        "workshop",
        "guest",
        "<b>next door",
    ]
    page.click("#found >> text=workshop")
    assert page.evaluate("document.activeElement.id") == "wifi-password"
    page.fill("#wifi-password", "short")
    page.click("text=Save network")
    page.wait_for_selector("text=at least 8 characters")
    page.fill("#wifi-password", WORKS)
    page.click("text=Save network")
    page.wait_for_selector("text=Saved. The board joins workshop when")
    assert sent(board, "wifi") == [{"ssid": "workshop", "password": WORKS}]
    assert page.input_value("#wifi-password") == "" and WORKS not in page.content()


def test_a_refusal_keeps_what_was_typed(inside, board) -> None:
    board.contract.answers["wifi"] = (503, {"error": "the flash is full; remove a file"}, {})
    page = inside()
    page.fill("#ssid", "workshop")
    page.fill("#wifi-password", WORKS)
    page.click("text=Save network")
    page.wait_for_selector("text=The flash is full; remove a file.")
    assert page.input_value("#wifi-password") == WORKS


def test_a_network_is_forgotten_after_a_second_question(inside, board) -> None:
    page = inside()
    page.get_by_role("button", name="Forget attic").click()
    page.get_by_role("button", name="Keep: attic").click()
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Forget attic"
    page.get_by_role("button", name="Forget attic").click()
    page.get_by_role("button", name="Forget it: attic").click()
    page.wait_for_selector("text=attic is forgotten.")
    assert page.locator("#known li").count() == 1
    assert sent(board, "wifi/forget") == [{"ssid": "attic"}]


def test_restart(inside, board) -> None:
    page = inside()
    page.click("#restart-card > summary")
    page.click("#restart")
    page.wait_for_selector("#login-card:not([hidden])")
    assert sent(board, "restart") == [{}]


def test_release_wants_the_name_of_the_board(inside, board) -> None:
    page = inside()
    page.click("#release-card > summary")
    page.fill("#confirm", "camera-0002")
    page.click("text=Release this board")
    page.wait_for_selector("text=That is not the name of this board.")
    assert sent(board, "release") == []
    page.fill("#confirm", "camera-0001")
    page.click("text=Release this board")
    page.wait_for_selector("#login-card:not([hidden])")
    assert sent(board, "release") == [{"confirm": "camera-0001"}]


def test_log_out(inside, board) -> None:
    page = inside()
    page.click("#logout")
    page.wait_for_selector("text=You are logged out.")
    assert not page.is_visible("#inside") and sent(board, "logout") == [{}]
    page.reload()
    page.wait_for_selector("#login-card:not([hidden])")


def test_one_press_is_one_request(inside, board) -> None:
    page = inside()
    page.click("#restart-card > summary")
    page.evaluate("for (let n = 0; n < 5; n++) $('restart').click()")
    page.wait_for_selector("#login-card:not([hidden])")
    assert len(sent(board, "restart")) == 1


def test_new_lines_of_the_log_arrive_and_a_restart_begins_anew(inside, board) -> None:
    page = inside()
    page.click("#log-card > summary")
    page.wait_for_selector("#log li:nth-child(3):last-child")
    board.contract.log.append([4, "info", "app", "measured 21", 12000])
    page.wait_for_selector("#log >> text=measured 21")
    assert page.locator("#log li").count() == 4
    board.contract.log[:] = [[1, "info", "network", "joining", 7]]
    page.wait_for_selector("#log li:only-child")


@pytest.mark.parametrize("field", ["password", "wifi-password"])
def test_a_password_can_be_looked_at(opened, inside, board, field) -> None:
    page = inside() if field == "wifi-password" else opened(board.url)
    button = page.locator(f"[data-show={field}]")
    button.click()
    assert page.get_attribute(f"#{field}", "type") == "text"
    assert button.get_attribute("aria-pressed") == "true"
    button.click()
    assert page.get_attribute(f"#{field}", "type") == "password"


def test_a_board_that_waits_to_be_claimed_can_be_told_to_poll(opened, board) -> None:
    """Without a log-in: it changes nothing."""
    claim = board.contract.state["claim"]
    claim.update(claimed=False, registered=True, next_s=125, error="log in to see why")
    page = opened(board.url)
    page.wait_for_selector("text=Registered; waits to be claimed. Next poll in 2 min.")
    assert page.inner_text("#poll-error") == "Last poll: Log in to see why."
    claim.update(next_s=None, error="")
    page.click("#poll-now")
    page.wait_for_selector("text=The board asks its builder.")
    page.wait_for_selector("text=Polling now.")
    assert sent(board, "poll") == [{}] and not page.is_visible("#poll-error")
    board.contract.answers["poll"] = (429, {"error": "asked a moment ago"}, {"Retry-After": "4"})
    page.click("#poll-now")
    page.wait_for_selector("text=Asked a moment ago. Try again in 4 s.")
    claim.update(registered=False)
    page.wait_for_selector("text=The builder does not know this board yet.")
    assert not page.is_visible("#poll-now")
    claim.update(claimed=True)
    page.wait_for_selector("#poll", state="hidden")


def test_a_board_without_a_builder_has_nothing_to_poll(opened, board) -> None:
    page = opened(board.url)
    page.wait_for_selector("#all:not([hidden])")
    assert not page.is_visible("#poll")
