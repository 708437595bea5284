"""Wi-Fi that is dead, lost or never starts, and TCP as lwIP of a Pico W tells of it."""

import re

from device.core import fields
from tests.system import mishaps, rig
from tests.system.listeners import silent

LWIP = {"STACK": "lwip"}
BY_NUMBER = {fields.ENDPOINT_URL: "127.0.0.1"}
IMPATIENT = {"retry_ms": 64, "connect_ms": 300}


def _accuses_nobody(machine):
    """A server or a network that is not there says nothing of certificates."""
    for word in ("revoked", "policy", "password", "another client"):
        assert word not in machine.console, machine.console


def _provisioned(path, twin, serial, **options):
    """The image of a board that has its identity already."""
    mishaps.flash(path, twin, serial, **options)
    rig.boot_to_the_end(path)
    return path


def test_wifi_that_is_dead_and_says_that_it_is_up(numbered_twin, serial, tmp_path):
    """It is joined anew, and where that does not help, switched off and on."""
    moods = {"stuck": "3 connections failed", "stuck-reset": "6 connections failed"}
    make = {"fresh": mishaps.flash, "provisioned": _provisioned}
    images = {
        f"{mood}-{kind}": make[kind](
            tmp_path / f"{mood}-{kind}.img",
            numbered_twin,
            f"{serial}-{mood}-{kind}",
            device=BY_NUMBER,
            intervals=IMPATIENT,
        )
        for mood in moods
        for kind in make
    }
    each = {name: {"environment": {"NETWORK": name.rpartition("-")[0]}} for name in images}
    with mishaps.crowd(images, each) as machines:
        for name, machine in machines.items():
            line = machine.wait_for(
                re.compile(f"network .*{moods[name.rpartition('-')[0]]}; rejoining Wi-Fi")
            )
            machine.wait_for(rig.DONE)
            told = [line for line in machine.lines if "rejoining Wi-Fi" in line]
            assert line == told[-1], "no more than that was needed"
            _accuses_nobody(machine)


def test_a_server_that_is_not_there(twin, serial, tmp_path):
    """A Pico W is told 104 where others are told 111: the certificate has nothing to do with it."""
    port = silent()
    make = {"fresh": mishaps.flash, "provisioned": _provisioned}
    images = {}
    for name in make:
        images[name] = make[name](tmp_path / f"{name}.img", twin, f"{serial}-{name}")
        files = rig.on_flash(images[name])
        for path, data in files.items():
            if path.endswith((".conf", "identity.json")):
                files[path] = data.replace(b"%d" % twin.port, b"%d" % port)
        mishaps.edit(images[name], files)
    with mishaps.crowd(images, environment=LWIP) as machines:
        for machine in machines.values():
            parts = (f"localhost:{port} refused the connection", "nothing listens", "Trying again in")
            mishaps.complaint(machine, *parts)
            mishaps.still_runs(machine)
            _accuses_nobody(machine)


def test_wifi_that_is_lost(twin, serial, tmp_path):
    """It is noticed within seconds, though the ping is half a minute away, and joined again."""
    path = _provisioned(tmp_path / "flash.img", twin, serial)
    with mishaps.powered(path, environment={**LWIP, "NETWORK": "drops:5"}) as machine:
        joined = machine.wait_for("network    joined")
        machine.wait_for(rig.DONE)
        gone = mishaps.complaint(machine, "mqtt", "Wi-Fi was lost; rejoining", "Trying again in")
        assert int(gone.split()[0]) - int(joined.split()[0]) < 5000 + 4000
        start = machine.lines.index(gone)
        machine.wait_for("mqtt       connected to", start=start)
        _accuses_nobody(machine)


def test_a_radio_that_does_not_start(twin, serial, tmp_path):
    path = mishaps.flash(tmp_path / "flash.img", twin, serial)
    with mishaps.powered(path, environment={"NETWORK": "dead-radio"}) as machine:
        mishaps.complaint(machine, "Wi-Fi did not start", "power supply", "Trying again in")
        mishaps.still_runs(machine)
        _accuses_nobody(machine)
