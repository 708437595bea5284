"""Bugs in services: said with the line of the fault, once, and nobody else suffers. A service is one file."""

import shutil
import textwrap

from device.core import topics
from muster import mpy
from muster.boards import Service, profile
from muster.layout import LIB
from tests.system import mishaps, rig

AT_ONCE = {"retry_ms": 64}
_HEAD = "Traceback (most recent call last):"

TWO_BUGS = """
    import math
    self.tries = getattr(self, "tries", 0) + 1
    if self.tries % 2:
        {}["first"]
    math.sqrt(-1)
"""
# Whoever listens here breaks at the first message, which may arrive in the middle of its own SUBSCRIBE.
ON_MESSAGE = """
    await state.session.subscribe(self.name, ["%(topic)s"], lambda topic, payload: 1 // 0)
    while True:
        await state.ports.clock.sleep_ms(1000)
"""
ON_RENEWED = """
    await state.session.subscribe(self.name, ["%(topic)s"], lambda topic, payload: None, lambda: [].pop())
    while True:
        await state.ports.clock.sleep_ms(1000)
"""
LISTENER = """
    heard = lambda topic, payload: self.say("heard " + payload.decode())
    await state.session.subscribe(self.name, ["%(topic)s"], heard)
    while True:
        await state.session.publish("%(topic)s", b"hello")
        await state.ports.clock.sleep_ms(100)
"""


def _tries(machine, name, count):
    """Wait until a service has failed so many times."""
    start = 0
    for _ in range(count):
        line = machine.wait_for(f"  {name} ", start=start)
        while "Trying again" not in line:
            start = machine.lines.index(line, start) + 1
            line = machine.wait_for(f"  {name} ", start=start)
        start = machine.lines.index(line, start) + 1


def test_the_traceback_of_a_bug_is_told_once(twin, serial, tmp_path):
    extra = mishaps.service("broken", TWO_BUGS)
    path = mishaps.flash(
        tmp_path / "flash.img", twin, serial, intervals=AT_ONCE, services=["broken"], extra=extra
    )
    with mishaps.powered(path, traceback=True) as machine:
        machine.wait_for(rig.DONE)
        _tries(machine, "broken", 5)
    console = machine.console
    assert console.count(_HEAD) == 2, "two different bugs, each once"
    assert console.count("KeyError: first") == 1 and console.count("ValueError: math domain error") == 1
    lines = [line for line in machine.lines if 'File "device.services.broken", line' in line]
    assert len(lines) == 2 and lines[0] != lines[1], "each traceback names the line of the fault"
    assert "failing: broken" in console


def test_a_bug_where_messages_arrive_harms_nobody(twin, serial, tmp_path):
    """The connection is not the service's: it stays, and so does who else listens."""
    topic = {"topic": f"{topics.DEFAULT_PREFIX}/{serial}/porch"}
    bodies = {"deaf": ON_MESSAGE, "eager": ON_RENEWED, "listener": LISTENER}
    extra = {}
    for name, body in bodies.items():
        extra.update(mishaps.service(name, body % topic))
    path = mishaps.flash(
        tmp_path / "flash.img", twin, serial, intervals=mishaps.PATIENT, services=list(bodies), extra=extra
    )
    with mishaps.powered(path, traceback=True) as machine:
        mishaps.complaint(machine, "deaf", "ZeroDivisionError", "Trying again in")
        mishaps.complaint(machine, "eager", "IndexError", "Trying again in")
        machine.wait_for(rig.DONE)
        machine.wait_for("heard hello", start=len(machine.lines))
        _tries(machine, "deaf", 2)
        machine.wait_for("heard hello", start=len(machine.lines))
        mishaps.complaint(machine, "heartbeat", ", connected, ", "failing: ")
    console = machine.console
    assert console.count(_HEAD) <= 3, "eager is called on two ways, by itself and after a reconnection"
    for name in ("deaf", "eager"):
        assert f'File "device.services.{name}", line' in console
    assert console.count("mqtt       connected to") == 1, f"the same connection all the time\n{console}"
    assert "listener" not in "".join(line for line in machine.lines if "failing:" in line)


LAMP = """
    from device.runtime.service import Service


    class Lamp(Service):
        NEEDS = ("mqtt",)

        def __init__(self, name, state):
            super().__init__(name, state)
            self.starts = 0

        async def run(self):
            self.starts += 1
            self.say("start %d" % self.starts)
            self.ready.set()
            if self.starts == 1:
                raise ValueError("the lamp is broken")
            await self.state.session.publish("%(topic)s", b"on")
            self.say("is on")
            await self.state.session.subscribe(self.name, ["somebody/else"], None)


    SERVICE = Lamp
"""


def _files_with(folder, name, text):
    """The program of a board whose lib/ has one more file, a service of that name."""
    lib = folder / "lib"
    shutil.copytree(LIB, lib, ignore=shutil.ignore_patterns("__pycache__"))
    (lib / f"device/services/{name}.py").write_text(textwrap.dedent(text))
    built = profile(rig.BOARD, lib)
    assert Service(name, ("mqtt",), in_cloud=False, in_safe_mode=False) in built.services
    files = mpy.compiled(built, mpy.default_build_time())
    told = mpy.build_module(built, mpy.default_build_time(), {"retry_ms": 300, "heartbeat_ms": 200})
    return {**files, **mishaps.compiled(told.name, told.text.decode())}


def test_a_service_is_one_file(twin, serial, tmp_path):
    """It runs, is started again after a bug, and is refused a filter, and nobody else notices."""
    topic = f"{topics.DEFAULT_PREFIX}/{serial}/lamp"
    extra = _files_with(tmp_path, "lamp", LAMP.replace("%(topic)s", topic))
    path = rig.flash(tmp_path / "flash.img", twin, serial, extra=extra)
    with mishaps.powered(path, traceback=True) as machine:
        mishaps.complaint(machine, "lamp", "failed: ValueError('the lamp is broken'", "Trying again in 1 s")
        mishaps.complaint(machine, "lamp", "iot:Subscribe on topicfilter/somebody/else", "again in 18")
        machine.wait_for(rig.DONE)
        mishaps.complaint(machine, "heartbeat", ", connected, ", "failing: lamp")
    twin.wait_for_publish(topic)
    console = machine.console
    assert console.count(_HEAD) == 1
    assert 'File "device.services.lamp", line' in console
    assert console.index("lamp       start 1") < console.index(_HEAD) < console.index("lamp       start 2")
    assert "start 3" not in console
