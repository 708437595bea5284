"""What the board does before it restarts on purpose, for the page and for commands. Loaded when needed."""

from device.core import paths
from device.core.failures import GIVE_UP, Failure
from device.runtime.modules import unload_readers

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
    from device.core import slots
    from device.runtime.identity import replaced

    store = state.ports.store
    certificate_id = replaced(store)
    if certificate_id is None:
        raise Failure(GIVE_UP, "this board has no identity")
    queue = state.services.get("queue")
    if hasattr(queue, "forget") and queue.ready.is_set():
        queue.forget()
    store.remove(paths.QUEUE)  # its messages are not the next owner's
    store.apply(slots.release(certificate_id))
    _forget_status(store)


def _forget_status(store):
    """Let ento.conf say that the board is not provisioned, if it can be read."""
    from device.core import conf_file

    try:
        store.write(paths.CONF, conf_file.with_status(store.read(paths.CONF), False))
    except Failure:
        pass  # the identity has gone all the same
    unload_readers()
