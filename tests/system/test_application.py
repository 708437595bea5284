"""What an application may do: the object `muster` on a board, with a twin."""

from device.core import fields
from tests.system import applications, mishaps

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
