"""Asks the board's builder (core.builder). Loaded for one exchange, then unloaded."""

from device.core import builder, fields, paths
from device.core.failures import GIVE_UP, OVER, Failure
from device.runtime.modules import unload, unload_passing, unload_readers

_ANSWER_MS = 60000
_RARELY = 20  # polls: a person has to change something first


async def register(state, address):
    """Register the board; the answer is kept in provision.json. Raises Failure."""
    value = await _ask(state, address, builder.REGISTER)
    builder.check_yes(fields.REGISTERED, value)
    from device.runtime import identity

    known = identity.told(state.ports.store)
    if known.get(fields.REGISTERED) is not True:
        known[fields.REGISTERED] = True
        state.write_if_room(paths.PROVISION, known)


async def release(state, address):
    """Tell the builder that the owner has given the board up, and forget that it has to be told."""
    try:
        builder.check_yes(fields.RELEASED, await _ask(state, address, builder.RELEASE))
    except Failure as failure:
        if failure.kind != OVER:  # a builder that does not know the board has nothing to release
            raise
    state.ports.store.remove(paths.RELEASE)


async def claim(state, address):
    """Ask once whether the board has been claimed, and put what is given on flash.

    Returns (whether it has, seconds until the builder wants to be asked again or 0). Raises Failure.
    """
    try:
        value = await _ask(state, address, builder.CLAIM)
    except Failure as failure:
        if failure.kind != OVER:
            raise
        state.ports.board.say("claim", str(failure))
        await register(state, address)
        return False, 0
    given, wait_s = builder.claimed(value)
    value = None
    if given is None:
        return False, wait_s
    from device.runtime import temporary

    temporary.keep(state, given)
    return True, 0


def delay_s(state, polls, limit_s, failure):
    """Seconds until the next poll, after so many, the last of which ended with `failure` or with None."""
    if failure and failure.kind == GIVE_UP:
        polls = _RARELY
    return builder.delay_s(polls, limit_s, state.ports.board.random_bytes)


async def _ask(state, address, what):
    """The checked JSON object that the builder answers to the request `what`."""
    from device.runtime.fetching import Request

    store = state.ports.store
    raw = store.read(paths.DEVICE)
    headers, body = builder.request(what, raw, _key(store, state.ports.board))
    unload("device.core.claim_ids")
    await state.networking.join()
    asked = Request(state, "POST", address + what, headers, body, None, builder.MAX_ANSWER_BYTES)
    got = await asked.answer(_ANSWER_MS)
    asked = headers = body = None
    return builder.answer(what, got.status, got.headers, got.body)


def _key(store, board):
    """The registration key, which is on flash before the builder knows it."""
    key = builder.key(store.read(paths.REGISTRATION))
    if not key:
        raw = builder.new_key(board.random_bytes)
        store.write(paths.REGISTRATION, raw)
        key = builder.key(raw)
    return key


def forget():
    """Unload all of this."""
    unload("device.core.builder", "device.core.claim_ids", "device.runtime.temporary")
    unload("device.runtime.building")
    unload_passing()
    unload_readers()
