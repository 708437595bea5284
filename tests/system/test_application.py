"""What an application may do: the object `muster` on a board, with a twin."""

import json

from device.core import fields, paths
from muster import application
from muster.image import strict_json
from muster.layout import REPO
from muster.relay import Relay
from tests.system import applications, browser, listeners, mishaps, rig

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
    assert times == sorted(times)


def test_table_without_a_database(twin, serial, tmp_path):
    app = applications.compiled(tmp_path / "app", applications.body("await muster.table('a')"))
    off = {paths.CONFIG: strict_json({fields.SERVICES: {fields.DATABASE: False}})}
    path = mishaps.flash(tmp_path / "flash.img", twin, serial, extra={**app, **off})
    with mishaps.powered(path) as machine:
        mishaps.complaint(machine, "app", "there is no database; switch it on in", "Trying again in")
        machine.wait_for(rig.DONE)


def test_the_traceback_is_on_the_page(twin, serial, tmp_path):
    app = applications.compiled(tmp_path / "app", applications.body("raise ValueError('seen')"))
    extra = {
        **app,
        **browser.WEB,
        paths.CONFIG: strict_json({fields.SERVICES: {fields.CLOUD: False}}),
    }
    path = mishaps.flash(tmp_path / "flash.img", twin, serial, extra=extra, intervals={"retry_ms": 3600000})
    with mishaps.powered(path, traceback=True) as machine:
        mishaps.complaint(machine, "app", "failed: ValueError")
        found = browser.Browser(browser.port_of(machine)).log_in().get("/api/status")["app"]
    assert found["state"] == "failing"
    assert 'File "app/main.py", line 6, in main' in found["error"] and "seen" in found["error"]


GIVES_UP = """
    for _ in range(20):
        try:
            await asyncio.wait_for_ms(muster.publish("a", "b"), 20)
        except asyncio.TimeoutError:
            pass
    muster.log("gave up 20 times")
    await muster.subscribe("a", print)
"""


def test_messages_that_nobody_waits_for_are_given_up(twin, serial, tmp_path):
    """Off line, a publish with a time limit takes none of the places for those that wait."""
    app = applications.compiled(tmp_path / "app", applications.body(GIVES_UP))
    path = mishaps.flash(tmp_path / "flash.img", twin, serial, port=listeners.silent(), extra=app)
    with mishaps.powered(path) as machine:
        machine.wait_for("app        gave up 20 times")
        mishaps.still_runs(machine)


def test_the_last_words_name_it(twin, serial, tmp_path):
    """A task of the application that blocks the loop is named by the next start."""
    main = """
        import os
        import time

        async def block():
            time.sleep(30)

        if "seen" not in os.listdir("/"):
            os.mkdir("/seen")
            asyncio.create_task(block())
        await asyncio.sleep(3600)
    """
    app = applications.compiled(tmp_path / "app", applications.body(main))
    quick = {"stuck_ms": 600, "health_ms": 100}
    path = mishaps.flash(
        tmp_path / "flash.img", twin, serial, extra=app, facts={"WATCHDOG_MS": 3000}, intervals=quick
    )
    with mishaps.powered(path, restart=True) as machine:
        mishaps.complaint(machine, "start", "the watchdog restarted the board: app kept the loop busy")
        machine.wait_for(rig.DONE, start=len(machine.lines))
