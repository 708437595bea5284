"""The operator's part of the page in a real browser: live lists, keyboard, screen reader, both schemes."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from muster.registry.certificates import ACTIVE
from muster.registry.shadows import Shadow
from muster.registry.things import Thing
from muster.twin.server import RunningTwin
from tests.page.looking import complaints, tab_to
from tools.twin.helpers import Device, claim
from tools.twin.https_client import CODE, OTHER_CODE, Board

SECOND = "cameraDevice/camera-0001/"


@pytest.fixture
def camera(twin, tmp_path) -> Iterator[Any]:
    """A connected device with a shadow, that listens for commands."""
    Board(twin).register()
    Board(twin, OTHER_CODE).register()
    device = Device(twin, tmp_path, "camera-0001")
    twin.registry.claims.set_owner(CODE, "ada", time.time())
    twin.registry.claims.set_thing(CODE, "camera-0001")
    state = {"desired": {"lamp": True}, "reported": {"lamp": False, "text": "x" * 300}}
    twin.registry.shadows.put("camera-0001", "", Shadow(state, {}, 3, int(time.time())))
    twin.registry.things.put(Thing("camera-0002", None, {}, [], 0))
    with device.connect() as connected:
        connected.subscribe(f"{SECOND}command/+")
        connected.publish(f"{SECOND}booted", b'{"serialID": "camera-0001", "bootStatus": "good"}', qos=1)
        connected.publish(
            f"{SECOND}data/" + "long" * 20, b'{"t": 21.5, "text": "' + b"y" * 500 + b'"}', qos=1
        )
        yield connected


@pytest.fixture
def signed_in(signed_in: Callable[..., Any], twin: RunningTwin) -> Callable[..., Any]:
    """signed_in(path, **options of the context) -> that page of the operator's."""

    def sign_in(path: str = "", **options: Any) -> Any:
        page = signed_in("olga", **options)
        page.goto(f"{twin.page_url}operator{path}")
        return page

    return sign_in


def test_from_the_list_to_a_command(signed_in, camera) -> None:
    page = signed_in()
    page.get_by_role("link", name="camera-0001").click()
    page.wait_for_selector("text=since 20")
    page.get_by_role("link", name="Restart").click()
    page.wait_for_selector("h1:has-text('Restart camera-0001?')")
    page.get_by_role("button", name="Restart it").click()
    page.wait_for_selector("text=The command reboot was sent")
    topic, payload = camera.message()
    assert topic.endswith("command/reboot") and json.loads(payload)["time"]


def test_messages_appear_by_themselves_and_keep_the_focus(signed_in, camera, twin) -> None:
    page = signed_in("/messages")
    page.wait_for_selector("text=New messages appear by themselves.")
    page.locator("#live a").first.focus()
    focused = page.evaluate("document.activeElement.id")
    twin.send("to/all", b"<b>news</b>")
    page.wait_for_selector("#live >> text=<b>news</b>")
    assert page.evaluate("document.activeElement.id") == focused


def test_pause_keeps_the_list_as_it_is(signed_in, camera, twin) -> None:
    page = signed_in("/messages")
    page.get_by_role("button", name="Pause").click()
    page.wait_for_selector("text=Paused: the list stays as it is.")
    assert page.get_by_role("button", name="Pause", pressed=True).is_visible()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    twin.send("to/all", b"news")
    page.wait_for_timeout(2500)
    assert asked == [] and page.locator("#live >> text=news").count() == 0
    page.get_by_role("button", name="Pause").click()
    page.wait_for_selector("#live >> text=news")


def test_log_lines_appear_by_themselves(signed_in, camera, twin) -> None:
    page = signed_in("/logs?find=connected")
    with claim(twin, "newcomer"):
        page.wait_for_selector("#live >> text=newcomer: connected")


def test_a_session_that_has_ended_leads_to_the_log_in(signed_in, camera, twin) -> None:
    page = signed_in("/messages")
    twin.registry.accounts.set_password("olga", "")
    page.wait_for_selector("h1:has-text('Sign in')")


def test_who_is_no_operator_any_more_is_shown_no_news(signed_in, camera, twin) -> None:
    page = signed_in("/messages")
    twin.registry.accounts.set_operator("olga", False)
    page.wait_for_selector("h1:has-text('My boards')")


def test_it_works_without_javascript(signed_in, camera, twin) -> None:
    page = signed_in("/messages", java_script_enabled=False)
    page.get_by_label("Topic filter").fill("cameraDevice/+/booted")
    page.get_by_role("button", name="Show").click()
    assert page.locator("#live li").count() == 1
    page.get_by_role("link", name="Faults").click()
    page.get_by_label("Step").select_option("publish")
    page.get_by_label("Fault", exact=True).select_option("delay")
    page.get_by_role("button", name="Set it").click()
    page.wait_for_selector("text=Fault 1 is set.")
    page.get_by_role("button", name="Remove fault 1").click()
    page.wait_for_selector("text=1 fault removed.")


def test_all_of_it_with_the_keyboard_only(signed_in, camera, twin) -> None:
    page = signed_in()
    tab_to(page, "find")
    page.keyboard.type("camera-0001")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=camera-0001")
    tab_to(page, "camera-0001")
    page.keyboard.press("Enter")
    page.wait_for_selector("h2:has-text('Certificates')")
    tab_to(page, "Classic shadow")
    page.keyboard.press("Enter")
    page.wait_for_selector("pre:has-text('lamp')")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("h1:has-text('Revoke certificate')")
    tab_to(page, "Revoke it")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=is revoked.")
    tab_to(page, "Faults")
    page.keyboard.press("Enter")
    page.wait_for_selector("h1:has-text('Faults')")
    tab_to(page, "step")
    page.keyboard.type("reg")
    tab_to(page, "kind")
    page.keyboard.type("del")
    page.keyboard.press("Enter")
    tab_to(page, "Set it")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=delay at register")
    assert [one.state(time.time()) for one in twin.registry.certificates.of_thing("camera-0001")] != [ACTIVE]


def views(twin: RunningTwin) -> dict[str, str]:
    """The pages, in the states that look most different."""
    certificate = twin.registry.certificates.of_thing("camera-0001")[0].certificate_id
    twin.registry.faults.add("publish", "delay", None, 20, "nobody*", 3)
    return {
        "devices": "",
        "device": "/device?name=camera-0001",
        "revoke": f"/revoke?certificate={certificate}",
        "release": "/command?device=camera-0001&name=release",
        "refused": "/command?device=camera-0002&name=reboot",
        "messages": "/messages",
        "wrong-filter": "/messages?filter=a%23",
        "message": "/message?number=3",
        "logs": "/logs",
        "faults": "/faults",
    }


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 1280])
def test_axe_has_no_complaint(signed_in, camera, twin, tmp_path, scheme, width) -> None:
    options = {"color_scheme": scheme, "viewport": {"width": width, "height": 800}, "bypass_csp": True}
    page = signed_in(**options)
    for name, path in views(twin).items():
        page.goto(f"{twin.page_url}operator{path}")
        for summary in page.locator("summary").all():
            summary.click()
        assert complaints(page) == [], name
        assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{name} scrolls sideways"
        page.screenshot(path=tmp_path / f"{name}-{scheme}-{width}.png", full_page=True)


def test_fingers_find_every_button(signed_in, camera, twin) -> None:
    page = signed_in()
    for name, path in views(twin).items():
        page.goto(f"{twin.page_url}operator{path}")
        for button in page.locator("button:visible, a:visible, input:visible, select:visible, summary").all():
            box = button.bounding_box()
            assert box["height"] >= 44 and box["width"] >= 44, (name, button.inner_text())


def test_nothing_is_cut_off_with_text_twice_as_large(signed_in, camera, twin) -> None:
    page = signed_in()
    for name, path in views(twin).items():
        page.goto(f"{twin.page_url}operator{path}")
        page.evaluate("document.documentElement.style.fontSize = '200%'")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, name
