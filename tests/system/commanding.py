"""Commands of the cloud to a board."""

import contextlib
import json
import re
import time
from typing import Any

from device.core import fields, topics
from muster.errors import MusterError
from muster.twin.server import RunningTwin
from muster.virtual import VirtualBoard


def send(twin: RunningTwin, serial: str, name: str, payload: Any = None) -> None:
    """Send a command: `payload` as it is if it is bytes, else as JSON; without one, the time of sending."""
    payload = {fields.TIME: int(time.time())} if payload is None else payload
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    twin.send(topics.command(topics.DEFAULT_PREFIX, serial, name), data)


def send_until(
    machine: VirtualBoard,
    twin: RunningTwin,
    serial: str,
    name: str,
    wanted: str | re.Pattern[str],
    payload: Any = None,
    *,
    start: int = 0,
) -> str:
    """Send it again and again until the board says `wanted`: a command is lost while the board connects.

    The line, which is looked for from number `start` on.
    """
    for _ in range(60):
        send(twin, serial, name, payload)
        with contextlib.suppress(MusterError):
            return machine.wait_for(wanted, 1, start=start)
    raise AssertionError(machine.console)
