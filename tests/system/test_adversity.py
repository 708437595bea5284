"""A board that lacks something goes on, serves its page and says there what is wrong."""

import json
import re

import pytest

from device.core import fields, paths
from muster.image.filesystem import mount
from tests.system import mishaps, rig
from tests.system.browser import WEB, Browser, port_of

_UNHURRIED = {"retry_ms": 60000}  # what fails does not start again while somebody looks
_NO_CLAIM = {mishaps.claim_path(name): None for name in paths.CREDENTIALS}


def _flash(path, twin, serial, changes=None):
    mishaps.flash(path, twin, serial, intervals=_UNHURRIED)
    mishaps.edit(path, {**WEB, **(changes or {})})
    return path


def _told(machine):
    """What the page says to everybody, and to who has logged in."""
    browser = Browser(port_of(machine))
    assert browser.ask("GET", "/")[0] == 200
    everybody = browser.get("/api/claim")["problems"]
    return everybody, browser.log_in().get("/api/status")["problems"]


def _failed(machine, name):
    """Wait until this service has failed in main.py."""
    machine.wait_for(re.compile(rf"  {name} .*Trying again in"))


def _filled(path):
    """Put a file into the image that leaves no block."""
    file_system = mount(path.read_bytes(), rig.BOARD)
    with file_system.open("/filler", "wb") as file:
        while file_system.block_count > file_system.used_block_count:
            file.write(b"x" * file_system.cfg.block_size)
            file.flush()
    file_system.unmount()
    path.write_bytes(bytes(file_system.context.buffer))
    return path


def test_a_broken_config(twin, serial, tmp_path):
    image = _flash(tmp_path / "flash.img", twin, serial, {paths.CONFIG: b'{"services": {"mq'})
    with mishaps.powered(image) as machine:
        machine.wait_for(rig.DONE)
        sentence = f"{paths.CONFIG}: lacks the JSON object services; correct the file"
        for texts in _told(machine):
            assert texts == [sentence], "every other service goes on"


def test_a_broken_ento_conf(twin, serial, tmp_path):
    image = _flash(tmp_path / "flash.img", twin, serial, {paths.CONF: b"{"})
    with mishaps.powered(image) as machine:
        _failed(machine, "provision")
        for texts in _told(machine):
            assert texts == [f"{paths.CONF}: is not valid JSON (1 bytes); correct the file and restart"]


def test_a_broken_wifi_json(twin, serial, tmp_path):
    """The board opens its access point, where the file can be replaced."""
    image = _flash(tmp_path / "flash.img", twin, serial, {paths.WIFI: b'{"networks": [{"ss'})
    with mishaps.powered(image) as machine:
        machine.wait_for(rig.ACCESS_POINT)
        for texts in _told(machine):
            assert len(texts) == 1 and texts[0].startswith(f"{paths.WIFI}: is not valid JSON"), texts


def test_a_full_flash(twin, serial, tmp_path):
    image = _filled(_flash(tmp_path / "flash.img", twin, serial))
    with mishaps.powered(image) as machine:
        _failed(machine, "provision")
        for texts in _told(machine):
            assert texts[0].startswith("the flash is full") and "delete files" in texts[0], texts
        mishaps.still_runs(machine)


def test_no_cloud(twin, serial, tmp_path):
    image = _flash(tmp_path / "flash.img", twin, serial, {**rig.WITHOUT_CLOUD, **_NO_CLAIM})
    with mishaps.powered(image) as machine:
        assert _told(machine) == ([], [])
        assert "failing" not in machine.wait_for("heartbeat")


def test_no_claim_credentials(twin, serial, tmp_path):
    image = _flash(tmp_path / "flash.img", twin, serial, _NO_CLAIM)
    with mishaps.powered(image) as machine:
        _failed(machine, "provision")
        for texts in _told(machine):
            assert len(texts) == 1 and "is missing; copy the claim credentials there" in texts[0], texts


def test_no_internet(twin, serial, tmp_path):
    image = _flash(tmp_path / "flash.img", twin, serial)
    with mishaps.powered(image, environment={"DNS": "down"}) as machine:
        _failed(machine, "provision")
        everybody, owner = _told(machine)
        assert everybody == ["provision: fails; log in to see the reason"]
        assert len(owner) == 1 and "no address found for localhost" in owner[0]


def test_no_known_network(twin, serial, tmp_path):
    none = json.dumps({fields.NETWORKS: []}).encode()
    image = _flash(tmp_path / "flash.img", twin, serial, {paths.WIFI: none})
    with mishaps.powered(image) as machine:
        machine.wait_for(rig.ACCESS_POINT)
        for texts in _told(machine):
            assert texts == [
                "no Wi-Fi network is configured; create wifi.json; give the board a network on this page"
            ], "nobody else complains of the same"


@pytest.mark.parametrize("kind", ["pico_w", "esp32"])
def test_no_network_in_range(twin, serial, tmp_path, kind):
    image = _flash(tmp_path / "flash.img", twin, serial)
    mishaps.edit(image, mishaps.told(intervals={"retry_ms": 100}))
    with mishaps.powered(image, environment={"NETWORK": "down", "KIND": kind}) as machine:
        machine.wait_for(rig.ACCESS_POINT)
        everybody, owner = _told(machine)
        assert any("no Wi-Fi (workshop: not in range)" in text for text in owner), owner
        assert everybody[0].startswith("no known Wi-Fi network can be joined; give the board a network")
        assert "workshop" not in "".join(everybody)
