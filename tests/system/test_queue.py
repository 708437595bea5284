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
DROPPED = re.compile(r"queue +(\d+) messages were dropped, the oldest first: too many wait")
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


QUICK_ONE = """
    await muster.online()
    for number in range(1, 41):
        await muster.publish(muster.topic("reading"), {"number": number})
    muster.log("all delivered")
    await asyncio.sleep(3600)
"""


def test_on_line_nothing_is_written(twin, serial, tmp_path):
    app = applications.compiled(tmp_path / "app", applications.body(QUICK_ONE))
    path = mishaps.flash(tmp_path / "flash.img", twin, serial, extra=app)
    with mishaps.powered(path) as machine:
        machine.wait_for("app        all delivered")
    assert _numbers(twin, serial) == list(range(1, 41)) and not _on_queue(path)


FLOOD = """
    async def one(number):
        try:
            await muster.queue(muster.topic("reading"), {"number": number, "text": "x" * 900})
            muster.log("safe %d" % number)
        except muster.Failure:
            pass

    for number in range(1, 10000):
        asyncio.create_task(one(number))
        await asyncio.sleep_ms(250)
"""


def test_overflow_is_counted_and_said(twin, serial, tmp_path):
    with Relay("127.0.0.1", twin.port) as relay:
        limits = {fields.QUEUE_BYTES: 16384, fields.WRITES_PER_HOUR: 3600}
        path = _board(tmp_path, twin, serial, relay.port, FLOOD, **limits)
        relay.refuse = True
        with mishaps.powered(path) as away:
            for _ in range(2):
                said = away.wait_for(DROPPED, start=len(away.lines))
        relay.refuse = False
        assert int(DROPPED.search(said)[1]) > 5
        with mishaps.powered(path) as machine:
            machine.wait_for(rig.DONE)
            mishaps.complaint(machine, "app", "safe 3")
    got = _numbers(twin, serial)
    first_run = got[: got.index(1)] if 1 in got else got  # the second counts from 1 again
    assert _once(first_run) == sorted(set(first_run)) and min(first_run) > 3, "the oldest are gone"
    newest = [number for number in _safe(away) if number > min(first_run)]
    assert len(newest) > 5 and set(newest) <= set(first_run)


REFUSED = """
    await muster.online()
    tasks = [asyncio.create_task(muster.publish("forbidden/topic", "x"))]
    await asyncio.sleep_ms(0)
    tasks.append(asyncio.create_task(muster.publish(muster.topic("reading"), {"number": 1})))
    try:
        await tasks[0]
    except muster.Failure as failure:
        muster.log("failed: %s" % failure)
    await tasks[1]
    muster.log("the next one went on")
"""


def test_a_refused_message_does_not_hold_up_the_others(twin, serial, tmp_path):
    app = applications.compiled(tmp_path / "app", applications.body(REFUSED))
    path = mishaps.flash(tmp_path / "flash.img", twin, serial, extra=app)
    with mishaps.powered(path) as machine:
        mishaps.complaint(machine, "queue", "a message was dropped: ", "forbidden/topic")
        mishaps.complaint(machine, "app", "failed: ", "iot:Publish")
        machine.wait_for("app        the next one went on")
    assert _numbers(twin, serial) == [1]


FAILS = """
    await state.services["queue"].ready.wait()
    publisher = state.services["queue"]
    topic = "cameraDevice/%s/reading"
    await publisher.deliver(topic, b'{"number": 1}')
    state.supervisor.fail("queue", ValueError("for the test"))
    while state.services["queue"].ready.is_set():
        await state.ports.clock.sleep_ms(10)
    await state.services["queue"].ready.wait()
    await state.services["queue"].deliver(topic, b'{"number": 2}')
    self.say("delivered by the next run")
    self.ready.set()
"""


def test_a_service_that_failed_delivers_again(twin, serial, tmp_path):
    path = mishaps.flash(
        tmp_path / "flash.img",
        twin,
        serial,
        extra=mishaps.service("probe", FAILS % serial),
        services=["probe"],
    )
    with mishaps.powered(path, traceback=True) as machine:
        mishaps.complaint(machine, "queue", "failed: ValueError", "Trying again")
        machine.wait_for("delivered by the next run", 30)
    assert _numbers(twin, serial) == [1, 2]
