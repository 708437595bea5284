"""Asks the board's builder (core.builder). Loaded for one exchange, then unloaded.

During the exchange core.builder is not there: TLS needs the memory.
"""

from device.core import fields, paths
from device.core.failures import GIVE_UP, OVER, Failure
from device.runtime.modules import unload, unload_passing, unload_readers

_ANSWER_MS = 60000
_MAX_ANSWER_BYTES = 8192  # two certificates and an RSA key in JSON have 4400
_RARELY = 20  # polls: a person has to change something first


async def register(state, address):
    """Register the board; the answer is kept in provision.json. Raises Failure."""
    await _ask(state, address, fields.TO_REGISTER)
    from device.runtime import identity

    known = identity.told(state.ports.store)
    if known.get(fields.REGISTERED) is not True:
        known[fields.REGISTERED] = True
        state.write_if_room(paths.PROVISION, known)


async def release(state, address):
    """Tell the builder that the owner has given the board up, and forget that it has to be told."""
    try:
        await _ask(state, address, fields.TO_RELEASE)
    except Failure as failure:
        if failure.kind != OVER:  # a builder that does not know the board has nothing to release
            raise
    state.ports.store.remove(paths.RELEASE)


async def claim(state, address):
    """Ask once whether the board has been claimed, and put what is given on flash.

    Returns (whether it has, seconds until the builder wants to be asked again or 0). Raises Failure.
    """
    try:
        given, wait_s = await _ask(state, address, fields.TO_CLAIM)
    except Failure as failure:
        if failure.kind != OVER:
            raise
        state.ports.board.say("claim", str(failure))
        await register(state, address)
        return False, 0
    if given is None:
        return False, wait_s
    from device.runtime import temporary

    temporary.keep(state, given)
    return True, 0


def delay_s(state, polls, limit_s, failure):
    """Seconds until the next poll, after so many, the last of which ended with `failure` or with None."""
    if failure and failure.kind == GIVE_UP:
        polls = _RARELY
    return _with_builder(_delay_s, polls, limit_s, state.ports.board.random_bytes)


async def _ask(state, address, what):
    """What the builder's answer to the request `what` says; see core.builder.said."""
    from device.runtime.fetching import Request

    headers, body = _with_builder(_request, what, state.ports)
    await state.networking.join()
    asked = Request(state, "POST", address + what, headers, body, None, _MAX_ANSWER_BYTES)
    got = await asked.answer(_ANSWER_MS)
    asked = headers = body = None
    return _with_builder(_said, what, got)


def _said(builder, what, got):
    return builder.said(what, got.status, got.headers, got.body)


def _delay_s(builder, polls, limit_s, random_bytes):
    return builder.delay_s(polls, limit_s, random_bytes)


def _request(builder, what, ports):
    """The request `what`; the registration key is on flash before the builder knows it."""
    key = builder.key(ports.store.read(paths.REGISTRATION))
    if not key:
        raw = builder.new_key(ports.board.random_bytes)
        ports.store.write(paths.REGISTRATION, raw)
        key = builder.key(raw)
    return builder.request(what, ports.store.read(paths.DEVICE), key)


def _with_builder(work, *facts):
    """Return work(core.builder, *facts), and do not keep that module."""
    from device.core import builder

    try:
        return work(builder, *facts)
    finally:
        builder = None
        unload("device.core.builder", "device.core.claim_ids")
        unload_passing()
        unload_readers()


def forget():
    """Unload all of this."""
    unload("device.runtime.temporary", "device.runtime.building")
    unload_passing()
    unload_readers()
