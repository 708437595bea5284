"""The work of boot.py. Unloaded when main.py takes over."""

import asyncio

from device.core import documents, fields, paths
from device.core.failures import Failure
from device.core.log import ERROR, WARN
from device.runtime.identity import has_claim, know_self
from device.runtime.modules import load_service, unload, unload_claim

_BOOT_MS = 8000  # without a network there is nothing to wait for, and mpremote gives up after 10 s
_BAD_STARTS = 5  # this many in a row lead to safe mode
_FEED_MS = 1000
_HANDSHAKE_MS = 60000  # a Pico W has no USB before boot.py has ended


async def boot(state):
    """Get an identity if the board has none but has claim credentials.

    Continues while the handshake makes progress, for at most 60 s; returns within 8 s in all other cases.
    main.py starts unfinished work again from the journal.
    """
    board, store = state.ports.board, state.ports.store
    if store.exists(paths.OFFLINE) or board.held():
        state.offline = True
        board.say("boot", "offline: %s exists, or the escape pin is low" % paths.OFFLINE)
        if store.read_at(paths.OFFLINE, 0, 8) == paths.ONCE:
            store.remove(paths.OFFLINE)
        return
    board.start_watchdog()
    _count_start(state)
    try:
        state.networking.begin()  # joining takes the radio seconds, during which the program is loaded
    except Failure as failure:
        board.say("network", str(failure), WARN)
    try:
        know_self(state)
    except Failure as failure:
        board.say("boot", str(failure), WARN)
        return
    if state.identity is None and has_claim(store):
        await _provision(state)


async def _provision(state):
    """Provision while there is progress; main.py continues from the journal."""
    ports = state.ports
    board, clock = ports.board, ports.clock
    planned = _planned(ports)
    if "provision" not in planned:
        return
    panel = asyncio.create_task(_show(state)) if "panel" in planned else None
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
    if panel:
        panel.cancel()
    if state.identity is None:
        unload_claim()  # compiling main.py needs memory
        board.say("boot", "provisioning continues in main.py")


def _planned(ports):
    """The services that are built in, and that config.json leaves on; an unreadable file leaves all on."""
    from device.core import board_config, startup

    try:
        switches = board_config.switches(ports.store.read(paths.CONFIG))
    except Failure:
        switches = {}
    return dict(startup.plan(switches, ports.build.SERVICES)[0])


async def _show(state):
    """Run the service `panel` meanwhile; what is wrong with it is said in main.py."""
    try:
        await load_service("panel", state).run()
    except Exception:
        pass


async def _attempt(service, ended):
    """Try once. Errors are printed here; main.py's supervisor retries."""
    try:
        await service.obtain()
    except Failure as failure:
        service.warn(str(failure))
    except MemoryError as error:  # a traceback would need memory
        service.warn("not enough memory (%s)" % error)
    except Exception as error:
        service.say(service.state.ports.board.traceback(error), ERROR)
    finally:
        ended.set()


async def _feed(board, clock):
    """Feed the watchdog for as long as the event loop runs."""
    while True:
        board.feed()
        await clock.sleep_ms(_FEED_MS)


def _count_start(state):
    """Count consecutive starts after a crash; the counter is on flash only while it is not zero."""
    from device.runtime import restarts

    restarts.note(state)
    unload("device.runtime.restarts")
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
