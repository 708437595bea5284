"""A board that keeps crashing starts without what may be to blame; a person can keep it off the network."""

import json

import pytest

from device.core import fields, paths
from muster.virtual import EXIT_END
from tests.system import mishaps, rig

QUICK_DOG = {"WATCHDOG_MS": 1500}
BAD_STARTS = 5
SAFE = "safe mode after repeated crashes"
BY_WATCHDOG = {"RESET_CAUSE": "3"}

HANGS = """
    await state.ports.clock.sleep_ms(100)
    self.say("hangs")
    time.sleep(30)
"""


def _starts(count):
    return {paths.STARTS: json.dumps({fields.BAD_STARTS: count}).encode()}


def test_repeated_resets_lead_to_safe_mode_and_out_of_it(twin, serial, tmp_path):
    path = mishaps.flash(
        tmp_path / "flash.img",
        twin,
        serial,
        facts=QUICK_DOG,
        intervals={"good_start_ms": 8000},
        services=["hanger"],
        extra=mishaps.service("hanger", HANGS),
    )
    with mishaps.powered(path, restart=True) as machine:
        machine.wait_for(SAFE, 180)  # five resets, on a machine that may be busy
        assert machine.starts == 1 + BAD_STARTS
        safe = len(machine.lines)
        done = machine.wait_for(rig.DONE, start=safe)
        beat = machine.wait_for("heartbeat", start=machine.lines.index(done, safe))
        assert beat.endswith("all services OK")
        ends = machine.wait_for("an hour in safe mode without a crash: restarting", start=safe)
        end = machine.lines.index(ends, safe)
        assert not any("hanger" in line for line in machine.lines[safe:end])
        machine.wait_for("hanger     hangs", start=end)
        assert not any(SAFE in line for line in machine.lines[end:]), "all of it again, until it is bad again"


@pytest.mark.parametrize(
    ("count", "environment", "is_safe"),
    [
        (BAD_STARTS - 1, {}, False),  # power: a person or the mains, not a crash
        (BAD_STARTS - 1, BY_WATCHDOG, True),
        (BAD_STARTS - 2, BY_WATCHDOG, False),
        (BAD_STARTS, {}, True),  # pulling the plug does not end it either
    ],
)
def test_what_counts(twin, serial, tmp_path, count, environment, is_safe):
    path = mishaps.flash(
        tmp_path / "flash.img", twin, serial, intervals={"good_start_ms": 60000}, extra=_starts(count)
    )
    with mishaps.powered(path, environment=environment) as machine:
        machine.wait_for(rig.DONE)
        mishaps.still_runs(machine)
    assert (SAFE in machine.console) == is_safe
    counted = json.loads(rig.on_flash(path)[paths.STARTS])[fields.BAD_STARTS]
    assert counted == count + bool(environment)


def test_a_good_start_forgets_the_bad_ones(twin, serial, tmp_path):
    path = mishaps.flash(
        tmp_path / "flash.img",
        twin,
        serial,
        intervals={"good_start_ms": 100, "heartbeat_ms": 3000},
        extra=_starts(BAD_STARTS - 1),
    )
    with mishaps.powered(path) as machine:
        machine.wait_for(rig.DONE)
        mishaps.still_runs(machine)
    assert paths.STARTS not in rig.on_flash(path)


@pytest.mark.parametrize("raw", [b"", b"[]", b"\xff", b'{"badStarts": null}', b'{"badStarts": "x"}'])
def test_a_damaged_count_counts_as_none(twin, serial, tmp_path, raw):
    path = mishaps.flash(tmp_path / "flash.img", twin, serial, extra={paths.STARTS: raw})
    with mishaps.powered(path) as machine:
        machine.wait_for(rig.DONE)
    assert "safe mode" not in machine.console


def test_a_held_pin_is_as_the_offline_file(twin, serial, tmp_path):
    path = mishaps.flash(tmp_path / "flash.img", twin, serial)
    before = rig.on_flash(path)
    with mishaps.powered(path, environment={"PIN_LOW": "22"}) as machine:
        assert machine.wait() == EXIT_END
    assert "or the escape pin is low" in machine.console
    assert "main       offline" in machine.console
    assert "network" not in machine.console and "provision" not in machine.console
    assert rig.on_flash(path) == before
    with mishaps.powered(path, environment={"PIN_LOW": "21"}) as machine:
        machine.wait_for(rig.DONE)
