"""The publish queue on a whole board: links that are away, power cuts, limits."""

import json
import re

from device.core import fields, paths
from muster.relay import Relay
from tests.system import applications, mishaps, rig

# Numbers of a file that survives: each reading has its own, and is said once it is safe.
READS = """
    number = 0
    try:
        with open("/count") as file:
            number = int(file.read())
    except OSError:
        pass
    while True:
        number += 1
        with open("/count", "w") as file:
            file.write(str(number))
        await muster.queue(muster.topic("reading"), {"number": number, "text": "x" * %d})
        muster.log("safe %%d" %% number)
        await asyncio.sleep_ms(%d)
"""
SAFE = re.compile(r"app +safe (\d+)")


def _board(tmp_path, twin, serial, port, app, **limits):
    app = applications.compiled(tmp_path / "app", applications.body(app))
    section = {fields.QUEUE: {fields.DELAY_S: 1, **limits}}
    return mishaps.flash(tmp_path / "flash.img", twin, serial, port=port, extra=app, **section)


def _numbers(twin, serial):
    topic = f"cameraDevice/{serial}/reading"
    return [json.loads(message.payload)["number"] for message in twin.messages if message.topic == topic]


def _safe(*machines):
    return [int(number) for machine in machines for number in SAFE.findall(machine.console)]


def _once(numbers):
    """In the order in which they came first."""
    return list(dict.fromkeys(numbers))


def _on_queue(path):
    return {name for name in rig.on_flash(path) if name.startswith(paths.QUEUE)}


def test_link_away_power_cut_and_back(twin, serial, tmp_path):
    with Relay("127.0.0.1", twin.port) as relay:
        path = _board(tmp_path, twin, serial, relay.port, READS % (40, 100))
        with mishaps.powered(path) as first:
            mishaps.complaint(first, "app", "safe 3")
            relay.refuse = True
            relay.cut_after_total = relay.bytes_up + relay.bytes_down + 1
            mishaps.complaint(first, "mqtt", "Trying again in")
            start = len(first.lines)
            for _ in range(2):
                first.wait_for(SAFE, start=start)
                start = len(first.lines)
        assert _on_queue(path)
        with mishaps.powered(path) as second:
            mishaps.complaint(second, "queue", "messages wait from before")
            second.wait_for(SAFE, start=len(second.lines))
        relay.refuse = False
        with mishaps.powered(path) as third:
            third.wait_for(rig.DONE)
            last = max(_safe(first, second)) + 3
            mishaps.complaint(third, "app", f"safe {last}")
    got = _numbers(twin, serial)
    assert set(_safe(first, second)) <= set(got)
    assert _once(got) == sorted(set(got)), "in order"
