"""A person's prompt outlives the watchdog; a true hang does not."""

import pytest

from device.core import paths
from muster.errors import MusterError
from muster.virtual import EXIT_WATCHDOG
from tests.system import mishaps, rig

QUICK_DOG = {"WATCHDOG_MS": 1500}
_LONGER_S = 4  # than the watchdog waits

HANGS = """
    await state.ports.clock.sleep_ms(300)
    self.say("hangs")
    time.sleep(30)
"""
HANGS_IN_A_GATE = """
    await state.ports.clock.sleep_ms(300)
    self.say("hangs")
    with state.ports.board.gate(2000):
        time.sleep(30)
"""


def _has_a_prompt_that_stays(machine):
    machine.wait_for(">>> ")
    with pytest.raises(MusterError, match="still runs"):
        assert machine.wait(_LONGER_S) is None, machine.console


def test_ctrl_c(twin, serial, tmp_path):
    """In main.py, and in boot.py, which waits for a network that lets it wait."""
    patient = {"boot_ms": 30000}
    images = {
        "main": mishaps.flash(tmp_path / "main.img", twin, f"{serial}-m", facts=QUICK_DOG),
        "boot": mishaps.flash(tmp_path / "boot.img", twin, f"{serial}-b", facts=QUICK_DOG, intervals=patient),
    }
    each = {"boot": {"environment": {"JOIN_MS": "60000"}}}
    with mishaps.crowd(images, each, traceback=True) as machines:
        machines["main"].wait_for(rig.DONE)
        mishaps.still_runs(machines["main"])
        machines["boot"].wait_for("connect with the claim")
        for machine in machines.values():
            machine.interrupt()
        for name, machine in machines.items():
            _has_a_prompt_that_stays(machine)
            assert f'File "/{name}.py"' in machine.console and "KeyboardInterrupt" in machine.console
        assert "boot.py failed" not in machines["boot"].console


def test_a_board_that_cannot_begin_resets(twin, serial, tmp_path):
    """Where boot.py has failed and main.py does nothing, nobody feeds the watchdog."""
    broken = mishaps.changed(
        "device/runtime/boot.py", "    _count_start(state)\n", "    raise KeyError('boot')\n"
    )
    extra = {**broken, paths.MAIN: b"import time\ntime.sleep(30)\n"}
    path = mishaps.flash(tmp_path / "flash.img", twin, serial, facts=QUICK_DOG, extra=extra)
    with mishaps.powered(path, traceback=True) as machine:
        machine.wait_for("boot.py failed; main.py continues:")
        assert machine.wait() == EXIT_WATCHDOG


def test_a_true_hang_resets(twin, serial, tmp_path):
    """Also inside a gate, once its limit is over."""
    bodies = {"loop": HANGS, "gate": HANGS_IN_A_GATE}
    images = {
        name: mishaps.flash(
            tmp_path / f"{name}.img",
            twin,
            f"{serial}-{name}",
            facts=QUICK_DOG,
            services=["hanger"],
            extra=mishaps.service("hanger", body),
        )
        for name, body in bodies.items()
    }
    with mishaps.crowd(images) as machines:
        for machine in machines.values():
            machine.wait_for("hanger     hangs")
            assert machine.wait() == EXIT_WATCHDOG, machine.console
