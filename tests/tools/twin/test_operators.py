"""The operator's part of the page: who may see it, devices, and what is done to them; without JavaScript."""

import json
import time
from urllib.parse import quote

import pytest

from muster.registry.certificates import ACTIVE, REVOKED
from muster.registry.fleet import Device as FleetDevice
from muster.registry.fleet import Group
from muster.registry.shadows import Shadow
from muster.registry.things import Thing
from tools.twin.browser import Browser
from tools.twin.helpers import Device, claim, wait_until
from tools.twin.https_client import CODE, OTHER_CODE, Board, provision
from tools.twin.operating import at, operated, post, sees
from tools.twin.raw import Closed

PAGES = ("", "/device?name=cam1", "/messages", "/message?number=1", "/logs", "/faults")
PAGES += ("/command?device=cam1&name=reboot",)
PARTS = ("/messages/list?after=x", "/logs/list?after=x")
FORMS = ("/revoke", "/command", "/faults/set", "/faults/clear")


@pytest.fixture
def twin(start, clock):
    return operated(start, clock)


# Who may come in


def test_others_are_told_that_there_is_nothing(ada, twin, camera) -> None:
    token = ada.get("/").hidden("token")
    for path in PAGES + PARTS:
        page = at(ada, path)
        assert page.status == 404 and "cam1" not in page.text, path
    for path in FORMS:
        values = {"certificate": camera.certificate_id, "device": "cam1", "name": "reboot"}
        assert ada.post("/operator" + path, token=token, **values).status == 404, path
    assert "/operator" not in ada.get("/").text
    assert [one.status for one in twin.registry.certificates.of_thing("cam1")] == [ACTIVE]


def test_whoever_is_not_signed_in_is_sent_to_do_so(twin, camera) -> None:
    stranger = Browser(twin)
    for path in PAGES:
        assert "Sign in" in at(stranger, path).seen, path
    for path in PARTS:
        assert at(stranger, path).status == 401, path
    for path in FORMS:
        assert stranger.post("/operator" + path, token="").status == 401, path


def test_an_operator_finds_every_page(olga, camera, twin) -> None:
    assert '<a href="/operator"' in olga.get("/").text
    with camera.connect() as connected:
        connected.subscribe("cameraDevice/cam1/command/+")
        for path in PAGES:
            assert at(olga, path).status == 200, path


def test_what_is_taken_away_counts_at_once(olga, twin) -> None:
    assert at(olga).status == 200
    twin.registry.accounts.set_operator("olga", False)
    assert at(olga).status == 404 and "/operator" not in olga.get("/").text


def test_forms_of_strangers_change_nothing(olga, twin, camera) -> None:
    token = olga.get("/").hidden("token")
    form = {"certificate": camera.certificate_id}
    for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": None}):
        assert olga.post("/operator/revoke", headers, token=token, **form).status == 403
    for wrong in ("", "x"):
        assert olga.post("/operator/revoke", token=wrong, **form).status == 403
        assert olga.post("/operator/faults/set", token=wrong, step="publish", kind="ignore").status == 403
    assert olga.ask("GET", f"/operator/faults/clear?token={token}").status == 405
    assert at(olga).headers["content-security-policy"].startswith("default-src 'none'")
    assert olga.ask("GET", "/operator", headers={"Host": "evil.example"}).status == 421
    assert twin.registry.faults.all() == []
    assert [one.status for one in twin.registry.certificates.of_thing("cam1")] == [ACTIVE]


def test_a_page_that_refreshes_itself_keeps_nobody_signed_in(olga, clock) -> None:
    for _ in range(4):
        clock.ahead_s += 10 * 60
        olga.ask("GET", "/operator/messages/list?after=x")
    assert "Sign in" in at(olga).seen


# Devices


def test_each_kind_of_device_is_listed_with_its_state(olga, twin, camera) -> None:
    registry = twin.registry
    Board(twin).register()
    Board(twin, OTHER_CODE).register()
    registry.claims.set_owner(CODE, "ada", time.time())
    registry.groups.add(Group("north", b"x", 0, 0))
    registry.devices.add([FleetDevice("zeta", "north", "ZZZZZZZZZZ", "created", {}, 0)])
    seen = at(olga).seen
    assert "7423F-FA8DT-N Claimed, waits for the board Claimed by ada, just now" in seen
    assert "00000-00000-0 Registered, not claimed Claimed by nobody; registered just now" in seen
    assert "cam1 Provisioning Certificate active until 2049-12-31" in seen
    assert "zeta Not provisioned Fleet created, group north" in seen
    with camera.connect() as connected:
        connected.publish("cameraDevice/cam1/booted", b'{"serialID": "cam1", "bootStatus": "<i>good"}', qos=1)
        seen = at(olga).seen
        assert "cam1 Connected" in seen and "Connected since 20" in seen
        assert "Last start just now: <i>good" in seen and "<i>good" not in at(olga).text
        assert "Last message just now, on cameraDevice/cam1/booted" in seen
        seen = at(olga, "?show=connected").seen
        assert "cam1 Connected" in seen and "zeta" not in seen and "1 client connected now" in seen
    sees(olga, "", "cam1 Not connected")
    registry.certificates.set_status(camera.certificate_id, REVOKED)
    assert "cam1 Certificate revoked" in at(olga).seen
    registry.devices.set_state("zeta", "retired")
    assert "zeta Retired" in at(olga).seen


def test_a_certificate_that_has_ended_is_told(olga, camera, clock) -> None:
    clock.ahead_s = 40 * 365 * 86400
    olga.sign_in("olga")
    assert "cam1 Certificate expired Certificate expired on 2049-12-31" in at(olga).seen


def test_a_board_of_the_fleet_is_listed_once(olga, twin) -> None:
    twin.registry.groups.add(Group("north", b"x", 0, 0))
    twin.registry.devices.add([FleetDevice("zeta", "north", CODE, "created", {}, 0)])
    Board(twin).register()
    seen = at(olga).seen
    assert "zeta Registered, not claimed" in seen and "7423F" not in seen


def test_a_client_that_is_not_a_thing_yet_is_seen_while_it_is_connected(olga, twin) -> None:
    with claim(twin, "newcomer"):
        assert "newcomer Connected" in at(olga, "?show=connected").seen
        assert "Connected since" in at(olga, "/device?name=newcomer").seen
    wait_until(lambda: at(olga, "/device?name=newcomer").status == 404)


def test_pages_of_a_fleet_hold_each_device_once(olga, twin) -> None:
    with twin.registry.transaction():
        for number in range(60):
            twin.registry.things.put(Thing(f"thing-{number:03}", None, {}, [], 0))
    found, path = [], "?find=thing-"
    for _ in range(10):
        page = at(olga, path)
        shown = [one for one in page.seen.split() if one[:6] == "thing-" and one[6:].isdigit()]
        assert len(shown) <= 25
        found += shown
        following = page.text.rpartition('href="/operator?')[2].partition('"')[0].replace("&amp;", "&")
        if "Next page" not in page.text:
            break
        path = "?" + following
    assert found == [f"thing-{number:03}" for number in range(60)]
    assert "thing-059" in at(olga, "?find=thing-05").seen
    assert "thing-049" not in at(olga, "?find=thing-05").seen
    assert "No device is like that" in at(olga, "?find=thing-9").seen


def test_a_device_is_found_by_its_claim_id_and_its_certificate(olga, twin, camera) -> None:
    Board(twin).register()
    for wanted in ("7423f-fa8dt-n", "7423FFA8DT"):
        assert "7423F-FA8DT-N Registered" in at(olga, f"?find={wanted}").seen
    twin.registry.claims.set_thing(CODE, "cam1")
    assert "cam1 Provisioning" in at(olga, "?find=7423f-fa8dt").seen
    assert "cam1 Provisioning" in at(olga, f"?find={camera.certificate_id[:8]}").seen
    assert "No device" in at(olga, f"?find={camera.certificate_id[:5]}").seen, "too few digits"


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "x' OR 1=1 --", "%00", "\udcff", "a" * 5000, "é"]
)
def test_what_is_searched_for_is_only_text(olga, text) -> None:
    page = at(olga, "?find=" + quote(text.encode(errors="surrogateescape"))[:1500])
    assert page.status == 200 and "alert(1)</script>" not in page.text


def test_the_page_of_a_device(olga, twin, camera) -> None:
    registry = twin.registry
    Board(twin).register()
    registry.claims.set_owner(CODE, "ada", time.time())
    registry.claims.set_thing(CODE, "cam1")
    with camera.connect() as connected:
        connected.subscribe("$aws/things/cam1/shadow/update/accepted")
        state = {"state": {"reported": {"lamp": "<b>on</b>"}}}
        connected.publish("$aws/things/cam1/shadow/update", json.dumps(state).encode(), qos=1)
        connected.message()
        connected.publish("cameraDevice/cam1/booted", b'{"bootStatus": "\x1b[2Jgood"}', qos=1)
        page = at(olga, "/device?name=cam1")
    for text in (
        "cam1 Connected",
        "Claimed by ada",
        f"{camera.certificate_id[:12]} active until 2049-12-31",
        "first used",
        "Classic shadow version 1",
        '"lamp": "<b>on</b>"',
        "cameraDevice/cam1/booted",
        r'{"bootStatus": "\x1b[2Jgood"}',
    ):
        assert text in page.seen, text
    assert "<b>on" not in page.text and "\x1b" not in page.text
    assert at(olga, "/device?name=nobody").status == 404


def test_a_device_with_many_shadows_is_shown_in_part(olga, twin, camera) -> None:
    for number in range(30):
        twin.registry.shadows.put("cam1", f"s{number:02}", Shadow({"desired": {"a": 1}}, {}, 1, 0))
    seen = at(olga, "/device?name=cam1").seen
    assert "s09 version 1" in seen and "s10 version" not in seen


# What is done to devices


def test_a_certificate_is_revoked_after_a_question(olga, twin, camera) -> None:
    with camera.connect() as connected:
        page = at(olga, f"/revoke?certificate={camera.certificate_id}")
        assert f"Revoke certificate {camera.certificate_id[:12]} of cam1?" in page.seen
        assert "It is the only active one: cam1 is cut off at once" in page.seen
        assert [one.status for one in twin.registry.certificates.of_thing("cam1")] == [ACTIVE], "not yet"
        page = post(olga, "/revoke", certificate=camera.certificate_id)
        assert "is revoked." in page.seen and "cam1 Certificate revoked" in page.seen
        with pytest.raises(Closed):
            connected.read()
    assert at(olga, f"/revoke?certificate={camera.certificate_id}").status == 409
    sees(olga, "/logs", f"operator olga: certificate {camera.certificate_id[:12]} of cam1 revoked")


def test_the_certificate_for_claiming_is_not_revoked_here(olga, twin) -> None:
    (one,) = twin.registry.certificates.all()
    assert one.is_claim
    for certificate in (one.certificate_id, "", "x", one.certificate_id[:12]):
        assert at(olga, f"/revoke?certificate={certificate}").status == 404
        assert post(olga, "/revoke", certificate=certificate).status == 404
    assert twin.registry.certificates.get(one.certificate_id).status == ACTIVE


def test_a_device_with_two_certificates_keeps_the_other(olga, twin, camera, tmp_path) -> None:
    (tmp_path / "again").mkdir()
    other = Device(twin, tmp_path / "again", "cam1")
    page = at(olga, f"/revoke?certificate={other.certificate_id}")
    assert "cam1 still has another active certificate" in page.seen


def test_a_restart_is_commanded_after_a_question(olga, camera) -> None:
    with camera.connect() as connected:
        connected.subscribe("cameraDevice/cam1/command/+")
        page = at(olga, "/command?device=cam1&name=reboot")
        assert "Restart cam1?" in page.seen and "restarts, and is back after some seconds" in page.seen
        assert connected.is_alive(), "nothing was sent yet"
        page = post(olga, "/command", device="cam1", name="reboot")
        assert "The command reboot was sent to cam1." in page.seen
        assert "sent to cam1." not in at(olga, "/device?name=cam1").seen, "said once"
        topic, payload = connected.message()
        assert topic == "cameraDevice/cam1/command/reboot"
        assert abs(json.loads(payload)["time"] - time.time()) < 10


def test_who_would_not_get_a_command_is_not_sent_one(olga, camera) -> None:
    for name in ("reboot", "release"):
        page = at(olga, f"/command?device=cam1&name={name}")
        assert page.status == 409 and "cam1 is not connected" in page.seen
        assert post(olga, "/command", device="cam1", name=name).status == 409
    with camera.connect():
        page = at(olga, "/command?device=cam1&name=reboot")
        assert page.status == 409 and "does not listen for commands" in page.seen
    for path in ("/command?device=cam1&name=format", "/command?device=x&name=reboot", "/command"):
        assert at(olga, path).status == 404
    assert post(olga, "/command", device="cam1", name="../x").status == 404


def test_releasing_a_claimed_board_takes_it_from_its_owner(olga, twin, tmp_path) -> None:
    board = Board(twin)
    board.register()
    twin.registry.claims.set_owner(CODE, "ada", time.time())
    _, _, device = provision(twin, board.poll(), tmp_path, "cam1")
    with device.connect("cam1") as connected:
        connected.subscribe("cameraDevice/cam1/command/+")
        page = at(olga, "/command?device=cam1&name=release")
        assert "Release cam1?" in page.seen and "belongs to ada, who loses it" in page.seen
        assert post(olga, "/command", device="cam1", name="release", owner="bob").status == 409
        assert twin.registry.claims.get(CODE).owner == "ada"
        page = post(olga, "/command", device="cam1", name="release", owner="ada")
        assert "is released. Whoever has its claim ID can claim it." in page.seen
        assert connected.message()[0] == "cameraDevice/cam1/command/release"
        assert connected.is_closed()
    assert twin.registry.claims.get(CODE).owner is None
    wait_until(lambda: [one.status for one in twin.registry.certificates.of_thing("cam1")] == [REVOKED])
