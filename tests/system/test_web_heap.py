"""What the web server takes of the heap, and that all of it comes back when it is stopped."""

import re

from device.core import fields
from tests.system import mishaps, rig
from tests.system.browser import Browser, port_of
from tests.system.pages import flash

LIMIT_BYTES = 29696  # 27 KB of code, and what it keeps while it waits
NAMES_BYTES = 1536  # the interpreter never lets go of a name
ROUNDS = 3
STOPPED = """
    import gc, sys
    def used():
        gc.collect()
        return gc.mem_alloc()
    supervisor, clock = state.supervisor, state.ports.clock
    while "microdot" not in sys.modules or not state.services["web"].asked:
        await clock.sleep_ms(10)
    for number in range(%d):
        with_it = used()
        await supervisor.stop("web")
        await clock.sleep_ms(100)
        loaded = [name for name in sys.modules if name == "microdot" or name.startswith("device.web")]
        self.say("stopped %%d %%d %%d" %% (with_it, used(), len(loaded)))
        supervisor.restore("web")
        while not (state.services["web"].condition == "running" and state.services["web"].asked):
            await clock.sleep_ms(10)
    self.say("done")
"""
SAID = re.compile(r"stopper +stopped (\d+) (\d+) (\d+)")


def test_the_heap_comes_back_when_the_page_is_stopped(tmp_path):
    """Each time the page is used in every way; then it is stopped, and started again."""
    mishaps.need_interpreter(32)
    extra = mishaps.service("stopper", STOPPED % ROUNDS)
    extra.update(asking())
    config = {fields.SERVICES: {**rig.NO_CLOUD[fields.SERVICES], "web": True}}
    path = flash(tmp_path / "flash.img", config=config, services=("stopper",), extra=extra)
    with mishaps.powered(path, bits=32, heap_kb=400) as machine:
        start = 0
        for _ in range(ROUNDS + 1):
            browser = Browser(port_of(machine, start))
            start = len(machine.lines)
            browser.get("/api/claim")
            browser.ask("GET", "/")
            assert browser.post("/api/login", {"password": "another"}) == 403
            browser.log_in().get("/api/status")
            browser.get("/api/log?after=0")
            browser.ask("GET", "/asked")
        machine.wait_for("stopper    done")
        found = [tuple(map(int, match.groups())) for match in map(SAID.search, machine.lines) if match]
    assert len(found) == ROUNDS and {loaded for _, _, loaded in found} == {0}, found
    assert all(with_it - without <= LIMIT_BYTES for with_it, without, _ in found), found
    left = [without for _, without, _ in found]
    assert left[-1] - left[0] <= NAMES_BYTES and left[-1] - left[-2] <= 256, found


def asking():
    """The service, which also notices the request that ends a round."""
    return mishaps.changed(
        "device/services/web.py",
        "    async def run(self):\n",
        "    asked = False\n\n    async def run(self):\n",
    ) | mishaps.changed(
        "device/web/routes.py",
        "        headers, path = request.headers, request.path\n",
        "        headers, path = request.headers, request.path\n"
        '        self.service.asked = path == "/asked"\n',
    )


def test_the_memory_that_a_start_needs_is_stated(tmp_path):
    """With less than ROOM_BYTES the page does not start, and says why."""
    extra = mishaps.changed("device/services/web.py", "ROOM_BYTES = 34816", "ROOM_BYTES = 1 << 40")
    with mishaps.powered(flash(tmp_path / "flash.img", extra=extra)) as machine:
        mishaps.complaint(machine, "web", "there is no memory for the page", "Trying again in")
        mishaps.still_runs(machine)
    assert "page at" not in machine.console
