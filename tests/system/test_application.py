"""What an application may do: the object `muster` on a board, with a twin."""

import json

from device.core import fields, paths
from muster import application
from muster.image import strict_json
from muster.layout import REPO
from muster.relay import Relay
from tests.system import applications, listeners, mishaps, rig

SPEAKS = """
    muster.log("is %(board)s %(serial)s" % muster.identity())
    await muster.online()
    muster.log("thing " + muster.identity()["thing"])
    heard = asyncio.Event()

    def on_message(topic, payload):
        muster.log("heard %s on %s" % (payload.decode(), topic))
        heard.set()

    await muster.subscribe(muster.topic("set/+"), on_message)
    await muster.publish(muster.topic("set/warm"), {"degrees": 21})
    await heard.wait()
    muster.log("interval %r, site %s, name %s" % (
        muster.setting("reportIntervalS", 5), muster.setting("site", ""), muster.setting("name", "")))
"""


def test_speaks_hears_and_knows_itself(twin, serial, tmp_path):
    app = applications.compiled(tmp_path / "app", applications.body(SPEAKS))
    section = {fields.APP: {"name": "hall", "site": "here"}}
    path = mishaps.flash(tmp_path / "flash.img", twin, serial, extra=app, **section)
    with mishaps.powered(path) as machine:
        machine.wait_for(f"app        is virtual-e6614c311b4f2a37 {serial}")
        machine.wait_for(f"app        thing {serial}")
        machine.wait_for(f'heard {{"degrees": 21}} on cameraDevice/{serial}/set/warm')
        machine.wait_for("interval 60, site here, name hall")
        machine.wait_for("main() has returned")
        machine.wait_for("all services OK", start=len(machine.lines))


def test_the_example_measures_keeps_and_publishes(twin, serial, tmp_path):
    """Off line it stores what it measures; once on line it publishes that, and nothing stays in the table."""
    app = application.files_of(REPO / "examples/sensor")
    port = listeners.silent()
    section = {fields.APP: {"every_s": 1}}
    path = mishaps.flash(
        tmp_path / "flash.img", twin, serial, port=port, extra=app, intervals={"retry_ms": 300}, **section
    )
    with mishaps.powered(path) as machine:
        for _ in range(2):
            machine.wait_for("app        21.5 degrees", start=len(machine.lines))
    topic = f"cameraDevice/{serial}/temperature"
    assert not [message for message in twin.messages if message.topic == topic]
    with Relay("127.0.0.1", twin.port, port=port), mishaps.powered(path):
        readings = [json.loads(twin.wait_for_publish(topic, 60, count).payload) for count in (1, 2, 3)]
    assert readings[0]["celsius"] == 21.5
    times = [reading["unix"] for reading in readings]
    assert times == sorted(set(times))


def test_table_without_a_database(twin, serial, tmp_path):
    app = applications.compiled(tmp_path / "app", applications.body("await muster.table('a')"))
    off = {paths.CONFIG: strict_json({fields.SERVICES: {fields.DATABASE: False}})}
    path = mishaps.flash(tmp_path / "flash.img", twin, serial, extra={**app, **off})
    with mishaps.powered(path) as machine:
        mishaps.complaint(machine, "app", "there is no database; switch it on in", "Trying again in")
        machine.wait_for(rig.DONE)
