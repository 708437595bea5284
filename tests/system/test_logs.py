"""The log of a whole board in the twin's CloudWatch Logs: by MQTT and its rule, and by HTTPS."""

import json
import re
import time

import pytest

from device.core import fields, paths
from muster.twin.log_store import LogStore
from muster.twin.server import running_twin
from muster.twin.settings import DEFAULT_ROLE_ALIAS, Settings
from tests.system import mishaps, rig

GROUP = "/muster/boards"
QUICK = {**mishaps.PATIENT, "heartbeat_ms": 600_000, "logs_ms": 50, "logs_time_ms": 0, "keys_ms": 300}
MQTT = {fields.EVERY_S: 1}


@pytest.fixture(scope="module")
def log_twin(tmp_path_factory):
    settings = Settings(authority_key="ec", claim_key="ec", key_pool=4, https_port=0)
    with running_twin(tmp_path_factory.mktemp("log-twin"), settings) as running:
        yield running


def cloudwatch(twin, **more) -> dict:
    place = {fields.REGION: "local-1", fields.GROUP: GROUP, fields.ENDPOINT: "localhost"}
    how = {fields.BY: fields.CLOUDWATCH, fields.PORT: twin.https_port, fields.CREATE_GROUP: True}
    return {fields.EVERY_S: 1, **place, **how, **more}


def image(path, twin, serial, how, probe="await state.ports.clock.sleep_ms(1000000)", sessions=2, **more):
    keys = {fields.ROLE_ALIAS: DEFAULT_ROLE_ALIAS, fields.ENDPOINT: "localhost", fields.PORT: twin.https_port}
    config = {fields.SERVICES: {}, fields.KEYS: keys, fields.LOGS: how, **more.pop("config", {})}
    return mishaps.flash(
        path,
        twin,
        serial,
        services=["probe"],
        facts={"TLS_SESSIONS": sessions, **more.pop("facts", {})},
        intervals={**QUICK, **more.pop("intervals", {})},
        extra={
            paths.CONFIG: json.dumps(config).encode(),
            **mishaps.service("probe", probe),
            **more.pop("extra", {}),
        },
        **more,
    )


def stored(twin, serial) -> list:
    """The events of a board, in the order of their arrival."""
    store = LogStore(twin.home.logs)
    found = [event for _, event in store.since(0, 100_000) if event.stream == serial]
    store.close()
    return found


def messages(twin, serial) -> list[str]:
    return [event.message for event in stored(twin, serial)]


def wait_stored(twin, serial, *parts, timeout_s=60) -> list[str]:
    """Wait until each of `parts` is in an event of the board."""
    end_s = time.monotonic() + timeout_s
    while True:
        found = messages(twin, serial)
        missing = [part for part in parts if not any(part in message for message in found)]
        if not missing:
            return found
        assert time.monotonic() < end_s, (missing, found)
        time.sleep(0.05)


SAYS = """
    for number in range(30):
        self.say("door %d opened" % number)
        await state.ports.clock.sleep_ms(20)
    await state.ports.clock.sleep_ms(1000000)
"""
DOORS = [f"door {number} opened" for number in range(30)]


@pytest.mark.parametrize("way", [fields.MQTT, fields.CLOUDWATCH])
def test_what_a_board_says_is_in_the_cloud(log_twin, serial, tmp_path, way):
    how = MQTT if way == fields.MQTT else cloudwatch(log_twin)
    path = image(tmp_path / "flash.img", log_twin, serial, how, SAYS)
    began_ms = time.time() * 1000
    with mishaps.powered(path) as machine:
        wait_stored(log_twin, serial, *DOORS)
        machine.wait_for(rig.DONE)
        found = wait_stored(log_twin, serial, "info mqtt connected to")
    events = stored(log_twin, serial)
    head = serial + " " if way == fields.MQTT else ""
    numbers = [int(re.fullmatch(head + r"(\d+) \w+ \w+ .*", message, re.DOTALL)[1]) for message in found]
    assert numbers == list(range(1, len(numbers) + 1)), "each line once, in its order"
    assert all(began_ms - 2000 <= event.at_ms <= time.time() * 1000 for event in events)
    assert [event.at_ms for event in events] == sorted(event.at_ms for event in events)
