"""Joining a Wi-Fi network. Loaded for that, and unloaded when it is done."""

import network

from device import _build
from device.core.failures import AGAIN, GIVE_UP, Failure
from device.port import clock
from device.port.network import link as _link
from device.port.network import switch_off as _switch_off

_JOIN_MS = 20000
_LOOK_MS = 100
_GETTING_ADDRESS = 2  # status of a Pico W between joining and connected


def begin(networks, country):
    """Switch the radio on and begin to join the first of `networks`, without waiting for it.

    Raises Failure when no network is known, or the radio does not start.
    """
    link = _link()
    if link.isconnected():
        return
    _switch_on(link, networks, country)
    try:
        link.connect(*networks[0])
    except (OSError, ValueError):
        pass  # of the driver: `join` hears it again, and goes on with the next network


def _switch_on(link, networks, country):
    if not networks:
        raise Failure(GIVE_UP, "no Wi-Fi network is known", "write wifi.json")
    try:
        if country:
            network.country(country)
        link.active(True)
        if not link.active():  # raises nothing by itself on a Pico W
            raise OSError("radio")
        if _build.JOIN_OPTIONS:
            link.config(**_build.JOIN_OPTIONS)
    except (OSError, ValueError) as error:
        _switch_off()
        raise Failure(AGAIN, "Wi-Fi does not start (%s)" % error, "is the power supply strong enough?")


async def join(networks, country):
    """Join the first of `networks` ([(ssid, password)]) that takes us; `country` is a two-letter code or "".

    Goes on with what `begin` began. Raises Failure: GIVE_UP when no network is known, AGAIN with the reason
    of each otherwise.
    """
    link = _link()
    if link.isconnected():
        return
    begun = _is_joining(link)
    if not begun:
        _switch_on(link, networks, country)
    reasons = []
    for ssid, password in networks:
        try:
            if not begun:
                link.connect(ssid, password)
            begun = False
            reason = await _joined(link)
            if reason is None:
                return
            link.disconnect()
        except (OSError, ValueError) as error:  # of the driver: the next network may be to its liking
            reason = str(error)
        reasons.append("%s: %s" % (ssid, reason))
    raise Failure(AGAIN, "no Wi-Fi (%s)" % ", ".join(reasons), "check name, password and distance")


def _is_joining(link):
    """Whether the first network is being joined."""
    return link.active() and link.status() in (network.STAT_CONNECTING, _GETTING_ADDRESS)


async def _joined(link):
    """None when the link is up, else the reason why not."""
    start_ms = clock.ms()
    while clock.ms() - start_ms < _JOIN_MS:
        if link.isconnected():
            return None
        reason = _reason(link.status())
        if reason:
            return reason
        await clock.sleep_ms(_LOOK_MS)
    return "no answer"


def _reason(status):
    """What a final status of the link means, or None while it is still trying."""
    for constant, text in (
        ("STAT_WRONG_PASSWORD", "wrong password"),
        ("STAT_NO_AP_FOUND", "not in reach"),
        ("STAT_CONNECT_FAIL", "refused"),
        ("STAT_ASSOC_FAIL", "refused"),
        ("STAT_HANDSHAKE_TIMEOUT", "wrong password, perhaps"),
    ):
        if status == getattr(network, constant, None):
            return text
    return None
