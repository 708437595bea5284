"""The log of a whole board in the twin's CloudWatch Logs: by MQTT and its rule, and by HTTPS."""

import contextlib
import json
import re
import time

import pytest

from device.core import fields, paths, topics
from muster.errors import MusterError
from muster.relay import Relay
from muster.twin import faults
from muster.twin.settings import DEFAULT_LOG_RULE
from muster.virtual import EXIT_RESET
from tests.system import commanding, mishaps, rig
from tests.system.exported import (
    DOORS,
    MQTT,
    SAYS,
    batches,
    cloudwatch,
    head,
    image,
    messages,
    numbers,
    settings,
    stored,
    wait_for,
    wait_stored,
)

FILES = paths.LOG_FILES


@pytest.mark.parametrize("way", [fields.MQTT, fields.CLOUDWATCH])
def test_what_a_board_says_is_in_the_cloud(log_twin, serial, tmp_path, way):
    how = settings(log_twin, way)
    path = image(tmp_path / "flash.img", log_twin, serial, how, SAYS)
    began_ms = time.time() * 1000
    with mishaps.powered(path) as machine:
        wait_stored(log_twin, serial, *DOORS)
        machine.wait_for(rig.DONE)
        found = wait_stored(log_twin, serial, "info mqtt connected to")
    events = stored(log_twin, serial)
    numbers = [
        int(re.fullmatch(head(serial, way) + r"(\d+) \w+ \w+ .*", message, re.DOTALL)[1]) for message in found
    ]
    assert numbers == list(range(1, len(numbers) + 1)), "each line once, in its order"
    assert all(began_ms - 2000 <= event.at_ms <= time.time() * 1000 for event in events)
    assert [event.at_ms for event in events] == sorted(event.at_ms for event in events)


def test_a_rule_that_is_named_gets_the_lines_directly(log_twin, serial, tmp_path):
    path = image(tmp_path / "flash.img", log_twin, serial, {**MQTT, fields.RULE: DEFAULT_LOG_RULE}, SAYS)
    with mishaps.powered(path):
        wait_stored(log_twin, serial, *DOORS)
    topic = topics.by_rule(DEFAULT_LOG_RULE, topics.log(topics.DEFAULT_PREFIX, serial))
    assert any(message.topic == topic for message in log_twin.messages)


@pytest.mark.parametrize(("way", "heap_kb"), [(fields.MQTT, 200), (fields.CLOUDWATCH, 228)])
def test_in_the_memory_of_a_board(log_twin, serial, tmp_path, way, heap_kb):
    """With everything but the page and the renewal."""
    mishaps.need_interpreter(32)
    how = settings(log_twin, way)
    less = {fields.SERVICES: {"web": False, fields.CLOUD: {"renew": False}}}
    path = image(tmp_path / "flash.img", log_twin, serial, how, SAYS, config=less)
    with mishaps.powered(path, bits=32, heap_kb=heap_kb) as machine:
        wait_stored(log_twin, serial, *DOORS)
        assert "not enough memory" not in machine.console, machine.console


def test_lines_of_before_the_clock_was_known_have_the_right_time(log_twin, serial, tmp_path):
    path = image(
        tmp_path / "flash.img", log_twin, serial, MQTT, SAYS,
        intervals={"logs_time_ms": 600_000}, built_s=time.time() - 3600,
    )  # fmt: skip
    began_ms = time.time() * 1000
    with mishaps.powered(path, environment={"CLOCK": "1609459200"}) as machine:
        machine.wait_for("clock      set by NTP to 20")
        wait_stored(log_twin, serial, "info network join", *DOORS)
    for event in stored(log_twin, serial):
        assert began_ms - 2000 <= event.at_ms <= time.time() * 1000, event


def test_only_what_the_settings_want(log_twin, serial, tmp_path):
    body = """
    self.say("quiet")
    self.warn("first warning")
    state.ports.board.say("other", "not this", "warn")
    state.ports.board.say("probe2", "second warning", "error")
    await state.ports.clock.sleep_ms(1000000)
    """
    how = {**MQTT, fields.LEVEL: "warn", fields.SOURCES: ["probe", "probe2", "third"]}
    path = image(tmp_path / "flash.img", log_twin, serial, how, body)
    with mishaps.powered(path):
        found = wait_stored(log_twin, serial, "second warning")
    assert [message.split(" ", 2)[2] for message in found] == [
        "warn probe first warning",
        "error probe2 second warning",
    ]
    how = {**MQTT, fields.WITHOUT: ["probe"]}
    path = image(tmp_path / "flash.img", log_twin, serial + "b", how, body)
    with mishaps.powered(path):
        found = wait_stored(log_twin, serial + "b", "second warning")
    assert not any(" probe " in message for message in found)


SLOW = """
    for number in range(3):
        self.say("line %d" % number)
        await state.ports.clock.sleep_ms(3000)
    self.say("the last")
    await state.ports.clock.sleep_ms(1000000)
"""


@pytest.mark.parametrize("how", [fields.MQTT, fields.CLOUDWATCH])
def test_an_export_causes_no_other(log_twin, serial, tmp_path, how):
    """With memory for one TLS connection each export makes mqtt say that it lent it, and came back."""
    section = {**(MQTT if how == fields.MQTT else cloudwatch(log_twin)), fields.WITHOUT: ["heartbeat"]}
    often = mishaps.changed("device/runtime/session.py", "_LEND_EVERY_MS = 60000", "_LEND_EVERY_MS = 300")
    path = image(
        tmp_path / "flash.img", log_twin, serial, section, SLOW, sessions=1,
        extra=often, intervals={"heartbeat_ms": 500},
    )  # fmt: skip
    with mishaps.powered(path) as machine:
        wait_stored(log_twin, serial, "the last")
        count = batches(log_twin, serial)
        for _ in range(10):  # five times as long as the pause between two exports
            mishaps.still_runs(machine)
        assert batches(log_twin, serial) == count, messages(log_twin, serial)


def test_a_lost_link_loses_nothing(log_twin, serial, tmp_path):
    with Relay("127.0.0.1", log_twin.port) as relay:
        body = """
        for number in range(12):
            self.say("door %d opened" % number)
            await state.ports.clock.sleep_ms(400)
        await state.ports.clock.sleep_ms(1000000)
        """
        path = image(tmp_path / "flash.img", log_twin, serial, MQTT, body, port=relay.port)
        with mishaps.powered(path):
            wait_stored(log_twin, serial, DOORS[2])
            for _ in range(3):
                relay.cut_after_total = relay.bytes_up + relay.bytes_down + 400
                seen = len(messages(log_twin, serial))
                wait_for(lambda seen=seen: len(messages(log_twin, serial)) > seen)
            relay.cut_after_total = None
            found = wait_stored(log_twin, serial, *DOORS)
    once = list(dict.fromkeys(numbers(found)))
    assert once == list(range(1, len(once) + 1)), found


@pytest.mark.parametrize(("stage", "way"), [(faults.PUBLISH, fields.MQTT), (faults.LOGS, fields.CLOUDWATCH)])
def test_a_lost_answer_brings_one_batch_twice(log_twin, serial, tmp_path, stage, way):
    how = settings(log_twin, way)
    body = (
        """
    while not state.session.is_online():
        await state.ports.clock.sleep_ms(20)
    await state.ports.clock.sleep_ms(3000)
    """
        + SAYS
    )
    path = image(tmp_path / "flash.img", log_twin, serial, how, body)
    with mishaps.powered(path) as machine:
        machine.wait_for(rig.DONE)
        wait_stored(log_twin, serial, "mqtt connected to")
        log_twin.registry.faults.add(stage, faults.CLOSE_AFTER, client=serial, count=1)
        found = wait_stored(log_twin, serial, *DOORS)
        wait_for(lambda: not log_twin.registry.faults.all())
        wait_for(
            lambda: len(numbers(messages(log_twin, serial))) > len(set(numbers(messages(log_twin, serial))))
        )
        found = numbers(messages(log_twin, serial))
    once = list(dict.fromkeys(found))
    assert once == list(range(1, len(once) + 1)), "nothing is lost"
    doubles = [number for number in once if found.count(number) > 1]
    assert doubles == list(range(doubles[0], doubles[-1] + 1)) and found.count(doubles[0]) == 2, found


def test_throttling_and_trouble_of_the_service_delay(log_twin, serial, tmp_path):
    for code, number in (
        ("ThrottlingException", 400),
        ("ServiceUnavailableException", 500),
        ("Nonsense", 599),
    ):
        log_twin.registry.faults.add(
            faults.LOGS, faults.REJECT, code=code, number=number, client=serial, count=1
        )
    path = image(tmp_path / "flash.img", log_twin, serial, cloudwatch(log_twin), SAYS)
    with mishaps.powered(path) as machine:
        mishaps.complaint(machine, "logs", "PutLogEvents was refused (", "Trying again in")
        found = wait_stored(log_twin, serial, *DOORS)
    once = numbers(found)
    assert once == list(range(1, len(once) + 1))


def test_keys_that_do_not_count_any_more_are_replaced(log_twin, serial, tmp_path):
    body = (
        """
    while not state.session.is_online():
        await state.ports.clock.sleep_ms(20)
    await state.ports.clock.sleep_ms(4000)
    """
        + SAYS
    )
    path = image(tmp_path / "flash.img", log_twin, serial, cloudwatch(log_twin), body)
    with mishaps.powered(path) as machine:
        wait_stored(log_twin, serial, "mqtt connected to")
        log_twin.credentials._issued.clear()  # as a restart of the twin does
        wait_stored(log_twin, serial, *DOORS)
        assert "Trying again" not in machine.console and machine.console.count("keys       for role") == 2


def test_a_wrong_clock_is_said(log_twin, serial, tmp_path):
    path = image(tmp_path / "flash.img", log_twin, serial, cloudwatch(log_twin), SAYS)
    ahead = {"CLOCK": str(int(time.time()) + 1200), "NTP": "fail"}
    with mishaps.powered(path, environment=ahead) as machine:
        mishaps.complaint(
            machine, "logs", "the board's clock is wrong: it says 20", "CloudWatch", "time server"
        )
        machine.wait_for(rig.DONE)
    assert stored(log_twin, serial) == []


def test_a_clock_that_goes_wrong_is_asked_for(log_twin, serial, tmp_path):
    body = (
        """
    while not state.session.knows_time():
        await state.ports.clock.sleep_ms(20)
    state.ports.clock.set_unix(state.ports.clock.unix() + 1200)
    """
        + SAYS
    )
    path = image(tmp_path / "flash.img", log_twin, serial, cloudwatch(log_twin), body)
    with mishaps.powered(path) as machine:
        machine.wait_for("clock      set by NTP to 20")
        wait_stored(log_twin, serial, *DOORS)
        assert "Trying again" not in machine.console


def test_a_group_that_is_missing(log_twin, serial, tmp_path):
    other = cloudwatch(log_twin, **{fields.GROUP: "/other/" + serial, fields.CREATE_GROUP: False})
    path = image(tmp_path / "flash.img", log_twin, serial, other, SAYS)
    with mishaps.powered(path) as machine:
        mishaps.complaint(
            machine, "logs", f"there is no log group /other/{serial}; make it, or set createGroup"
        )
        machine.wait_for(rig.DONE)


def test_without_keys(log_twin, serial, tmp_path):
    config = {fields.KEYS: {}}
    path = image(tmp_path / "flash.img", log_twin, serial, cloudwatch(log_twin), SAYS, config=config)
    with mishaps.powered(path) as machine:
        mishaps.complaint(machine, "logs", "there are no keys for CloudWatch; name a role alias in")
        machine.wait_for(rig.DONE)


def test_settings_that_are_wrong_are_said(log_twin, serial, tmp_path):
    path = image(tmp_path / "flash.img", log_twin, serial, {fields.BY: "post"}, SAYS)
    with mishaps.powered(path) as machine:
        mishaps.complaint(machine, "logs", 'config.json: "by" must be "mqtt" or "cloudwatch"')
        machine.wait_for(rig.DONE)


def test_without_the_section_it_is_done(log_twin, serial, tmp_path):
    body = """
    while state.services["logs"].condition != "done":
        await state.ports.clock.sleep_ms(20)
    import sys
    words = ("logs", "log_news", "export")
    self.say("left: %s" % [name for name in sys.modules if any(word in name for word in words)])
    await state.ports.clock.sleep_ms(1000000)
    """
    path = image(tmp_path / "flash.img", log_twin, serial, None, body)
    with mishaps.powered(path) as machine:
        machine.wait_for("probe      left: []")
        machine.wait_for(rig.DONE)
    assert stored(log_twin, serial) == []


def test_a_line_that_cloudwatch_does_not_accept_costs_only_itself(log_twin, serial, tmp_path):
    log_twin.registry.faults.add(
        faults.LOGS, faults.REJECT, code="InvalidParameterException", number=400, client=serial, count=6
    )
    path = image(tmp_path / "flash.img", log_twin, serial, cloudwatch(log_twin), SAYS)
    with mishaps.powered(path) as machine:
        mishaps.complaint(
            machine, "logs", "a line is left out, CloudWatch does not accept it: PutLogEvents was refused"
        )
        found = wait_stored(log_twin, serial, *DOORS)
    once = numbers(found)
    assert once == list(range(once[0], once[0] + len(once))) and 2 <= once[0] <= 3, found


@pytest.mark.parametrize("is_released", [True, False], ids=["released", "kept"])
def test_the_next_owner_gets_no_lines_of_the_last_one(log_twin, serial, tmp_path, is_released):
    on_flash = {fields.LOG: {fields.FLASH_BYTES: 32768}}
    quick = {"log_ms": 100, "log_patient_ms": 100, "logs_flash_ms": 100}
    path = image(tmp_path / "flash.img", log_twin, serial, None, SAYS, config=on_flash, intervals=quick)
    with mishaps.powered(path) as machine:
        machine.wait_for(DOORS[-1])
        machine.wait_for(rig.DONE)
        wait_for(lambda: DOORS[-1].encode() in b"".join(rig.on_flash(path).get(name, b"") for name in FILES))
        if is_released:
            release(log_twin, serial, machine)
    config = {fields.SERVICES: {}, fields.LOGS: MQTT, **on_flash}
    silent = mishaps.service("probe", "    await state.ports.clock.sleep_ms(1000000)\n")
    mishaps.edit(path, {paths.CONFIG: json.dumps(config).encode(), **silent})
    with mishaps.powered(path):
        found = wait_stored(log_twin, serial, "mqtt connected to")
    assert any(DOORS[3] in message for message in found) != is_released


def release(twin, serial, machine):
    """Command it until the board obeys: one that is sent before it listens is lost."""
    for _ in range(60):
        commanding.send(twin, serial, fields.RELEASE)
        with contextlib.suppress(MusterError):
            assert machine.wait(1) == EXIT_RESET
            return
    raise AssertionError("it was not released")
