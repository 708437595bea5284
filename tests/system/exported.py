"""What tests of the log export share: images of boards that export, and what the twin has of them."""

import json
import re
import time

from device.core import fields, paths
from muster.twin.log_store import LogStore
from muster.twin.settings import DEFAULT_ROLE_ALIAS
from tests.system import mishaps, rig

GROUP = "/muster/boards"
LIMIT_S = 60
QUICK = {**mishaps.PATIENT, "heartbeat_ms": 600_000, "logs_ms": 50, "logs_time_ms": 0, "keys_ms": 300}
MQTT = {fields.EVERY_S: 1}

SAYS = """
    for number in range(12):
        self.say("door %d opened" % number)
        await state.ports.clock.sleep_ms(20)
    await state.ports.clock.sleep_ms(1000000)
"""
DOORS = [f"door {number} opened" for number in range(12)]  # with those of a boot, they fit into the ring


def cloudwatch(twin, **more) -> dict:
    place = {fields.REGION: "local-1", fields.GROUP: GROUP, fields.ENDPOINT: "localhost"}
    how = {fields.BY: fields.CLOUDWATCH, fields.PORT: twin.https_port, fields.CREATE_GROUP: True}
    return {fields.EVERY_S: 1, **place, **how, **more}


def settings(twin, way) -> dict:
    """What config.json says of the export by `way`."""
    return MQTT if way == fields.MQTT else cloudwatch(twin)


def head(serial, way) -> str:
    """What a line begins with in the cloud, before its number: who says it, if the stream does not."""
    return f"{serial} " if way == fields.MQTT else ""


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


def wait_stored(twin, serial, *parts) -> list[str]:
    """Wait until each of `parts` is in an event of the board."""
    end_s = time.monotonic() + LIMIT_S
    while True:
        found = messages(twin, serial)
        missing = [part for part in parts if not any(part in message for message in found)]
        if not missing:
            return found
        assert time.monotonic() < end_s, (missing, found)
        time.sleep(0.05)


def batches(twin, serial) -> int:
    """How many times something came, at most one a millisecond."""
    return len({event.ingested_ms for event in stored(twin, serial)})


def numbers(found: list[str]) -> list[int]:
    """The numbers of lines, which begin their messages, with or without the serial before."""
    return [int(match[1]) for message in found if (match := re.match(r"(?:cam-\d+ )?(\d+) ", message))]


def log_on_flash(path) -> bytes:
    files = rig.on_flash(path)
    return b"".join(files[name] for name in paths.LOG_FILES if name in files)


def wait_for(holds) -> None:
    end_s = time.monotonic() + LIMIT_S
    while not holds():
        assert time.monotonic() < end_s
        time.sleep(0.05)
