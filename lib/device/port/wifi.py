"""Joins a Wi-Fi network. Loaded when needed, then unloaded."""

import network

from device import _build
from device.core.failures import AGAIN, GIVE_UP, Failure
from device.port import clock
from device.port.network import link as _link
from device.port.network import switch_off as _switch_off

_JOIN_MS = 20000
_LOOK_MS = 100
_SCAN_MS = 15000
_MOST = 20  # networks that are told of
_GETTING_ADDRESS = 2  # status of a Pico W between joining and connected


def begin(networks, country):
    """Switch the radio on and start joining the first of `networks`, without waiting.

    Raises Failure when no network is configured or the radio does not start.
    """
    link = _link()
    if link.isconnected():
        return
    _switch_on(link, networks, country)
    try:
        _connect(link, *networks[0])
    except (OSError, ValueError):
        pass  # from the driver: `join` sees it again, and tries the next network


def _connect(link, ssid, password):
    """Ask the driver to join a network; `password` is a Secret, or None for an open one."""
    link.connect(ssid, password.reveal() if password else None)


def _switch_on(link, networks, country):
    if not networks:
        raise Failure(GIVE_UP, "no Wi-Fi network is configured", "create wifi.json")
    try:
        if country:
            network.country(country)
        link.active(True)
        if not link.active():  # a Pico W itself raises nothing
            raise OSError("radio")
        if _build.JOIN_OPTIONS:
            link.config(**_build.JOIN_OPTIONS)
    except (OSError, ValueError) as error:
        _switch_off()
        raise Failure(AGAIN, "Wi-Fi did not start (%s)" % error, "check the power supply")


async def join(networks, country):
    """Join the first of `networks` ([(ssid, password)]) that works; `country` is a two-letter code or "".

    Continues what `begin` started. Raises Failure: GIVE_UP when no network is configured, otherwise AGAIN
    with the reason for each network.
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
                _connect(link, ssid, password)
            begun = False
            reason = await _joined(link)
            if reason is None:
                return
            link.disconnect()
        except (OSError, ValueError) as error:  # from the driver: the next network may work
            reason = str(error)
        reasons.append("%s: %s" % (ssid, reason))
    raise Failure(AGAIN, "no Wi-Fi (%s)" % ", ".join(reasons), "check name, password and range")


def _is_joining(link):
    """Whether the first network is being joined."""
    return link.active() and link.status() in (network.STAT_CONNECTING, _GETTING_ADDRESS)


async def _joined(link):
    """None when the link is up, otherwise the reason."""
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
    """The meaning of a final link status, or None while still trying."""
    for constant, text in (
        ("STAT_WRONG_PASSWORD", "wrong password"),
        ("STAT_NO_AP_FOUND", "not in range"),
        ("STAT_CONNECT_FAIL", "refused"),
        ("STAT_ASSOC_FAIL", "refused"),
        ("STAT_HANDSHAKE_TIMEOUT", "possibly a wrong password"),
    ):
        if status == getattr(network, constant, None):
            return text
    return None


def scan():
    """[(name, signal in dBm, whether it is open)] of the networks on the air, the strongest first.

    Blocks for seconds. One name is told once. Raises Failure when the radio does not listen.
    """
    from device.core.known_networks import is_shown
    from device.port import board

    link, found = _link(), {}
    try:
        with board.gate(_SCAN_MS):
            if not link.active():
                link.active(True)
            for ssid, _, _, rssi, security, *_ in link.scan():
                try:
                    name = ssid.decode()
                except UnicodeError:
                    continue
                is_better = name not in found or found[name][0] < rssi
                if name and is_better and is_shown(name):
                    found[name] = rssi, not security
    except (OSError, ValueError) as error:
        raise Failure(AGAIN, "cannot look for networks (%s)" % error, "try again")
    ranked = sorted(((rssi, name, is_open) for name, (rssi, is_open) in found.items()), reverse=True)
    return [(name, rssi, is_open) for rssi, name, is_open in ranked[:_MOST]]
