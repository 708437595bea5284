"""The owner gives the board up: its identity is put aside. Loaded when needed, then unloaded.

With a builder a mark goes on flash first, which says that the builder does not know of it yet. While it is
there, the board claims nothing; a start that finds an identity beside it ends what a power cut interrupted.
"""

from device.core import paths, slots
from device.core.failures import Failure
from device.runtime.identity import builder, replaced


def release(state):
    """Put the identity aside; False when there is none. The board has to restart then. Raises Failure."""
    store = state.ports.store
    certificate_id = replaced(store)
    if certificate_id is None:
        return False
    if not store.exists(paths.RELEASE) and _has_builder(store):
        store.write(paths.RELEASE, b"{}")
    _forget_log(state)
    store.apply(slots.release(certificate_id))
    _forget_status(store)
    return True


def _has_builder(store):
    try:
        return bool(builder(store)[0]) and store.exists(paths.REGISTRATION)
    except Failure:
        return False  # nobody could be told


def _forget_status(store):
    """Let ento.conf say that the board is not provisioned, if it can be read."""
    from device.core import conf_file

    try:
        store.write(paths.CONF, conf_file.with_status(store.read(paths.CONF), False))
    except Failure:
        pass  # the identity has gone all the same


def _forget_log(state):
    """Keep the lines that no cloud has from the next owner's."""
    state.log.mark(state.log.last())
    try:
        for path in paths.LOG_FILES + (paths.LOGS,):
            state.ports.store.remove(path)
    except Failure:
        pass  # the identity has to go all the same
