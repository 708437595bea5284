"""What is wrong with the board, in sentences for its page. Loaded when needed, then unloaded.

Who has not logged in is not told of networks and servers by their names: only texts about the board's own
files and flash are for everybody.
"""

from device.core.failures import Failure
from device.runtime.networking import NO_NETWORK
from device.runtime.service import STOPPED

_LITTLE_ROOM = 8192  # bytes of flash: two blocks, without which a file cannot be replaced


def problems(state, is_owner=False):
    """What is wrong and what to do, one sentence each; all of it when `is_owner`."""
    found = []
    if state.safe:
        found.append("the board runs in safe mode after repeated crashes; only essential services start")
    for fault in state.faults.values():
        found.append(str(fault))
    free, _ = state.ports.store.space()
    if free < _LITTLE_ROOM:
        found.append("the flash is full (%d bytes free); delete files you do not need" % free)
    failure = state.networking.failure
    if failure:
        found.append(_network_text(state, failure, is_owner))
    for name, condition, why in state.supervisor.facts() if state.supervisor else ():
        service = state.services.get(name)
        if condition == STOPPED or (failure and _is_of_network(name, service, failure)):
            continue
        text = _text(state, name, service, why, is_owner)
        if text and not any(why in other for other in found):
            found.append(text)
    return found


def _text(state, name, service, why, is_owner):
    """What to say of a service; None when it runs, waits for another, or is switched off."""
    if not service:
        return None if name in state.supervisor.off else "%s: %s" % (name, why)
    if not service.failure:
        return None
    if is_owner or _is_public(service.failure):
        return "%s: %s" % (name, why)
    return name + ": fails; log in to see the reason"


def _network_text(state, failure, is_owner):
    text = str(failure) if is_owner or _is_public(failure) else "no known Wi-Fi network can be joined"
    if state.networking.access_point:
        text += "; give the board a network on this page"
    return text


def _is_of_network(name, service, failure):
    """Whether a service only lacks the network, which is reported already."""
    cause = getattr(service and service.failure, "cause", "")
    return name == "network" or cause in (failure.cause, NO_NETWORK)


def _is_public(failure):
    """Whether the text of a failure is about the board itself: a path, its flash, its memory."""
    if not isinstance(failure, Failure):
        return isinstance(failure, MemoryError)  # the text of a bug may be anything
    words = ("/", "flash", "not enough memory", "no Wi-Fi network is configured", "the board ", "the access ")
    return any(failure.cause.startswith(word) for word in words)
