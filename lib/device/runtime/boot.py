"""What boot.py does: begin. Unloaded when main.py carries on."""

import asyncio

from device.core import documents, fields, paths
from device.core.failures import Failure
from device.runtime.identity import has_claim, know_self

_BOOT_MS = 8000  # without a network boot.py has nothing to wait for: mpremote gives up after 10 s
_BAD_STARTS = 5  # so many in a row lead to safe mode
_HANDSHAKE_MS = 60000  # a Pico W has no USB before boot.py has ended


async def boot(state):
    """Give the board its identity, when it has none and there are claim credentials.

    Goes on as long as the handshake makes progress, 60 s at most, and returns within 8 s in every other case.
    What is not done by then goes on in main.py: tasks outlive the end of a loop in MicroPython.
    """
    board, store = state.ports.board, state.ports.store
    if store.exists(paths.OFFLINE) or board.held():
        state.offline = True
        board.say("boot", "offline: %s is there, or the pin is held" % paths.OFFLINE)
        return
    board.start_watchdog()
    _count_start(state)
    try:
        state.session.begin()  # joining takes seconds, in the radio: it goes on while the program is loaded
    except Failure as failure:
        board.say("network", str(failure))
    try:
        know_self(state)
    except Failure as failure:
        board.say("boot", str(failure))
        return
    if state.identity is None and has_claim(store):
        await _provision(state)


async def _provision(state):
    """Run the service that provisions, as long as it makes progress."""
    board, clock = state.ports.board, state.ports.clock
    from device.runtime.supervisor import Supervisor

    state.supervisor = Supervisor(state)
    state.supervisor.start("provision")
    provision = state.services.get("provision")
    if provision is None:
        return
    feeding = asyncio.create_task(state.supervisor.watch())
    end_ms = board.interval("boot_ms", _BOOT_MS) - clock.ms()
    settled = await clock.wait(provision.settled.wait(), end_ms)
    if not settled and state.ports.network.connected():
        end_ms = board.interval("handshake_ms", _HANDSHAKE_MS) - clock.ms()
        settled = await clock.wait(provision.settled.wait(), end_ms)
    feeding.cancel()
    if not settled or provision.failure:
        board.say("boot", "provisioning goes on in main.py")


def _count_start(state):
    """Count starts that follow a crash; the counter is on flash only while there is something to count."""
    bad = _bad_starts(state.ports.store)
    if state.ports.board.crashed():
        bad += 1
        state.write_if_room(paths.STARTS, {fields.BAD_STARTS: bad})
    state.safe = bad >= _BAD_STARTS


def _bad_starts(store):
    try:
        raw = store.read(paths.STARTS)
        return int(documents.loads(raw)[fields.BAD_STARTS]) if raw else 0
    except (ValueError, KeyError, TypeError, OverflowError, Failure):
        return 0
