"""The status light and the hold button of a whole board; what the codes look like is in tests/core."""

import json

import pytest

from device.core import fields, paths
from tests.system import mishaps, rig
from tests.system.browser import WEB, Browser, port_of

SHOWN = {"SHOW_PINS": "LED"}
ON, OFF = "virtual board: pin LED is high", "virtual board: pin LED is low"
QUICK = {"hold_ms": 1000, "access_point_ms": 600000, "empty_ms": 3000}
HELD = "panel      the button was held: opening the access point"
JOINED = "network    joined"


def flash(path, twin, serial, extra=None, **told):
    mishaps.flash(path, twin, serial, intervals=QUICK, **told)
    if extra:
        mishaps.edit(path, extra)
    return path


def blinked(machine, start=0):
    """Wait for two blinks."""
    for line in (ON, OFF, ON, OFF):
        start = machine.lines.index(machine.wait_for(line, start=start), start) + 1
    return start


def test_it_blinks_until_all_is_well_and_then_shines(twin, serial, tmp_path):
    """A new board blinks while boot.py provisions it, and later while it finds no network."""
    path = flash(tmp_path / "flash.img", twin, serial)
    with mishaps.powered(path, environment=SHOWN) as machine:
        machine.wait_for(ON)
        machine.wait_for(rig.DONE)
        machine.wait_for_beacon("up")
        for _ in range(10):  # of 200 ms: the light looks at the step every second
            mishaps.still_runs(machine)
        assert [line for line in machine.lines if line in (ON, OFF)][-1] == ON
    with mishaps.powered(path, environment={**SHOWN, "NETWORK": "down"}) as machine:
        blinked(machine)


def test_a_button_that_is_held_opens_the_access_point_and_forgets_nothing(twin, serial, tmp_path):
    path = flash(tmp_path / "flash.img", twin, serial, WEB)
    with mishaps.powered(path, environment=SHOWN) as machine:
        machine.wait_for(rig.DONE)
        before = rig.on_flash(path)
        machine.hold("22")
        held = machine.lines.index(machine.wait_for(HELD))
        machine.hold("")
        machine.wait_for(rig.ACCESS_POINT, start=held)
        blinked(machine, held)
        assert Browser(port_of(machine)).get("/api/claim")["session"]["setup"]
        closed = machine.lines.index(machine.wait_for("access point closed", start=held))
        machine.wait_for("connected to ", start=closed)
        assert machine.console.count(HELD) == 1 and machine.starts == 1
    after = rig.on_flash(path)
    assert [after[name] for name in (paths.WIFI, paths.CONF)] == [
        before[name] for name in (paths.WIFI, paths.CONF)
    ]
    slot = [name for name in before if name.startswith(paths.CERT)]
    assert slot and [after[name] for name in slot] == [before[name] for name in slot]


def test_the_button_also_helps_where_the_known_network_is_gone(twin, serial, tmp_path):
    path = flash(tmp_path / "flash.img", twin, serial)
    with mishaps.powered(path, environment={"NETWORK": "down"}) as machine:
        mishaps.complaint(machine, "network", "no Wi-Fi", "Trying again")
        machine.hold("22")
        held = machine.lines.index(machine.wait_for(HELD))
        machine.wait_for(rig.ACCESS_POINT, start=held)


def test_a_board_whose_access_point_is_forbidden_stays_on_its_network(twin, serial, tmp_path):
    path = flash(tmp_path / "flash.img", twin, serial)
    known = {fields.NETWORKS: [{"ssid": "workshop", "password": "x" * 8}], fields.ACCESS_POINT: False}
    mishaps.edit(path, {paths.WIFI: json.dumps(known).encode()})
    with mishaps.powered(path) as machine:
        machine.wait_for(rig.DONE)
        machine.hold("22")
        held = machine.lines.index(machine.wait_for(HELD))
        machine.hold("")
        mishaps.complaint(machine, "network", "forbids the access point", "Trying again", start=held)
        mishaps.still_runs(machine)
    assert "is open" not in machine.console and machine.console.count("connected to ") == 1


@pytest.mark.parametrize("kind", ["pico_w", "esp32"])
def test_a_pin_that_is_not_there_costs_only_the_light(twin, serial, tmp_path, kind):
    path = flash(tmp_path / "flash.img", twin, serial, panel={fields.LIGHT: 77})
    with mishaps.powered(path, environment={"KIND": kind}) as machine:
        mishaps.complaint(machine, "panel", "this board has no pin 77", "Trying again")
        machine.wait_for(rig.DONE)


def test_without_pins_its_modules_are_unloaded(twin, serial, tmp_path):
    nothing = {fields.LIGHT: None, fields.BUTTON: None}
    body = """
        import sys
        while "device.services.panel" in sys.modules:
            await state.ports.clock.sleep_ms(10)
        self.say("no panel")
    """
    path = flash(tmp_path / "flash.img", twin, serial, services=("probe",), panel=nothing)
    mishaps.edit(path, mishaps.service("probe", body))
    with mishaps.powered(path, environment=SHOWN) as machine:
        machine.wait_for("probe      no panel")
        machine.wait_for(rig.DONE)
    assert ON not in machine.lines
