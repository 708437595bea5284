"""The network without a cloud: joined, lost, joined again, whatever else the board lacks."""

import json
import socket

import pytest

from device.core import fields, paths
from muster.layout import LIB
from tests.system import mishaps, rig
from tests.system.browser import WEB, Browser, port_of


def flash(path, extra=None, *, wifi=None, conf=None, **told):
    """The image of a board that has no claim credentials and no cloud; `wifi`, `conf`: other files."""
    documents = rig.documents(1, "lone")
    if wifi is not None:
        documents[paths.WIFI] = wifi
    if conf is not None:
        documents[paths.CONF] = conf
    path.write_bytes(
        rig.build(documents, extra={**mishaps.told(**told), **rig.WITHOUT_CLOUD, **(extra or {})})
    )
    return path


def test_a_board_without_a_cloud_joins_and_joins_again(tmp_path):
    path = flash(tmp_path / "flash.img")
    with mishaps.powered(path, environment={"NETWORK": "drops:1"}) as machine:
        machine.wait_for("network    joined")
        lost = machine.wait_for("network    lost; joining again")
        machine.wait_for("network    joined", start=machine.lines.index(lost))


QUICK = {"access_point_ms": 3000, "empty_ms": 1000, "retry_ms": 100}


def _opened(machine, start=0):
    return rig.ACCESS_POINT.search(machine.wait_for(rig.ACCESS_POINT, start=start))


@pytest.mark.parametrize("kind", ["pico_w", "esp32"])
def test_a_board_that_knows_no_network_opens_its_own(tmp_path, kind):
    claim = {paths.DEVICE: b'{"claim": "JT08FFQXWQ"}'}
    path = flash(tmp_path / "flash.img", claim, wifi={fields.NETWORKS: []}, intervals=QUICK)
    with mishaps.powered(path, environment={"KIND": kind}) as machine:
        assert _opened(machine).groups() == ("muster-QXWQ", "without", "127.0.0.1")
        assert "virtual board: access point muster-QXWQ, open" in machine.console
        closed = machine.wait_for("network    access point closed")
        _opened(machine, machine.lines.index(closed))
    assert "no Wi-Fi network is configured; create wifi.json" in machine.console


@pytest.mark.parametrize("kind", ["pico_w", "esp32"])
def test_the_access_point_has_the_password_of_wifi_json(tmp_path, kind):
    secret = "marker-access-point"
    wifi = {fields.NETWORKS: [], fields.ACCESS_POINT: {fields.PASSWORD: secret}}
    path = flash(tmp_path / "flash.img", wifi=wifi)
    with mishaps.powered(path, environment={"KIND": kind, "UNIQUE_ID": "e6614c311b4fabcd"}) as machine:
        assert _opened(machine).groups() == ("muster-abcd", "with", "127.0.0.1")
        assert "virtual board: access point muster-abcd, WPA2" in machine.console
    assert secret not in machine.console


def test_the_access_point_can_be_forbidden(tmp_path):
    path = flash(tmp_path / "flash.img", wifi={fields.NETWORKS: [], fields.ACCESS_POINT: False})
    with mishaps.powered(path) as machine:
        mishaps.complaint(machine, "network", "no Wi-Fi network is configured", "Trying again in")
        mishaps.still_runs(machine)
    assert "access point" not in machine.console


def test_known_networks_are_tried_first_and_again_after_the_access_point(tmp_path):
    path = flash(tmp_path / "flash.img", intervals=QUICK)
    with mishaps.powered(path, environment={"NETWORK": "down"}) as machine:
        _opened(machine)
        tried = [line for line in machine.lines if "no Wi-Fi (workshop: not in range)" in line]
        assert len(tried) == 3 and "Trying again" in tried[0], machine.console
        closed = machine.lines.index(machine.wait_for("network    access point closed"))
        mishaps.complaint(machine, "network", "no Wi-Fi (workshop")
        _opened(machine, closed)


def test_an_access_point_that_nobody_uses_closes_sooner_when_a_network_is_known(tmp_path):
    intervals = {**QUICK, "access_point_ms": 600000}
    path = flash(tmp_path / "flash.img", intervals=intervals)
    used = tmp_path / "used.img"
    used.write_bytes(path.read_bytes())
    environment = {"NETWORK": "down"}
    with mishaps.powered(used, environment={**environment, "AP": "up:1"}) as phone:
        with mishaps.powered(path, environment=environment) as machine:
            _opened(phone)
            for _ in range(2):
                closed = machine.wait_for("network    access point closed", start=len(machine.lines))
                _opened(machine, machine.lines.index(closed))
        assert "access point closed" not in phone.console


@pytest.mark.parametrize("kind", ["pico_w", "esp32"])
@pytest.mark.parametrize("mood", ["fails", "dies:0.5"])
def test_an_access_point_that_does_not_start_or_dies_is_tried_again(tmp_path, kind, mood):
    path = flash(tmp_path / "flash.img", wifi={fields.NETWORKS: []}, intervals=QUICK)
    with mishaps.powered(path, environment={"KIND": kind, "AP": mood}) as machine:
        text = "did not start" if mood == "fails" else "is gone"
        for _ in range(2):
            mishaps.complaint(machine, "network", "the access point " + text, "Trying again in")
            mishaps.still_runs(machine)


# Appended to a constant of the module: a function that finds no memory the first time.
ONCE = """
_short = [1]


def _once():
    if _short:
        _short.pop()
        raise MemoryError("none")


"""
QUESTION = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x05apple\x03com\x00\x00\x01\x00\x01"


def test_every_name_leads_to_the_page(tmp_path):
    text = (LIB / "device/port/access_point.py").read_text()
    got = "packet, sender = plug.recvfrom(_MAX_DATAGRAM)\n"
    assert text.count(got) == 1
    text = text.replace(got, got + " " * 20 + "_once()\n").replace("_AT_ONCE = 8", "_AT_ONCE = 8" + ONCE)
    short = mishaps.compiled("device/port/access_point.py", text)
    path = flash(tmp_path / "flash.img", short, wifi={fields.NETWORKS: []})
    with mishaps.powered(path) as machine:
        line = machine.wait_for("virtual board: UDP port 53 is ")
        host, _, port = line.rpartition(" ")[2].partition(":")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
            phone.settimeout(60)
            phone.connect((host, int(port)))
            for rubbish in (b"", b"x", b"\xff" * 512, QUESTION[:-1]):
                phone.send(rubbish)
            phone.send(QUESTION)
            answer = phone.recv(512)
    assert answer[:2] == QUESTION[:2] and answer[-4:] == bytes((127, 0, 0, 1))


@pytest.mark.parametrize("stack", [{}, {"STACK": "lwip"}, {"KIND": "esp32"}], ids=["host", "lwip", "esp32"])
def test_a_person_gives_the_board_a_network_on_its_page(tmp_path, stack):
    path = flash(tmp_path / "flash.img", WEB, wifi={fields.NETWORKS: [], fields.COUNTRY: "DE"})
    home = {"ssid": "home", "password": "marker-of-home"}
    environment = {**stack, "NETWORKS": json.dumps({"home": "marker-of-home"})}
    with mishaps.powered(path, environment=environment) as machine:
        _opened(machine)
        phone = Browser(port_of(machine))
        status, headers, _ = phone.ask("GET", "/hotspot-detect.html", headers={"Host": "captive.apple.com"})
        assert (status, headers["location"]) == (302, "http://127.0.0.1/")
        assert phone.get("/api/claim")["session"]["setup"]
        assert phone.post("/api/wifi", home) == 401, "everybody in range may be on the access point"
        phone.log_in()
        heard = phone.get("/api/networks")["networks"]
        assert heard == [{"ssid": "home", "rssi": -50, "open": False}]
        assert phone.post("/api/wifi", {**home, "ssid": "x" * 33}) == 400
        assert phone.post("/api/wifi", home) == 204
        machine.wait_for("network    joined")
        found = phone.get("/api/status")
        assert found["network"]["ssid"] == "home" and not found["network"]["access_point"]
        assert found["network"]["known"] == ["home"] and not found["session"]["setup"]
        assert phone.post("/api/wifi/forget", {"ssid": "home"}) == 204
        lost = machine.lines.index(machine.wait_for("network    lost; joining again"))
        _opened(machine, lost)
    assert "marker-of-home" not in machine.console
    assert json.loads(rig.on_flash(path)[paths.WIFI]) == {fields.NETWORKS: [], fields.COUNTRY: "DE"}


def test_a_board_from_the_box_is_provisioned_as_soon_as_it_has_a_network(twin, serial, tmp_path):
    """Nothing waits for the end of a delay that was chosen while there was no network."""
    path = mishaps.flash(tmp_path / "flash.img", twin, serial, intervals={"retry_ms": None})
    mishaps.edit(path, {**WEB, paths.WIFI: None})
    with mishaps.powered(path) as machine:
        _opened(machine)
        mishaps.complaint(machine, "provision", "no Wi-Fi network is configured", "Trying again in")
        phone = Browser(port_of(machine)).log_in()
        assert phone.post("/api/wifi", {"ssid": "home", "password": "its-password"}) == 204
        machine.wait_for(rig.DONE)
