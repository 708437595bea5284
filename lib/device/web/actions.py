"""What a person who has logged in may do with the board. Loaded for each action, then unloaded."""

import asyncio

from device.core import paths, slots
from device.core.failures import Failure
from device.runtime.identity import replaced
from device.runtime.modules import unload, unload_readers

_LEAVE_MS = 700  # the answer must reach the browser before the board restarts
_DONE = "", 204


def _refused(text):
    return {"error": text}, 400


def _wifi_setup():
    try:
        from device.runtime import wifi_setup
    except ImportError:
        raise Failure("give up", "the networks of this board are set in wifi.json only")
    return wifi_setup


async def networks(site):
    """Scan for networks."""
    found = await _wifi_setup().scan(site.state)
    unload("device.runtime.wifi_setup")
    return {"networks": found}, 200


async def add_network(site, ssid, password):
    """Make a network the first known one."""
    return await _changed(site, "add_network", ssid, password)


async def forget_network(site, ssid):
    """Forget a network."""
    return await _changed(site, "forget_network", ssid)


async def _changed(site, what, *arguments):
    setup = _wifi_setup()
    try:
        answer = getattr(setup, what)(site.state, *arguments)
        if hasattr(answer, "send"):
            await answer
    except Failure as failure:
        return _refused(str(failure))
    finally:
        unload("device.runtime.wifi_setup")
    return _DONE


async def restart(site):
    """Restart the board, after the answer."""
    site.service.say("restarting, as the page was asked to")
    asyncio.create_task(_reset(site.state))
    return _DONE


async def release(site):
    """Put the identity aside, and restart."""
    store = site.state.ports.store
    certificate_id = replaced(store)
    if certificate_id is None:
        return _refused("this board has no identity")
    store.apply(slots.release(certificate_id))
    _forget_status(store)
    site.service.say("identity given up, as the page was asked to; restarting")
    asyncio.create_task(_reset(site.state))
    return _DONE


def _forget_status(store):
    """Let ento.conf say that the board is not provisioned, if it can be read."""
    from device.core import settings

    try:
        store.write(paths.CONF, settings.with_status(store.read(paths.CONF), False))
    except Failure:
        pass  # the identity has gone all the same, and the next boot status sets it right
    unload_readers()


async def _reset(state):
    await state.ports.clock.sleep_ms(_LEAVE_MS)
    await state.session.close()
    state.ports.board.reset()
