"""The page for people, as a browser without JavaScript sees it; and what strangers try."""

import json
import threading
import time

import pytest

from muster.registry import Registry
from muster.twin.https import passwords
from tools.twin.browser import PASSWORD, Browser
from tools.twin.https_client import CODE, OTHER_CODE, OTHER_KEY, TOKEN, Board, provision
from tools.twin.operating import operated

SHOWN = "7423F-FA8DT-N"


@pytest.fixture
def twin(start, clock):
    return operated(start, clock)


@pytest.fixture
def board(twin):
    made = Board(twin)
    made.register()
    return made


def test_a_person_claims_sees_and_releases_a_board(ada, board, twin) -> None:
    assert "You have no boards yet" in ada.get().seen
    page = ada.claim("7423f-fa8dt-n")
    assert page.status == 200 and f"{SHOWN} is yours now" in page.seen
    assert "Waiting for the board" in page.seen
    assert "is yours now" not in ada.get().seen, "said once"
    assert board.poll()["claimed"] is True
    page = ada.get(f"/release?board={CODE}")
    assert f"Release {SHOWN} ?" in page.seen
    page = ada.release(CODE)
    assert f"{SHOWN} is released" in page.seen and "You have no boards yet" in page.seen
    assert twin.registry.claims.get(CODE).owner is None
    assert board.poll() == {"claimed": False}


def test_the_state_of_a_board_is_told(ada, board, twin, tmp_path) -> None:
    ada.claim(CODE)
    _, _, device = provision(twin, board.poll(), tmp_path, "cam1")
    assert "Provisioning" in ada.get().seen
    with device.connect("cam1") as connected:
        connected.subscribe("cameraDevice/cam1/x")
        connected.publish("cameraDevice/cam1/booted", b'{"serialID": "cam1", "bootStatus": "<b>good</b>"}')
        twin.wait_for_publish("cameraDevice/cam1/booted")
        deadline = time.monotonic() + 10
        while "good" not in ada.get().seen and time.monotonic() < deadline:
            time.sleep(0.05)
        page = ada.get("/boards")
        assert "● Connected" in page.seen or "Connected" in page.seen
        assert "just now: <b>good</b>" in page.seen and "<b>good" not in page.text, "escaped"
    deadline = time.monotonic() + 10
    while "Not connected" not in ada.get().seen and time.monotonic() < deadline:
        time.sleep(0.05)
    assert "Not connected" in ada.get().seen


def test_what_was_typed_wrong_is_said(ada, board) -> None:
    assert "has 10 or 16 symbols" in ada.claim("7423").seen
    assert "without the letter U" in ada.claim("U" * 10).seen
    page = ada.claim("7423F-FA8DT-M")
    assert page.status == 400 and "check symbol does not fit" in page.seen
    assert 'value="7423F-FA8DT-M"' in page.text, "it stays in the field"
    page = ada.claim(OTHER_CODE)
    assert page.status == 404 and "No board has registered itself as 00000-00000-0 yet" in page.seen
    assert ada.claim("<script>alert(1)</script>").text.count("<script") == 1


def test_of_two_people_at_once_exactly_one_gets_the_board(ada, bob, board, twin) -> None:
    pages = {}
    begin = threading.Barrier(2)
    tokens = {"ada": ada.get().hidden("token"), "bob": bob.get().hidden("token")}

    def claim(name, browser) -> None:
        begin.wait()
        pages[name] = browser.post("/claim", token=tokens[name], claim=CODE)

    threads = [threading.Thread(target=claim, args=one) for one in (("ada", ada), ("bob", bob))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    owner = twin.registry.claims.get(CODE).owner
    loser = {"ada": "bob", "bob": "ada"}[owner]
    assert f"{SHOWN} is yours now" in pages[owner].seen
    assert pages[loser].status == 409 and "was claimed by somebody else" in pages[loser].seen
    assert CODE not in {"ada": ada, "bob": bob}[loser].get().text
    again = {"ada": ada, "bob": bob}[owner].claim(CODE)
    assert again.status == 409 and "is yours already" in again.seen


def test_a_board_of_somebody_else_cannot_be_seen_or_released(ada, bob, board, twin) -> None:
    ada.claim(CODE)
    assert CODE not in bob.get().text
    assert bob.get(f"/release?board={CODE}").status == 404
    assert bob.release(CODE).status == 404
    assert twin.registry.claims.get(CODE).owner == "ada"


def test_a_board_that_lost_its_key_is_freed_by_its_owner(ada, board, twin) -> None:
    ada.claim(CODE)
    erased = Board(twin, key=OTHER_KEY)
    assert erased.register().status == 409
    ada.release(CODE)
    assert erased.register().status == 200
    assert board.ask("claim").status == 403
    assert board.register().status == 409, "once only"


def test_a_board_that_has_its_key_keeps_it(ada, board) -> None:
    ada.claim(CODE)
    ada.release(CODE)
    board.poll()
    assert Board(board.twin, key=OTHER_KEY).register().status == 409


@pytest.mark.parametrize("obeys", [True, False])
def test_a_board_that_is_released_is_told_and_then_cut_off(ada, board, twin, tmp_path, obeys) -> None:
    ada.claim(CODE)
    _, _, device = provision(twin, board.poll(), tmp_path, "cam1")
    with device.connect("cam1") as connected:
        topic = "cameraDevice/cam1/command/release"
        connected.subscribe(topic)
        ada.release(CODE)
        message = connected.message()
        assert message[0] == topic and abs(json.loads(message[1])["time"] - time.time()) < 10
        if obeys:
            assert board.ask("release").document == {"released": True}
        assert connected.is_closed()
    assert [one.status for one in twin.registry.certificates.of_thing("cam1")] == ["REVOKED"]


def test_a_release_that_comes_late_does_not_hurt_the_next_owner(ada, bob, board, twin, tmp_path) -> None:
    ada.claim(CODE)
    _, _, device = provision(twin, board.poll(), tmp_path, "cam1")
    device.connect("cam1").close()
    ada.release(CODE)
    bob.claim(CODE)
    assert [one.status for one in twin.registry.certificates.of_thing("cam1")] == ["REVOKED"]
    assert board.ask("release").document == {"released": True}
    assert twin.registry.claims.get(CODE).owner == "bob"
    assert board.poll()["claimed"] is True


def test_what_a_killed_twin_left_is_done_at_the_next_start(home_of) -> None:
    twin, stop = home_of(https_port=0, page_port=0)
    stop()
    registry = Registry(twin.home.root)
    registry.products.add("camera", TOKEN, 0)
    registry.claims.register(CODE, "camera", "digest", 0)
    registry.claims.set_thing(CODE, "cam1")
    registry.close()
    twin, _ = home_of(page_port=0)
    assert twin.registry.claims.get(CODE).thing is None


def test_who_is_not_signed_in_sees_nothing(twin, board) -> None:
    stranger = Browser(twin)
    for path in ("/", f"/release?board={CODE}"):
        assert "Sign in" in stranger.get(path).seen and CODE not in stranger.get(path).text
    assert stranger.ask("GET", "/boards").status == 401
    assert stranger.post("/claim", claim=CODE, token="").status == 401
    assert stranger.post("/release", board=CODE, token="").status == 401
    assert twin.registry.claims.get(CODE).owner is None


def test_a_wrong_password_and_an_unknown_name_look_the_same(twin) -> None:
    wrong, unknown = Browser(twin).sign_in("ada", "wrong"), Browser(twin).sign_in("eve", "wrong")
    assert (wrong.status, unknown.status) == (403, 403)
    assert "The name or the password is wrong." in wrong.seen
    assert wrong.seen.split() == unknown.seen.split()


def test_who_guesses_passwords_has_to_wait(twin, clock) -> None:
    pages = [Browser(twin).sign_in("ada", f"wrong{number}") for number in range(7)]
    assert [page.status for page in pages] == [403] * 5 + [429] * 2
    assert "many wrong tries. Wait" in pages[-1].seen and int(pages[-1].headers["retry-after"]) > 0
    assert Browser(twin).sign_in("ada").status == 429, "the right one has to wait, too"
    assert Browser(twin).sign_in("bob").status == 200, "others have not"
    clock.ahead_s += 31
    assert "My boards" in Browser(twin).sign_in("ada").seen


def test_who_guesses_claim_ids_has_to_wait(ada, bob, board, clock) -> None:
    statuses = [ada.claim(f"00000000{number:02}").status for number in range(7)]
    assert statuses == [404] * 5 + [429] * 2
    assert ada.claim(CODE).status == 429
    assert bob.claim(CODE).status == 200
    clock.ahead_s += 31
    assert ada.claim(CODE).status == 409


def test_a_session_ends(twin, ada, clock) -> None:
    clock.ahead_s += 29 * 60
    assert "My boards" in ada.get().seen
    for _ in range(4):
        clock.ahead_s += 10 * 60
        ada.ask("GET", "/boards")  # the page itself asks: nobody is there
    assert "Sign in" in ada.get().seen
    ada.sign_in()
    for _ in range(30):
        clock.ahead_s += 25 * 60
        ada.get()
    assert "Sign in" in ada.get().seen, "after 12 hours"


def test_a_new_password_ends_the_sessions(twin, ada) -> None:
    twin.registry.accounts.set_password("ada", passwords.hashed("another password"))
    assert "Sign in" in ada.get().seen
    assert ada.sign_in("ada", "another password").status == 200


def test_signing_out(twin, ada) -> None:
    cookies = dict(ada.cookies)
    assert "Sign in" in ada.post("/sign-out", token=ada.get().hidden("token")).seen
    ada.cookies = cookies
    assert "Sign in" in ada.get().seen, "an old cookie is worth nothing"


def test_forms_of_strangers_change_nothing(ada, bob, board, twin) -> None:
    token = ada.get().hidden("token")
    for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": None}):
        page = ada.post("/claim", headers, token=token, claim=CODE)
        assert page.status == 403 and "was not sent by this page" in page.seen
    for wrong in ("", "x", bob.get().hidden("token")):
        assert ada.post("/claim", token=wrong, claim=CODE).status == 403
    assert ada.post("/claim", {"Content-Type": "text/plain"}, token=token, claim=CODE).status == 415
    assert ada.ask("GET", f"/claim?claim={CODE}&token={token}").status == 405
    assert ada.ask("PUT", "/claim").status == 405
    assert twin.registry.claims.get(CODE).owner is None


def test_signing_in_needs_our_own_form(twin) -> None:
    browser = Browser(twin)
    page = browser.post("/sign-in", token="x", name="ada", password=PASSWORD)
    assert page.status == 403 and "sign in again" in page.seen
    token = Browser(twin).get("/sign-in").hidden("token")  # of another browser
    assert browser.post("/sign-in", token=token, name="ada", password=PASSWORD).status == 403
    assert "Sign in" in browser.get().seen


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "localhost.evil.example", "", "127.0.0.1.evil"]
)
def test_other_names_are_not_ours(twin, host) -> None:
    page = Browser(twin).ask("GET", "/sign-in", headers={"Host": host})
    assert page.status == 421 and "not the name of this page" in page.seen


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "LOCALHOST"])
def test_these_are(twin, host) -> None:
    assert Browser(twin, host).get("/sign-in").status == 200


def test_pages_are_locked_up(twin, ada) -> None:
    for page in (ada.get(), ada.get("/nothing"), Browser(twin).get("/sign-in")):
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy
        assert page.headers["x-frame-options"] == "DENY"
        assert page.headers["cache-control"] == "no-store"
        assert "style=" not in page.text and "onclick" not in page.text


def test_the_page_listens_on_loopback_only() -> None:
    from muster.twin.settings import Settings

    assert Settings().page_bind is None and Settings().page_port is None
