"""Renews the board's certificate. Loaded when it is looked at, then unloaded; runtime of services.renew.

The connection is handed over by the session: the claim's own code asks for a new certificate over it, or,
where that is not allowed, with the claim credentials. The old identity stays in its slot until a connection
with the new one has worked; the cloud revokes the old certificate only when the new one is used.
"""

import asyncio

from device.core import paths, renewal
from device.core.failures import AGAIN, GIVE_UP, Failure, Refused
from device.runtime.modules import load_service, unload, unload_claim, unload_passing, unload_readers

_LOOK_S = 3600
_START_MS = 30000  # of the board: what still starts takes the room that is made for a renewal
_HOLD_S = 300  # until the time is asked for again, or the clock may be right
_ROOM_BYTES = 49152  # for the code that provisions, the key, what is sent and received, the new connection
_REQUESTS = ("subscribe", "ask")  # steps of claim.provision


async def look(renew):
    """Renew the certificate if it is due; return in how many milliseconds it is to be looked at again."""
    state = renew.state
    session, clock = state.session, state.ports.clock
    await session.online()
    knows_time = await session.learn_time()
    is_new = renew.dates is None or renew.dates[0] != state.identity.certificate_id
    if is_new:
        renew.dates = _dates(state)
    _, from_s, until_s, due_s = renew.dates
    now_s = clock.unix()
    if not knows_time:
        return _hold(renew, "the time is not known; allow NTP (UDP port 123)")
    made_s = None if renew.renewed_ms is None else (clock.ms() - renew.renewed_ms) // 1000
    fault = renewal.clock_fault(now_s, from_s, until_s, is_new, made_s)
    if fault:
        return _hold(renew, "the clock is probably wrong: " + fault)
    renew.held = None
    if is_new:
        left = renewal.life_text(until_s - now_s), renewal.life_text(max(0, due_s - now_s))
        what = "the certificate" if renew.renewed_ms is None else "the new certificate"
        renew.say("%s is good for %s; it is renewed in %s" % ((what,) + left))
    if now_s < due_s and not _of_identity("is_pending", state.ports.store):
        return min(due_s - now_s, _LOOK_S) * 1000
    early_ms = state.ports.board.interval("renew_start_ms", _START_MS) - clock.ms()
    if early_ms > 0:
        return early_ms
    await _renew(renew)
    return _next_ms(renew)


def _dates(state):
    """(certificate id, first second, last second, when it is due) of the board's certificate."""
    from device.core import pem, x509

    settings, identity = state.settings, state.identity
    path = paths.CERT + "/" + paths.CERTIFICATE
    try:
        found = x509.read(pem.to_der(state.ports.store.read(path) or b""))
    except ValueError as error:
        raise Failure(GIVE_UP, "%s cannot be read (%s)" % (path, error), "provision the board again")
    from_s, until_s = found.not_before, found.not_after
    seed = (settings.serial + identity.certificate_id).encode()
    return identity.certificate_id, from_s, until_s, renewal.due_s(from_s, until_s, settings.renewal[1], seed)


def _hold(renew, why):
    """Do nothing, and say so once."""
    if why != renew.held:
        renew.held = why
        renew.warn("the certificate is not renewed: " + why)
    return _HOLD_S * 1000


async def _renew(renew):
    """One try, in the task that holds the connection; sets `failure` of the service."""
    ended = asyncio.Event()
    outcome = []

    async def work():
        try:
            outcome.append(await _outcome(renew))
        finally:
            ended.set()

    renew.say("renewing the certificate")
    renew.state.session.hand_over(work)
    await ended.wait()
    renew.failure = outcome[0] if outcome else Failure(GIVE_UP, "the renewal was interrupted")
    if renew.failure is None:
        renew.renewed_ms = renew.state.ports.clock.ms()


async def _outcome(renew):
    """Renew over the board's own connection, or with the claim credentials; what it failed with, or None."""
    state = renew.state
    before = state.supervisor.stopped()
    try:
        await state.supervisor.make_room(_ROOM_BYTES)
        try:
            await load_service("provision", state).renew()
        except Failure as failure:
            if not _is_forbidden(failure) or not _of_identity("has_claim", state.ports.store):
                raise
            renew.warn("%s; trying with the claim credentials" % failure)
            await load_service("provision", state).renew(False)
        await _prove(state.session)
        return None
    except MemoryError as error:
        return Failure(AGAIN, "not enough memory (%s)" % error, "switch services off in " + paths.CONFIG)
    except Exception as error:  # a bug must not end the connection of all services
        return error
    finally:
        unload_claim()
        unload("device.services.provision")
        unload_readers()
        unload_passing()
        if "health" not in state.services:  # which starts them when there is room
            state.supervisor.restore_others(before)


def _is_forbidden(failure):
    """Whether the cloud, or the policy of the certificate, does not let the board renew itself."""
    return failure.step in _REQUESTS and (failure.kind == GIVE_UP or isinstance(failure, Refused))


def _of_identity(name, store):
    """Call a function of runtime.identity, which is unloaded while the claim's code runs."""
    from device.runtime import identity

    return getattr(identity, name)(store)


async def _prove(session):
    """Let the cloud see that the new certificate is in use; it may revoke the old one from now on."""
    try:
        await session.connection().ping()
    except Failure:
        pass  # the connection is lost: the next one proves it


def _next_ms(renew):
    state = renew.state
    failure = renew.failure
    if failure is None:
        return 0
    left_s = renew.dates[2] - state.ports.clock.unix()
    wait_s = renewal.retry_s(left_s, state.ports.board.random_bytes)
    text = str(failure) if isinstance(failure, Failure) else "failed: %r" % failure
    left = renewal.life_text(left_s)
    renew.warn("%s; the certificate is good for %s. Trying again in %d s" % (text, left, wait_s))
    state.supervisor.tell(failure)
    return wait_s * state.ports.board.interval("renew_second_ms", 1000)


def forget():
    """Unload all of this."""
    unload("device.runtime.renewing", "device.core.renewal")
    unload_passing()
    unload_readers()
