"""The web page of a board: who may see and do what, without and with the cloud."""

import contextlib
import json

import pytest

from device.core import fields, paths, startup
from muster import page
from muster.layout import LIB
from muster.virtual import EXIT_RESET
from tests.system import mishaps, rig
from tests.system.browser import PASSWORD, WEB, Browser, port_of
from tests.system.pages import flash

CLAIM_KEYS = {"board", "claim", "session", "steps", "services", "problems"}
PRIVATE_KEYS = {"identity", "network", "memory", "app", "restarts"}
CHANGES = ("logout", "wifi", "wifi/forget", "restart", "release")


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """A board that is not in the cloud, with a password."""
    with mishaps.powered(flash(tmp_path_factory.mktemp("web") / "flash.img")) as board:
        yield board


@pytest.fixture
def browser(machine):
    return Browser(port_of(machine))


def test_the_page_is_the_one_of_the_image(browser):
    status, headers, body = browser.ask("GET", "/")
    assert (status, headers["content-encoding"], body) == (200, "gzip", page.built())
    assert headers["content-type"] == "text/html; charset=utf-8"
    status, same, body = browser.ask("HEAD", "/")
    assert (status, body, same["content-length"]) == (200, b"", headers["content-length"])


def test_every_answer_forbids_caching_and_frames(browser):
    for path in ("/", "/api/claim", "/api/status", "/none"):
        _, headers, _ = browser.ask("GET", path)
        assert headers["cache-control"] == "no-store" and headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"] == "frame-ancestors 'none'"


def test_everybody_sees_the_claim_and_nothing_of_the_networks(browser, machine):
    found = browser.get("/api/claim")
    assert found.keys() == CLAIM_KEYS
    assert found["board"]["serial"] == "cam-1" and found["board"]["kind"] == "virtual"
    shown = "7423F-FA8DT-N"
    assert found["claim"] == {"id": "7423FFA8DT", "shown": shown, "product": "P1", "claimed": False}
    assert found["session"] == {"logged_in": False, "has_password": True, "setup": False}
    steps = {step["name"]: step["state"] for step in found["steps"]}
    assert [*steps] == ["network", "time", "serialize", "provision", "mqtt", "status"]
    assert steps["network"] == "done" and steps["provision"] == "off"
    text = json.dumps(found)
    assert "workshop" not in text and "localhost" not in text and "pbkdf2" not in text


def test_the_rest_needs_a_log_in(browser):
    for name in ("status", "log", "networks"):
        assert browser.ask("GET", f"/api/{name}")[0] == 401, name
    for name in CHANGES:
        assert browser.post(f"/api/{name}") == 401, name


def test_who_knows_the_password_sees_all(browser):
    found = browser.log_in().get("/api/status")
    assert found.keys() == CLAIM_KEYS | PRIVATE_KEYS
    assert found["session"]["logged_in"] and found["memory"]["free"] > 0
    assert found["network"]["ssid"] == "workshop"
    assert found["memory"]["flash_size"] == 4096 * 212
    services = {service["name"]: service["built"] for service in found["services"]}
    assert services.keys() == set(startup.ORDER) and all(services.values())
    assert "joined workshop" in next(step["text"] for step in found["steps"] if step["name"] == "network")
    assert rig.WIFI_PASSWORD not in json.dumps(found) and "pbkdf2" not in json.dumps(found)
    assert browser.get("/api/claim")["session"]["logged_in"]


def test_a_session_ends_with_the_log_out(browser):
    browser.log_in()
    assert browser.post("/api/logout") == 204
    assert browser.ask("GET", "/api/status")[0] == 401


def test_a_change_needs_the_token_of_the_session(browser, machine):
    other = Browser(browser.port).log_in().headers["X-Muster-Token"]
    browser.log_in()
    for token in ("", "0" * 32, other):
        assert browser.post("/api/restart", **{"X-Muster-Token": token}) == 403
    assert machine.running


def test_another_password_is_wrong(browser, machine):
    for password in ("", PASSWORD + "x", PASSWORD.upper(), "\u00e9" * 30):
        assert browser.post("/api/login", {"password": password}) == 403, password
        browser.log_in()  # forgives
    machine.wait_for("web        a wrong password from 127.0.0.1")
    for sent in ({}, {"password": 1}, {"password": None}, {"password": "x" * 65}, [], b"", b"{", b'{"a":'):
        assert browser.post("/api/login", sent) in (400, 403), sent


def test_methods(browser):
    for method, path in (("POST", "/"), ("PUT", "/api/claim"), ("DELETE", "/none"), ("GET", "/api/login")):
        status, headers, body = browser.ask(method, path)
        assert status == 405 and headers["allow"] and json.loads(body)["error"], (method, path)
    assert browser.ask("OPTIONS", "/api/restart")[0] == 405, "a browser may not ask whether it may"


def test_the_networks_on_the_air(browser):
    assert browser.log_in().ask("GET", "/api/networks")[0] == 200


def test_networks_are_added_and_forgotten(browser):
    browser.log_in()
    assert browser.post("/api/wifi", {"ssid": "attic", "password": "marker-attic-password"}) == 204
    assert browser.get("/api/status")["network"]["known"] == ["attic", "workshop"]
    assert browser.post("/api/wifi/forget", {"ssid": "attic"}) == 204
    for sent in ({}, {"ssid": ""}, {"ssid": 5}, {"ssid": "x" * 33}, {"ssid": "a", "password": "x" * 65}):
        assert browser.post("/api/wifi", sent) == 400, sent
    assert browser.get("/api/status")["network"]["known"] == ["workshop"]


def test_restart(tmp_path):
    with mishaps.powered(flash(tmp_path / "flash.img")) as machine:
        browser = Browser(port_of(machine)).log_in()
        assert browser.post("/api/restart") == 204
        assert machine.wait() == EXIT_RESET
        assert "restarting, as asked on the page" in machine.console


def test_without_a_password_nobody_logs_in(tmp_path):
    with mishaps.powered(flash(tmp_path / "flash.img", web={})) as machine:
        browser = Browser(port_of(machine))
        assert browser.post("/api/login", {"password": ""}) == 403
        found = browser.get("/api/claim")
        assert not found["session"]["has_password"]
        assert any("--web-password-file" in text for text in found["problems"])


@pytest.mark.parametrize("raw", [b"{", b"[]", b'{"listen": [443, "x"]}', b'{"password": "marker-plain"}'])
def test_a_broken_web_json_does_not_keep_the_page_away(tmp_path, raw):
    path = flash(tmp_path / "flash.img", extra={paths.WEB: raw})
    with mishaps.powered(path) as machine:
        found = Browser(port_of(machine)).get("/api/claim")
        assert any(text.startswith(paths.WEB) for text in found["problems"])
        assert "marker" not in json.dumps(found) + machine.console


def test_a_place_that_cannot_be_had_does_not_stop_the_others(tmp_path):
    web = {fields.LISTEN: ["192.0.2.1:80", "127.0.0.1:0"]}
    with mishaps.powered(flash(tmp_path / "flash.img", web=web)) as machine:
        Browser(port_of(machine)).get("/api/claim")
        machine.wait_for("web        cannot listen on port 80")


def test_a_listener_that_fails_is_opened_anew(tmp_path):
    broken = mishaps.changed(
        "device/port/listening.py", "plug, address = self._plug.accept()", "raise OSError(23)"
    )
    path = flash(tmp_path / "flash.img", extra=broken)
    with mishaps.powered(path) as machine:
        port = port_of(machine)
        for _ in range(2):
            with contextlib.suppress(OSError):
                Browser(port).raw(b"GET / HTTP/1.0", 0.2)
        mishaps.complaint(machine, "web", "cannot accept connections (23)", "Trying again in")
        port_of(machine, machine.lines.index(next(line for line in machine.lines if "cannot accept" in line)))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("connection = Connection(stream, address", "{}\n        connection = Connection(stream, address"),
        ("            await self._handle(con", "            {}\n            await self._handle(con"),
        ("await self._stream.wait_closed()", "await self._stream.wait_closed()\n        {}"),
    ],
)
def test_no_memory_for_a_client_costs_no_place(tmp_path, old, new):
    """Five clients, where three have a place."""
    short = "_CLIENTS.append(1)\n        if len(_CLIENTS) < 6:\n            raise MemoryError('none')"
    if old.startswith("  "):
        short = short.replace("\n", "\n    ")
    text = (LIB / "device/web/server.py").read_text()
    assert text.count(old) == 1
    text = text.replace(old, new.format(short)).replace("_CONNECTIONS = 3", "_CONNECTIONS = 3\n_CLIENTS = []")
    path = flash(tmp_path / "flash.img", extra=mishaps.compiled("device/web/server.py", text))
    with mishaps.powered(path) as machine:
        browser = Browser(port_of(machine))
        for _ in range(5):
            browser.raw(b"GET /api/claim HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n", 5)
        assert browser.get("/api/claim")["board"]["serial"] == "cam-1"


def test_the_page_comes_as_soon_as_there_is_a_network(tmp_path):
    path = flash(tmp_path / "flash.img")
    with mishaps.powered(path, environment={"NETWORK": "down"}) as machine:
        mishaps.still_runs(machine)
        assert "page at" not in machine.console.replace("the page is at", "")


def test_set_up_on_the_boards_own_access_point(tmp_path):
    """A phone on it is led to the page; who logs in there gives the board a network."""
    path = flash(tmp_path / "flash.img", networks=[])
    with mishaps.powered(path) as machine:
        browser = Browser(port_of(machine))
        assert "access point muster-A8DT is open" in machine.console
        for host in ("captive.apple.com", f"connectivitycheck.gstatic.com:{browser.port}"):
            status, headers, _ = browser.ask("GET", "/hotspot-detect.html", headers={"Host": host})
            port = host.partition(":")[1] + host.partition(":")[2]
            assert (status, headers["location"]) == (302, f"http://127.0.0.1{port}/")
            assert browser.ask("GET", "/api/claim", headers={"Host": host})[0] == 421
        assert browser.get("/api/claim")["session"]["setup"]
        new = {"ssid": "attic", "password": "marker-attic-password"}
        assert browser.post("/api/wifi", new) == 401
        assert browser.log_in().post("/api/wifi", new) == 204
        machine.wait_for("network    joined")
        assert not browser.get("/api/status")["session"]["setup"]


def test_a_claimed_board_shows_its_identity_and_gives_it_up(twin, serial, tmp_path):
    path = mishaps.flash(tmp_path / "flash.img", twin, serial, extra=WEB)
    with mishaps.powered(path) as machine:
        machine.wait_for(rig.DONE)
        browser = Browser(port_of(machine))
        assert browser.get("/api/claim")["claim"]["claimed"]
        assert serial not in json.dumps(browser.get("/api/claim")["services"])
        found = browser.log_in().get("/api/status")
        identity = found["identity"]
        assert identity["thing"] == serial and identity["endpoint"] == "localhost"
        assert identity["certificate"] == mishaps.identity(path)
        assert identity["subject"] == "AWS IoT Certificate" and 0 < identity["from"] < identity["until"]
        assert "renews" in identity
        assert {step["state"] for step in found["steps"] if step["name"] in ("mqtt", "status")} == {"done"}
        assert "PRIVATE KEY" not in json.dumps(found)
        assert browser.post("/api/release", {"confirm": "another"}) == 400
        assert machine.running and mishaps.identity(path)
        assert browser.post("/api/release", {"confirm": serial}) == 204
        assert machine.wait() == EXIT_RESET
    files = rig.on_flash(path)
    kept = f"{paths.KEPT}/{identity['certificate']}"
    assert f"{kept}/{paths.PRIVATE_KEY}" in files and not [
        name for name in files if name.startswith(paths.CERT)
    ]
    assert json.loads(files[paths.CONF])[fields.DEVICE][fields.PROVISION_STATUS] == fields.FALSE


def test_the_console_says_where_the_page_is_and_nothing_of_the_password(machine):
    port_of(machine)
    assert PASSWORD not in machine.console


HOSTILE = {
    "config": (paths.CONFIG, b'{"services": {' + b", ".join(b'"n%d": true' % n for n in range(1100)) + b"}}"),
    "config-name": (paths.CONFIG, b'{"services": {"' + 16000 * b"x" + b'": true}}'),
    "wifi": (paths.WIFI, b'{"networks": [' + b", ".join(b'{"ssid": "n%d"}' % n for n in range(900)) + b"]}"),
    "restarts": (paths.RESTARTS, b'{"restarts": [' + b", ".join(1200 * [b'{"unix": 1}']) + b"]}"),
    "device": (paths.DEVICE, b'{"claim": [1, 2, 3, 4, 5], "product": "' + 15000 * b"p" + b'"}'),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_valid_file_that_takes_all_memory_stops_nothing(tmp_path, name):
    """With the heap of a Pico W; a start that fails would be repeated for ever."""
    mishaps.need_interpreter(32)
    place, raw = HOSTILE[name]
    path = flash(tmp_path / "flash.img", extra={place: raw})
    with mishaps.powered(path, bits=32, heap_kb=200) as machine:
        browser = Browser(port_of(machine)).log_in()
        problems = browser.get("/api/status")["problems"]
        if place in (paths.CONFIG, paths.WIFI):
            assert any(text.startswith(place) and "the limit is 4096" in text for text in problems)
        assert "memory" not in machine.console.replace("bytes free", "")
