"""A name server that says nothing, as after a power failure; and when the time is asked for.

On a Pico W the firmware's own look-up would block for 6.3 s a dead name, and its watchdog bites after 8.4 s.
"""

import re
import time

import pytest

from device.core import fields, paths
from tests.system import mishaps, rig
from tests.system.listeners import Listener, server_context, twin_authority

YEAR_2021_S = 1609459200  # when a Pico W wakes
BY_NUMBER = {fields.ENDPOINT_URL: "127.0.0.1"}
_LONGEST_GAP_MS = 1500  # between two heartbeats, which come every 200 ms: a look-up lasts 2 s


def _provisioned(path, twin, serial, **options):
    """The image of a board that has its identity already."""
    mishaps.flash(path, twin, serial, **options)
    rig.boot_to_the_end(path)
    return path


def _ms(line):
    return int(line.split()[0])


def test_an_address_needs_no_name_server(numbered_twin, serial, tmp_path):
    """Fresh or provisioned, the board publishes; NTP, whose hosts are names, is not waited for twice."""
    make = {"fresh": mishaps.flash, "provisioned": _provisioned}
    images = {
        name: make[name](tmp_path / f"{name}.img", numbered_twin, f"{serial}-{name}", device=BY_NUMBER)
        for name in make
    }
    with mishaps.crowd(images, environment={"DNS": "silent"}, restart=True) as machines:
        for machine in machines.values():
            machine.wait_for(rig.DONE)
            mishaps.still_runs(machine)
            assert machine.starts == 1, machine.console
            assert "Trying again" not in machine.console


@pytest.mark.parametrize("make", [mishaps.flash, _provisioned])
def test_a_name_waits_for_the_name_server(twin, serial, tmp_path, make):
    """No reset; the reason is said; the loop goes on meanwhile; and once it answers, all is well."""
    path = make(tmp_path / "flash.img", twin, serial)
    environment = {"DNS": "silent:6.3:9"}
    with mishaps.powered(path, environment=environment, restart=True) as machine:
        mishaps.complaint(machine, "cannot resolve localhost", "name server does not answer", "Trying again")
        mishaps.complaint(machine, "heartbeat", "not connected")
        machine.wait_for(rig.DONE)
        assert machine.starts == 1, machine.console
    beats = [_ms(line) for line in machine.lines if "heartbeat" in line]
    gaps = [after - before for before, after in zip(beats, beats[1:], strict=False)]
    assert max(gaps) < _LONGEST_GAP_MS, "the loop stood still"
    ended = [line for line in machine.lines if "provisioning continues in main.py" in line]
    assert all(_ms(line) < 8000 for line in ended)


def test_a_local_name_blocks_and_is_gated(twin, serial, tmp_path):
    """The firmware's own look-up takes longer than the watchdog waits; the gate feeds it."""
    device = {fields.ENDPOINT_URL: "hub.local"}
    path = mishaps.flash(tmp_path / "flash.img", twin, serial, facts={"WATCHDOG_MS": 1500}, device=device)
    with mishaps.powered(path, environment={"DNS": "silent:3"}, restart=True) as machine:
        mishaps.complaint(machine, "cannot resolve hub.local", "name server", "Trying again")
        mishaps.still_runs(machine)
        assert machine.starts == 1, machine.console


def test_the_time_is_asked_for_once_connected(twin, serial, tmp_path):
    """A floor is enough to connect with; NTP then costs nobody time."""
    ready = tmp_path / "provisioned.img"
    images = {
        "fresh": mishaps.flash(tmp_path / "fresh.img", twin, f"{serial}-f", built_s=time.time() - 3600),
        "provisioned": _provisioned(ready, twin, f"{serial}-p", built_s=time.time() - 3600),
    }
    mishaps.edit(ready, {paths.CLOCK: None})  # else the floor is the right time already
    with mishaps.crowd(images, environment={"CLOCK": str(YEAR_2021_S)}) as machines:
        for machine in machines.values():
            machine.wait_for(rig.DONE)
            machine.wait_for("clock      set by NTP to 20")
    fresh, provisioned = machines["fresh"].console, machines["provisioned"].console
    assert fresh.index("connect with the claim") < fresh.index("set by NTP") < fresh.index("subscribe to")
    assert provisioned.index("connected to localhost") < provisioned.index("set by NTP")


def test_wrong_dates_ask_for_the_time_at_once(twin, serial, tmp_path):
    """The server seems to be of tomorrow: the clock is set before anything is tried again."""
    # The virtual board's TLS looks at the host's clock: here the server stays of tomorrow.
    context = server_context(tmp_path, twin_authority(twin.home), from_s=7200, to_s=9000)
    with Listener(context) as tomorrow:
        path = mishaps.flash(
            tmp_path / "flash.img", twin, serial, built_s=YEAR_2021_S - 86400, port=tomorrow.port
        )
        with mishaps.powered(path, environment={"CLOCK": str(YEAR_2021_S)}) as machine:
            year = time.gmtime().tm_year
            mishaps.complaint(machine, f"is not valid now (the clock says {year}", "Trying again")
    assert re.search(r"clock +set by NTP.*\n(.*\n)*.*is not valid now", machine.console)
    assert "the clock says 2021" not in machine.console
