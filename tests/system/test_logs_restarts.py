"""What a board exports of its log after a reset, and after a power cut."""

import json
import time
from collections import Counter

import pytest

from device.core import fields, paths
from tests.system import mishaps, rig
from tests.system.exported import (
    MQTT,
    SAYS,
    head,
    image,
    log_on_flash,
    messages,
    numbers,
    settings,
    stored,
    wait_for,
    wait_stored,
)

WAITS = """
    if "mqtt" in state.services and not state.ports.store.exists("/went"):
        self.say("said before the end")
        self.warn("and warned")
        state.ports.store.write("/went", b"1")
        await state.ports.clock.sleep_ms(%d)
        %s
    await state.ports.clock.sleep_ms(1000000)
"""


def test_a_reset_loses_nothing(log_twin, serial, tmp_path):
    """What the board could not export before a reset is exported after it, with its own number and time."""
    path = image(
        tmp_path / "flash.img", log_twin, serial, MQTT, WAITS % (500, "state.ports.board.reset()"),
        intervals={"logs_time_ms": 20_000, "health_ms": 100},
    )  # fmt: skip
    began_ms = time.time() * 1000
    with mishaps.powered(path, restart=True, environment={"NTP": "fail"}) as machine:
        machine.wait_for("start      the program restarted the board")
        found = wait_stored(log_twin, serial, "said before the end", "mqtt connected to")
    once = numbers(found)
    assert once == list(range(1, len(once) + 1)), found
    times = [event.at_ms for event in stored(log_twin, serial)]
    assert times == sorted(times) and times[0] >= began_ms - 3000 and times[-1] <= time.time() * 1000


@pytest.mark.parametrize("way", [fields.MQTT, fields.CLOUDWATCH])
def test_the_log_on_flash_outlives_a_power_cut(log_twin, serial, tmp_path, way):
    """What was not exported before a power cut is exported after it, and what was is not exported again."""
    how = settings(log_twin, way)
    config = {fields.LOG: {fields.FLASH_BYTES: 8192}}
    quick = {"log_ms": 50, "log_patient_ms": 50, "logs_flash_ms": 300, "logs_time_ms": 10**9}
    path = image(tmp_path / "flash.img", log_twin, serial, how, SAYS, config=config, intervals=quick)
    with mishaps.powered(path, environment={"NTP": "fail"}) as machine:  # nothing is exported without a time
        machine.wait_for("door 11 opened")
        machine.wait_for(rig.DONE)
        wait_for(lambda: b"door 11 opened" in log_on_flash(path))
    assert messages(log_twin, serial) == []
    with mishaps.powered(path):
        wait_for(lambda: sum("door 11 opened" in message for message in messages(log_twin, serial)) == 2)
        wait_for(lambda: "door 11 opened" in "".join(exported_lines(path)[-4:]))
    assert max(Counter(messages(log_twin, serial)).values()) == 2, "each line once for each start"
    with mishaps.powered(path):
        wait_for(lambda: sum("door 11 opened" in message for message in messages(log_twin, serial)) == 3)
    found = messages(log_twin, serial)
    assert max(Counter(found).values()) == 3, "each line once for each start"
    begin = head(serial, way)
    assert {begin + line for line in exported_lines(path)} <= set(found)


@pytest.mark.parametrize("way", [fields.MQTT, fields.CLOUDWATCH])
def test_a_power_cut_at_the_moment_of_an_export(log_twin, serial, tmp_path, way):
    """The batch that the twin has may not be noted yet: then it comes once more, and nothing else does."""
    how = settings(log_twin, way)
    config = {fields.LOG: {fields.FLASH_BYTES: 8192}}
    quick = {"log_ms": 50, "log_patient_ms": 50, "logs_flash_ms": 300}
    path = image(tmp_path / "flash.img", log_twin, serial, how, SAYS, config=config, intervals=quick)
    with mishaps.powered(path):
        wait_for(lambda: messages(log_twin, serial))
    before = messages(log_twin, serial)
    with mishaps.powered(path) as machine:
        machine.wait_for("door 11 opened")
        wait_for(lambda: "door 11 opened" in "".join(exported_lines(path)[-4:]))
    counted, wanted = Counter(messages(log_twin, serial)), Counter(exported_lines(path))
    begin = head(serial, way)
    missing = {line for line in wanted if counted[begin + line] < wanted[line]}
    assert not missing, missing
    doubles = {line for line in counted if counted[line] > wanted[line.removeprefix(begin)]}
    assert len(doubles) <= 16 and doubles <= set(before), doubles


def exported_lines(path) -> list[str]:
    """What is on the flash up to the place that is noted, as it is exported."""
    data = log_on_flash(path)[: position(path)]  # it is one file
    lines = [line.split(" ", 4) for line in data.decode().splitlines() if line[0].isdigit()]
    return [" ".join((number, level, source, text)) for number, _, level, source, text in lines]


def position(path) -> int:
    files = rig.on_flash(path)
    return json.loads(files[paths.LOGS])[fields.BYTES] if paths.LOGS in files else 0
