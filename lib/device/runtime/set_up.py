"""The board's own access point, where a person gives it a network. Loaded while it is open.

The station rests meanwhile: both boards could do both at once, but the access point would follow the
station from channel to channel and lose who uses it.
"""

import asyncio

from device.core import documents, fields, paths, wifi_file
from device.core.failures import AGAIN, Failure
from device.runtime.networking import FAREWELL_MS

_OPEN_MS = 600000  # without a log-in or a change
_EMPTY_MS = 120000  # nobody has joined it, and there are known networks to try
_LOOK_MS = 1000
_PREFIX = "muster-"
_SHOWN = 4
_MAX_BYTES = 4096  # of device.json


def access_point(store):
    """Whether the board may open its access point, and its password or None."""
    try:
        return wifi_file.access_point(store.read(paths.WIFI))
    except Failure:
        return True, None


def name_of(state):
    """The name of the access point: of the claim ID on the label, else of the hardware number."""
    try:
        claim = documents.loads(state.ports.store.read(paths.DEVICE, _MAX_BYTES))[fields.CLAIM]
        known = claim[-_SHOWN:] if isinstance(claim, str) and len(claim) > _SHOWN else None
    except (ValueError, KeyError, TypeError, AttributeError, Failure):
        known = None
    return _PREFIX + (known or state.ports.board.name()[-_SHOWN:])


def _known(store):
    """([(ssid, password)], country code) of wifi.json; nothing when it is invalid."""
    try:
        return wifi_file.wifi(store.read(paths.WIFI))
    except Failure:
        return [], ""


async def serve(state, password, say):
    """Keep the access point open for a while; raises Failure when it does not start or is gone."""
    ports, networking = state.ports, state.networking
    known, country = _known(ports.store)
    name = name_of(state)
    async with networking.joining:
        ports.network.leave()
        address = await ports.network.open_access_point(name, password, country)
        networking.opened(name, address)
    names = asyncio.create_task(_answer_names(ports.network, address, say))
    try:
        kind = "with a password" if password else "without a password"
        say("access point %s is open, %s; its address is %s" % (name, kind, address))
        await _until_unused(state, bool(known))
    finally:
        names.cancel()
        networking.closed()
        ports.network.close_access_point()
    say("access point closed")


async def _answer_names(network, address, say):
    try:
        await network.answer_names(address)
    except OSError as error:
        say("names are not answered on the access point (error %s); type the address" % error)


async def _until_unused(state, is_known):
    """Return when the networks have changed, or when nobody used the access point for a while."""
    clock, network, board = state.ports.clock, state.ports.network, state.ports.board
    networking = state.networking
    open_ms = board.interval("access_point_ms", _OPEN_MS)
    empty_ms = board.interval("empty_ms", _EMPTY_MS) if is_known else open_ms
    seen_ms = clock.ms()
    while clock.ms() - networking.used_ms < open_ms:
        if await clock.wait(networking.changed.wait(), _LOOK_MS):
            await clock.sleep_ms(FAREWELL_MS)
            return
        count = network.stations()
        if count:
            seen_ms = clock.ms()
        elif clock.ms() - max(seen_ms, networking.used_ms) >= empty_ms:
            return
        if count is None:
            raise Failure(AGAIN, "the access point is gone")
