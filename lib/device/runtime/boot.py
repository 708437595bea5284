"""What boot.py does: begin. Unloaded when main.py carries on."""

import asyncio

from device.core import documents, fields, paths
from device.core.failures import Failure
from device.runtime.identity import has_claim, know_self
from device.runtime.modules import load_service, unload_claim

_BOOT_MS = 8000  # without a network boot.py has nothing to wait for: mpremote gives up after 10 s
_BAD_STARTS = 5  # so many in a row lead to safe mode
_FEED_MS = 1000
_HANDSHAKE_MS = 60000  # a Pico W has no USB before boot.py has ended


async def boot(state):
    """Give the board its identity, when it has none and there are claim credentials.

    Goes on as long as the handshake makes progress, 60 s at most, and returns within 8 s in every other case.
    What is not done by then main.py begins anew, from the journal.
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
    """Provision, as long as it makes progress; main.py goes on from the journal."""
    ports = state.ports
    board, clock = ports.board, ports.clock
    if not _wanted(ports.store):
        return
    ended = asyncio.Event()
    work = asyncio.create_task(_attempt(load_service("provision", state), ended))
    feeding = asyncio.create_task(_feed(board, clock))
    await clock.wait(ended.wait(), board.interval("boot_ms", _BOOT_MS) - clock.ms())
    if not ended.is_set() and ports.network.connected():
        await clock.wait(ended.wait(), board.interval("handshake_ms", _HANDSHAKE_MS) - clock.ms())
    if not ended.is_set():
        work.cancel()
        await ended.wait()
    feeding.cancel()
    if state.identity is None:
        unload_claim()  # main.py must find memory to be compiled
        board.say("boot", "provisioning goes on in main.py")


def _wanted(store):
    """Whether config.json leaves provisioning on; a file that cannot be read does."""
    from device.core import settings, startup

    try:
        return startup.wanted(settings.switches(store.read(paths.CONFIG)), "provision", True)
    except Failure:
        return True


async def _attempt(service, ended):
    """Try once. What fails is said here and tried again by main.py's supervisor."""
    try:
        await service.obtain()
    except Failure as failure:
        service.say(str(failure))
    except MemoryError as error:  # a traceback would need some
        service.say("not enough memory (%s)" % error)
    except Exception as error:
        service.say(service.state.ports.board.traceback(error))
    finally:
        ended.set()


async def _feed(board, clock):
    """Feed the watchdog: the loop is alive as long as this comes round."""
    while True:
        board.feed()
        await clock.sleep_ms(_FEED_MS)


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
