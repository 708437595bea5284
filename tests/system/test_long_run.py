"""Boards that have been on for weeks: the tick counter wraps after 12 days, and seems negative after 6."""

import itertools
import re

from tests.system import mishaps, rig

_WRAPS_AT = 1 << 30

# Ages the board by 22 days: nearly twice round. In each step the program looks at the time, as it does.
AGES = """
    from device.port import clock
    ticks = time.ticks_ms
    for step in range(1, 8):
        time.ticks_ms = lambda: time.ticks_add(ticks(), step << 28)
        clock.ms()
    self.say("is old")
"""
AGE_S = 7 * (1 << 28) // 1000


def _stamps(machine):
    """The milliseconds at the head of each line of the program."""
    lines = [re.match(r" *(-?\d+) ms  ", line) for line in machine.lines]
    return [int(line[1]) for line in lines if line]


def test_the_tick_counter_wraps(twin, serial, tmp_path):
    """Three seconds after power-on; neither the console's times nor the services notice."""
    images = {}
    for bits in (64, 32):
        mishaps.need_interpreter(bits)
        images[bits] = mishaps.flash(tmp_path / f"{bits}.img", twin, f"{serial}-{bits}")
    environment = {"TICKS_START": str(_WRAPS_AT - 3000)}
    with mishaps.crowd(images, {32: {"bits": 32}}, environment=environment) as machines:
        for machine in machines.values():
            machine.wait_for(rig.DONE)
            machine.wait_for(re.compile("heartbeat  up [5-9] s, connected, .*all services OK"))
    for machine in machines.values():
        stamps = _stamps(machine)
        assert all(0 <= before <= after for before, after in itertools.pairwise(stamps)), machine.console


def test_a_board_of_many_days(twin, serial, tmp_path):
    path = mishaps.flash(
        tmp_path / "flash.img", twin, serial, services=["ager"], extra=mishaps.service("ager", AGES)
    )
    with mishaps.powered(path, environment={"TICKS_START": "1000"}) as machine:
        machine.wait_for("is old")
        start = len(machine.lines)
        beat = machine.wait_for(re.compile("heartbeat  up .* connected"), start=start)
        up_s = int(re.search(r"up (-?\d+) s", beat)[1])
        assert AGE_S <= up_s < AGE_S + 60
        machine.wait_for(rig.DONE)
    stamps = _stamps(machine)
    assert all(0 <= before <= after for before, after in itertools.pairwise(stamps)), machine.console
