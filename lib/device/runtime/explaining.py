"""Adds the likely cause to a connection's failure. Loaded after a failure, then unloaded."""

from device.core import explain, paths
from device.core.failures import AGAIN, GIVE_UP, OVER, Failure, Refused


def at_connect(failure, state, directory, client_id):
    """For a connection that was not established: the identity's own error, or else what AWS may mean."""
    refused = isinstance(failure, Refused)
    if not refused and failure.kind == AGAIN:
        return failure
    files = state.ports.store.read_slot(directory) or {}
    if files.get(paths.CERTIFICATE) and files.get(paths.PRIVATE_KEY):
        shown = explain.identity(directory, files, state.ports.clock.unix())
        if shown:
            return shown
    if refused:
        return failure.advised(explain.closed_at_connect(directory, client_id))
    if failure.kind == OVER and directory != paths.TRIAL:
        return Failure(GIVE_UP, failure.cause, failure.advice, failure.step)
    return failure


def at_subscribe(failure, state, filters):
    """For a refused subscription, which is permanent."""
    failure = failure.advised(explain.closed_at_subscribe(filters))
    return Failure(GIVE_UP, failure.cause, failure.advice, "subscribe")


def at_publish(failure, state, topic):
    """For a message on which the server always closes the connection."""
    failure = failure.advised(explain.closed_at_publish(topic))
    return Failure(GIVE_UP, failure.cause, failure.advice, "publish")


def at_rest(failure, state):
    """For an idle connection that was closed."""
    if isinstance(failure, Refused):
        return failure.advised(explain.closed_later(state.identity.thing_name))
    return failure


def in_handshake(failure, state, what, subject):
    """For a claim connection that was closed; `what` is a function of core.explain."""
    return failure.advised("if this repeats, " + getattr(explain, what)(subject))
