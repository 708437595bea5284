"""What a person reads: each thing once, and nothing that is not so."""

from device.core import fields
from tests.system import mishaps, rig


def test_a_key_is_made_once_and_said_once(twin, serial, tmp_path):
    """A retry reads it from flash, and does not say that it made one."""
    twin.registry.faults.add("create-from-csr", "lose-answer", client=serial, count=2)
    path = mishaps.flash(tmp_path / "flash.img", twin, serial, provisioning={fields.KEYS: fields.KEYS_DEVICE})
    with mishaps.powered(path) as machine:
        machine.wait_for(rig.DONE)
    twin.registry.faults.clear()
    assert machine.console.count("no answer to") == 2
    assert machine.console.count("make the key") == 1


def test_what_boot_said_is_said_again(twin, serial, tmp_path):
    """A Pico W starts its USB after boot.py, and nobody has seen its lines."""
    path = mishaps.flash(tmp_path / "flash.img", twin, serial, facts={"LATE_CONSOLE": True})
    with mishaps.powered(path) as machine:
        machine.wait_for(rig.DONE)
        mishaps.still_runs(machine)
    count = machine.lines.index(machine.lines[0], 1)
    assert count > 3
    assert machine.lines[count : 2 * count] == machine.lines[:count]
    assert machine.console.count("published on") == 1, "main.py's own are said once"
