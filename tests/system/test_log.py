"""The log and the restarts of a running board: kept over a reset, lost with the power, on flash on demand."""

import json
import re

from device.core import fields, paths
from tests.system import mishaps, rig

QUICK_DOG = {"WATCHDOG_MS": 6000}
STUCK = {"stuck_ms": 1500, "health_ms": 100}
TO_FLASH = {paths.CONFIG: json.dumps({fields.LOG: {fields.FLASH_BYTES: 8192}}).encode()}
AT_ONCE = {"log_ms": 50, "log_patient_ms": 50}

HANGS = """
    self.ready.set()
    if state.log.earlier:
        await state.ports.clock.sleep_ms(3600000)
    await state.ports.clock.sleep_ms(300)
    self.say("the last line")
    time.sleep(30)
"""


def _restarts(path):
    return json.loads(rig.on_flash(path)[paths.RESTARTS])[fields.RESTARTS]


def _logged(path):
    """The lines of both files on flash, the older file first, each as its five words."""
    files = rig.on_flash(path)
    texts = [files[name].decode() for name in paths.LOG_FILES if name in files]
    texts.sort(key=lambda text: int(text.split()[1]))
    return [line.split(" ", 4) for text in texts for line in text.splitlines() if line[0] in "0123456789"]


def test_a_hang_is_named_after_the_reset_and_the_log_goes_on(twin, serial, tmp_path):
    path = mishaps.flash(
        tmp_path / "flash.img",
        twin,
        serial,
        facts=QUICK_DOG,
        intervals={**STUCK, **AT_ONCE},
        services=["hanger"],
        extra={**mishaps.service("hanger", HANGS), **TO_FLASH},
    )
    with mishaps.powered(path, restart=True) as machine:
        machine.wait_for(re.compile("health .*hanger keeps the loop busy for"))
        machine.wait_for(
            re.compile("start .*the watchdog restarted the board: hanger kept the loop busy for")
        )
        again = len(machine.lines)
        machine.wait_for(rig.DONE, start=again)
        mishaps.still_runs(machine)
        machine.wait_for("heartbeat", start=len(machine.lines))
    (entry,) = _restarts(path)
    assert entry[fields.CAUSE] == "watchdog" and entry[fields.TEXT].startswith("hanger kept the loop busy")
    assert entry[fields.UNIX] > 1700000000
    assert paths.WORDS not in rig.on_flash(path)
    lines = _logged(path)
    numbers = [int(line[0]) for line in lines]
    assert numbers == list(range(1, len(numbers) + 1)), "none is lost or twice on flash, over the reset too"
    said = [(line[2], line[3], line[4]) for line in lines]
    last = said.index(("info", "hanger", "the last line"))
    assert said[last + 1][:2] == ("error", "health") and said[last + 2][:2] == ("warn", "start")


def test_a_power_cut_loses_the_ring_and_is_no_restart_to_write_down(twin, serial, tmp_path):
    path = mishaps.flash(tmp_path / "flash.img", twin, serial, intervals=AT_ONCE, extra=TO_FLASH)
    for _ in range(2):
        with mishaps.powered(path) as machine:
            machine.wait_for(rig.DONE)
            mishaps.still_runs(machine)
    assert paths.RESTARTS not in rig.on_flash(path)
    assert "restarted" not in machine.console and "reset" not in machine.console
    numbers = [int(line[0]) for line in _logged(path)]
    assert numbers.count(1) == 2, "counted anew"


def test_a_loop_that_turns_again_is_no_reason_of_a_restart(twin, serial, tmp_path):
    body = "await state.ports.clock.sleep_ms(300)\ntime.sleep(2.5)\nawait state.ports.clock.sleep_ms(3600000)"
    path = mishaps.flash(
        tmp_path / "flash.img",
        twin,
        serial,
        intervals=STUCK,
        services=["slow"],
        extra=mishaps.service("slow", body),
    )
    with mishaps.powered(path) as machine:
        machine.wait_for("slow keeps the loop busy for")
        machine.wait_for("the loop turns again; slow kept it busy")
        mishaps.still_runs(machine)
    assert paths.WORDS not in rig.on_flash(path)


def test_the_program_s_own_restart_says_why(twin, serial, tmp_path):
    body = """
    await state.ports.clock.sleep_ms(100)
    if state.log.earlier:
        self.say(repr([line[3] for line in state.log.lines(state.log.earlier - 1, 1)]))
        await state.ports.clock.sleep_ms(3600000)
    self.say("asked to")
    state.ports.board.reset()
    """
    path = mishaps.flash(
        tmp_path / "flash.img", twin, serial, services=["ends"], extra=mishaps.service("ends", body)
    )
    with mishaps.powered(path, restart=True) as machine:
        machine.wait_for("start      the program restarted the board: ends: asked to")
        machine.wait_for("['asked to']")
    assert [entry[fields.CAUSE] for entry in _restarts(path)] == ["program"]


def test_only_the_last_restarts_are_kept(twin, serial, tmp_path):
    old = [{fields.UNIX: number, fields.CAUSE: "watchdog", fields.TEXT: "t" * 120} for number in range(20)]
    for raw, count in (
        (json.dumps({fields.RESTARTS: old}).encode(), 8),
        (b"[" * 9, 1),
        (b'{"restarts": 5}', 1),
    ):
        path = mishaps.flash(tmp_path / "flash.img", twin, serial, extra={paths.RESTARTS: raw})
        with mishaps.powered(path, environment={"RESET_CAUSE": "3"}) as machine:
            machine.wait_for("start      the watchdog restarted the board")
            machine.wait_for("network    joining")
        found = _restarts(path)
        assert len(found) == count and found[0] == {**found[0], fields.CAUSE: "watchdog", fields.TEXT: ""}


FLOOD = """
    self.ready.set()
    while True:
        self.say("again and again, a line of some length that nobody needs to see so many times")
        await state.ports.clock.sleep_ms(0)
"""


def test_a_flood_takes_neither_console_nor_flash_nor_the_loop(twin, serial, tmp_path):
    path = mishaps.flash(
        tmp_path / "flash.img",
        twin,
        serial,
        intervals={"log_ms": 50},
        services=["flooder"],
        extra={**mishaps.service("flooder", FLOOD), **TO_FLASH},
    )
    with mishaps.powered(path) as machine:
        machine.wait_for(rig.DONE)
        for _ in range(10):
            beat = machine.wait_for(re.compile("heartbeat .*all services OK"), start=len(machine.lines))
        passed_s = int(re.search(r"up (\d+) s", beat)[1]) + 1
        machine.wait_for(re.compile(r"flooder +\d{3,} lines left out: too many at once"))
        printed = sum("flooder" in line for line in machine.lines)
        assert printed <= 2 * (60 + 2 * (passed_s + 10)), "each line that passes may tell how many did not"
    files = rig.on_flash(path)
    assert sum(len(files.get(name, b"")) for name in paths.LOG_FILES) <= 8192


def test_the_log_on_flash_is_bounded_and_counts_what_it_writes(twin, serial, tmp_path):
    body = """
    from device.core.log import WARN
    self.ready.set()
    number = 0
    while True:
        number += 1
        state.ports.board.say("talker%d" % number, "line %s" % ("x" * 200), WARN)  # no source says too much
        await state.ports.clock.sleep_ms(20)
        if number % 50 == 0:
            self.say("wrote %d" % state.services["log"].written_bytes)
    """
    config = {paths.CONFIG: json.dumps({fields.LOG: {fields.FLASH_BYTES: 4096}}).encode()}
    path = mishaps.flash(
        tmp_path / "flash.img",
        twin,
        serial,
        intervals={"log_ms": 20},
        services=["talker"],
        extra={**mishaps.service("talker", body), **config},
    )
    with mishaps.powered(path) as machine:
        machine.wait_for(re.compile(r"talker +wrote (1[0-9]|[2-9]\d)\d{3}$"))
    files = rig.on_flash(path)
    sizes = [len(files[name]) for name in paths.LOG_FILES]
    assert all(0 < size <= 2048 for size in sizes), sizes
    heads = sorted(
        (int(words[1]), int(words[2])) for words in (files[n].split()[:3] for n in paths.LOG_FILES)
    )
    assert heads[0][0] + 1 == heads[1][0] and heads[0][1] < heads[1][1], (
        "each says how much was written before"
    )
    wear = heads[1][1]
    mishaps.edit(path, mishaps.told(intervals={"log_ms": 20}))
    with mishaps.powered(path) as machine:
        machine.wait_for(rig.DONE)
        mishaps.still_runs(machine)
        mishaps.still_runs(machine)
    files = rig.on_flash(path)
    assert max(int(files[name].split()[2]) for name in paths.LOG_FILES) >= wear


def test_a_wrong_section_is_named_and_a_full_flash_harms_nobody(twin, serial, tmp_path):
    wrong = {
        "level": ({fields.LEVEL: "loud"}, "level must be one of debug, info, warn, error"),
        "size": ({fields.FLASH_BYTES: 5}, "flashBytes must be 0 or from 4096 to 131072"),
        "kind": ({fields.FLASH_BYTES: "5"}, "flashBytes must be 0 or from 4096 to 131072"),
    }
    images = {
        name: mishaps.flash(
            tmp_path / f"{name}.img",
            twin,
            f"{serial}-{name}",
            extra={paths.CONFIG: json.dumps({fields.LOG: section}).encode()},
        )
        for name, (section, _) in wrong.items()
    }
    with mishaps.crowd(images) as machines:
        for name, machine in machines.items():
            mishaps.complaint(machine, "log", wrong[name][1])
            machine.wait_for(rig.DONE)
            mishaps.still_runs(machine)


def test_a_loop_that_logs_without_waiting_is_a_hang_with_a_name(twin, serial, tmp_path):
    body = """
    self.ready.set()
    await state.ports.clock.sleep_ms(300)
    while not state.log.earlier:
        self.say("again")
    await state.ports.clock.sleep_ms(3600000)
    """
    path = mishaps.flash(
        tmp_path / "flash.img",
        twin,
        serial,
        facts=QUICK_DOG,
        intervals=STUCK,
        services=["flooder"],
        extra=mishaps.service("flooder", body),
    )
    with mishaps.powered(path, restart=True) as machine:
        machine.wait_for("the watchdog restarted the board: flooder kept the loop busy for")
        again = len(machine.lines)
        machine.wait_for(rig.DONE, start=again)
        mishaps.still_runs(machine)
