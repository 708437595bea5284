"""Memory is short: services are stopped in their order, said, and started again when there is room."""

import re

from muster.boards import profile
from tests.system import mishaps, rig

HEALTH = {"health_ms": 50, "restore_ms": 100}
HEAP_KB = 700

# Takes the heap down to about 22 KB, which is below the floor, and lets go when it is stopped.
GREEDY = """
    import gc
    tell = lambda text: state.ports.board.say("greedy", text)
    tell("starts")
    self.ready.set()
    junk = []
    while True:
        gc.collect()
        try:
            while gc.mem_free() > 22000:
                junk.append(bytearray(500))
        except MemoryError:
            pass
        await state.ports.clock.sleep_ms(20)
"""


def test_a_service_that_takes_the_heap_is_stopped_and_started_again(twin, serial, tmp_path):
    path = mishaps.flash(
        tmp_path / "flash.img",
        twin,
        serial,
        intervals=HEALTH,
        extra=mishaps.service("url", GREEDY),
    )
    with mishaps.powered(path, heap_kb=HEAP_KB, traceback=True) as machine:
        machine.wait_for(rig.DONE)
        machine.wait_for("url        stopped: memory is short")
        again = machine.wait_for(re.compile("health .*there is memory again: url is started"))
        machine.wait_for("greedy     starts", start=machine.lines.index(again))
        mishaps.still_runs(machine)


def test_services_that_may_not_be_stopped_stay_and_the_lack_is_said_once(twin, serial, tmp_path):
    path = mishaps.flash(
        tmp_path / "flash.img",
        twin,
        serial,
        intervals=HEALTH,
        services=["taker"],
        extra=mishaps.service("taker", GREEDY),
    )
    with mishaps.powered(path, heap_kb=HEAP_KB, traceback=True) as machine:
        machine.wait_for(re.compile("health .*memory is short: .*, and nothing more can be stopped"))
        for _ in range(5):
            mishaps.still_runs(machine)
    assert sum("nothing more can be stopped" in line for line in machine.lines) == 1
    assert "taker      stopped" not in machine.console


def _url_first():
    """The services of a board on which `url` starts before the boot status is sent."""
    usual = profile(rig.BOARD).services
    return tuple((one.name, one.needs, one.in_cloud, one.in_safe_mode or one.name == "url") for one in usual)


def test_tls_gets_its_memory_before_it_connects(twin, serial, tmp_path):
    """On a board whose TLS takes the Python heap; a service that leaves it too little is stopped."""
    path = mishaps.flash(tmp_path / "flash.img", twin, serial)
    with mishaps.powered(path) as machine:
        machine.wait_for(rig.DONE)
    takes_most = GREEDY.replace("22000", "100000")
    order = {}
    for need in (0, 300000):
        told = mishaps.told(intervals=HEALTH, facts={"TLS_HEAP_BYTES": need, "SERVICES": _url_first()})
        mishaps.edit(path, {**told, **mishaps.service("url", takes_most)})
        with mishaps.powered(path, heap_kb=HEAP_KB, traceback=True) as machine:
            machine.wait_for("mqtt       connected to")
            order[need] = [line.split()[2] for line in machine.lines if " stopped: memory is short" in line]
            connected = [" connected to " in line for line in machine.lines].index(True)
            assert all("stopped: memory" not in line for line in machine.lines[connected:])
    assert order[0] == [] and order[300000][-1:] == ["url"], machine.console
