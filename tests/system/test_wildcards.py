"""Subscriptions with + and # of a service and of the application, beside those for commands."""

from device.core import topics
from tests.system import applications, mishaps, rig

HEARS = """
    def on(name):
        return lambda topic, payload: muster.log("%s hears %s" % (name, topic.split("/", 2)[2]))

    for name in ("room/+/set", "room/#", "+/kitchen/set", "exact"):
        await muster.subscribe(muster.topic(name), on(name))
    muster.log("subscribed")
    await asyncio.sleep(3600)
"""
PROBE = """
    topic = "cameraDevice/%s/probe/#"
    await state.session.subscribe(self.name, [topic], lambda topic, payload: self.say("probe hears " + topic))
    self.ready.set()
    self.say("subscribed")
    while True:
        await state.ports.clock.sleep_ms(1000)
"""


def test_each_filter_gets_what_matches_it(twin, serial, tmp_path):
    files = applications.compiled(tmp_path / "app", applications.body(HEARS))
    files |= mishaps.service("probe", PROBE % serial)
    path = mishaps.flash(tmp_path / "flash.img", twin, serial, extra=files, services=["probe"])
    expected = {
        "room/kitchen/set": {"room/+/set", "room/#", "+/kitchen/set"},
        "room/hall/set": {"room/+/set", "room/#"},
        "room/hall/set/deep": {"room/#"},
        "room": set(),  # AWS differs from MQTT here; Mosquitto does not
        "house/kitchen/set": {"+/kitchen/set"},
        "exact": {"exact"},
        "probe/a/b": {"probe"},
        "nobody": set(),
        "exact/more": set(),
    }
    with mishaps.powered(path) as machine:
        machine.wait_for(rig.DONE)
        machine.wait_for("app        subscribed")
        machine.wait_for("probe      subscribed")
        start = len(machine.lines)
        for name in expected:
            twin.send(topics.own(topics.DEFAULT_PREFIX, serial, name), b"x")
        twin.send(topics.own(topics.DEFAULT_PREFIX, serial, "exact"), b"x")
        while sum(line.endswith("exact hears exact") for line in machine.lines[start:]) < 2:
            mishaps.still_runs(machine)
    heard = [line for line in machine.lines[start:] if " hears " in line]
    for name, filters in expected.items():
        found = {
            line.split(" hears ")[0].split()[-1]
            for line in heard
            if line.endswith((f" hears {name}", f"/{serial}/{name}"))
        }
        assert found == filters, (name, heard)
