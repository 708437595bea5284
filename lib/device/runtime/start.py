"""The work of main.py: run the services for ever. Raises nothing but Ctrl-C."""

import asyncio

from device.core import paths
from device.runtime.modules import unload, unload_readers
from device.runtime.supervisor import Supervisor

_GOOD_START_MS = 60000  # a start that lasts this long is not counted
_SAFE_MS = 3600000  # safe mode ends with a restart after an hour without a crash


async def main(state):
    """Run the services for ever."""
    board = state.ports.board
    board.say_again()
    if state.offline:
        board.say("main", "offline: no service starts")
        return
    board.start_watchdog()  # boot.py has done it, unless it failed
    state.supervisor = Supervisor(state)
    if state.safe:
        board.say("main", "safe mode after repeated crashes: only essential services start")
    board.stand_by(False)
    if state.identity is None:
        board.hold_piece()  # before services, application and page lie where TLS will need a place
    state.supervisor.start()
    unload("device.runtime.boot", "device.runtime.restarts")
    unload_readers()
    asyncio.create_task(_forget_bad_starts(state))
    await state.supervisor.watch()


async def _forget_bad_starts(state):
    """Reset the count of bad starts once this start has lasted."""
    board, clock, store = state.ports.board, state.ports.clock, state.ports.store
    await clock.sleep_ms(board.interval("good_start_ms", _SAFE_MS if state.safe else _GOOD_START_MS))
    if store.exists(paths.STARTS):
        store.remove(paths.STARTS)
    if state.safe:
        board.say("main", "an hour in safe mode without a crash: restarting")
        board.reset()
