"""The Wi-Fi link: join one of the known networks."""

import network

from device.core.failures import AGAIN, GIVE_UP, Failure
from device.port import board, clock

_JOIN_MS = 20000
_LOOK_MS = 100


def connected():
    """Whether the board has an address."""
    return network.WLAN(network.STA_IF).isconnected()


async def join(networks, country):
    """Join the first of `networks` ([(ssid, password)]) that takes us; `country` is a two-letter code or "".

    Raises Failure: GIVE_UP when no network is known, AGAIN with the reason of each otherwise.
    """
    link = network.WLAN(network.STA_IF)
    if link.isconnected():
        return
    if not networks:
        raise Failure(GIVE_UP, "no Wi-Fi network is known", "write wifi.json")
    try:
        _start(link, country)
    except (OSError, ValueError) as error:
        raise Failure(AGAIN, "Wi-Fi does not start (%s)" % error)
    reasons = []
    for ssid, password in networks:
        try:
            link.connect(ssid, password)
            reason = await _joined(link)
            if reason is None:
                return
            link.disconnect()
        except (OSError, ValueError) as error:  # of the driver: the next network may be to its liking
            reason = str(error)
        reasons.append("%s: %s" % (ssid, reason))
    raise Failure(AGAIN, "no Wi-Fi (%s)" % ", ".join(reasons), "check name, password and distance")


def _start(link, country):
    """Switch the radio on as this board needs it."""
    if country:
        network.country(country)
    link.active(True)
    options = board.facts.join_options()
    if options:
        link.config(**options)


async def _joined(link):
    """None when the link is up, else the reason why not."""
    start_ms = clock.ticks_ms()
    while clock.since_ms(start_ms) < _JOIN_MS:
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
