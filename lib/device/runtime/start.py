"""What main.py does: run the services for ever. Does not raise; Ctrl-C passes through."""

import asyncio

from device.core import paths
from device.runtime.modules import unload, unload_readers
from device.runtime.supervisor import Supervisor

_GOOD_START_MS = 60000  # a start that lasts so long was none of them
_SAFE_MS = 3600000  # safe mode ends with a fresh start after a good hour


async def main(state):
    """Run the services for ever."""
    board = state.ports.board
    board.say_again()
    if state.offline:
        board.say("main", "offline: nothing is started")
        return
    board.start_watchdog()  # boot.py did, unless it failed
    state.supervisor = Supervisor(state)
    if state.safe:
        board.say("main", "safe mode after too many bad starts: network, MQTT and heartbeat only")
    board.stand_by(False)
    state.supervisor.start()
    unload("device.runtime.boot")
    unload_readers()
    asyncio.create_task(_judge_start(state))
    await state.supervisor.watch()


async def _judge_start(state):
    """Forget the bad starts once this one has turned out well."""
    board, clock, store = state.ports.board, state.ports.clock, state.ports.store
    await clock.sleep_ms(board.interval("good_start_ms", _SAFE_MS if state.safe else _GOOD_START_MS))
    if store.exists(paths.STARTS):
        store.remove(paths.STARTS)
    if state.safe:
        board.say("main", "a good hour in safe mode: starting afresh")
        board.reset()
