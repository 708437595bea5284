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
    assert machine.console.count("Trying again in") == 2
    assert machine.console.count("make the key") == 1


def test_what_boot_said_is_said_again(twin, serial, tmp_path):
    """A Pico W starts its USB after boot.py, and nobody has seen its lines."""
    path = mishaps.flash(tmp_path / "flash.img", twin, serial, facts={"LATE_CONSOLE": True})
    with mishaps.powered(path) as machine:
        machine.wait_for(rig.DONE)
        mishaps.still_runs(machine)
    last = next(at for at, line in enumerate(machine.lines) if f"identity {serial}" in line)
    boot, again = machine.lines[: last + 1], machine.lines[last + 1 :]
    assert again[: len(boot)] == boot
    assert machine.console.count("published on") == 1, "main.py's own are said once"
