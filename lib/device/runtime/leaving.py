"""What the board does before it restarts on purpose, for the page and for commands. Loaded when needed."""

from device.core import paths
from device.core.failures import GIVE_UP, Failure
from device.runtime.modules import unload, unload_readers

_LEAVE_MS = 700  # the answer must reach who has asked


async def restart(state):
    """Restart the board, after the answer; what waits in memory for the cloud is stored."""
    await state.ports.clock.sleep_ms(_LEAVE_MS)
    queue = state.services.get("queue")
    if hasattr(queue, "flush") and queue.ready.is_set():
        queue.flush()
    await state.session.close()
    state.ports.board.reset()


def release(state):
    """Put the identity aside, with what still waits for its cloud; the caller restarts the board.

    Raises Failure when there is none. Its certificate is revoked by the cloud, not here.
    """
    from device.runtime import releasing
    from device.runtime.identity import replaced

    try:
        if replaced(state.ports.store) is None:
            raise Failure(GIVE_UP, "this board has no identity")
        queue = state.services.get("queue")
        if hasattr(queue, "forget") and queue.ready.is_set():
            queue.forget()
        state.ports.store.remove(paths.QUEUE)  # its messages are not the next owner's
        sync = state.services.get("sync")
        if hasattr(sync, "directions"):
            sync.directions = {}  # it does nothing more
        state.ports.store.remove(paths.SYNC)  # nor what his cloud knows of the tables
        releasing.release(state)
    finally:
        unload("device.runtime.releasing")
        unload_readers()
