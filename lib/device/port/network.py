"""The Wi-Fi link: join one of the known networks, find addresses, ask for the time."""

import errno
import os
import socket

import network

from device import _build
from device.core.failures import AGAIN, GIVE_UP, Failure, Lost
from device.port import clock

_JOIN_MS = 20000
_LOOK_MS = 100
_DNS_MS = 2000  # for one answer of one server
_NTP_MS = 1000
_TURN_MS = 20
_MAX_DATAGRAM = 512


def _link():
    return network.WLAN(network.STA_IF)


def connected():
    """Whether the board has an address. A Pico W may say so although nothing gets through any more."""
    return _link().isconnected()


def begin(networks, country):
    """Switch the radio on and begin to join the first of `networks`, without waiting for it.

    Raises Failure when no network is known, or the radio does not start.
    """
    link = _link()
    if link.isconnected():
        return
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
        link.connect(*networks[0])
    except (OSError, ValueError) as error:
        link.active(False)
        raise Failure(AGAIN, "Wi-Fi does not start (%s)" % error, "is the power supply strong enough?")


async def join(networks, country):
    """Join the first of `networks` ([(ssid, password)]) that takes us; `country` is a two-letter code or "".

    Goes on with what `begin` began. Raises Failure: GIVE_UP when no network is known, AGAIN with the reason
    of each otherwise.
    """
    link = _link()
    if link.isconnected():
        return
    if not networks or not _is_joining(link):
        begin(networks, country)
    reasons = []
    for ssid, password in networks:
        try:
            if reasons:
                link.connect(ssid, password)
            reason = await _joined(link)
            if reason is None:
                return
            link.disconnect()
        except (OSError, ValueError) as error:  # of the driver: the next network may be to its liking
            reason = str(error)
        reasons.append("%s: %s" % (ssid, reason))
    raise Failure(AGAIN, "no Wi-Fi (%s)" % ", ".join(reasons), "check name, password and distance")


def _is_joining(link):
    return link.active() and link.status() in (network.STAT_CONNECTING, _GETTING_ADDRESS)


_GETTING_ADDRESS = 2  # of a Pico W, between joining and connected


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


def leave():
    """Leave the network, to join it anew: Wi-Fi may be dead although the link says that it is up."""
    try:
        _link().disconnect()
    except OSError:
        pass  # it was not joined


def restart():
    """Switch the radio off; the next join switches it on again."""
    leave()
    _link().active(False)


async def lookup(host):
    """An IPv4 address of `host`, as text; an address comes back as it is.

    Raises Failure. Nothing blocks: the firmware's own look-up would, for 6 s a dead name server. Names in
    ".local" are left to it, because they are asked of everybody and not of a name server.
    """
    if all(symbol in "0123456789." for symbol in host):
        return host
    if host.endswith(".local"):
        return _lookup_local(host)
    from device.core import datagrams

    try:
        query = datagrams.dns_query(host, int.from_bytes(os.urandom(2), "big"))
        for server in _name_servers():
            address = await _asked(
                server, datagrams.DNS_PORT, query, lambda packet: datagrams.dns_answer(packet, query), _DNS_MS
            )
            if address:
                return address
        cause = "no answer from " + " and ".join(_name_servers())
    except (OSError, ValueError) as error:
        cause = error
    from device.port import causes

    raise causes.of_lookup(host, cause)


def _lookup_local(host):
    from device.port import board, causes

    try:
        with board.gate(_JOIN_MS):
            return socket.getaddrinfo(host, 0)[0][-1][0]
    except OSError as error:
        raise causes.of_lookup(host, error)


def _name_servers():
    """The name server that DHCP gave, and the router, which mostly is one too."""
    _, _, gateway, server = _link().ifconfig()
    return [server] if server == gateway else [server, gateway]


async def ask_time(hosts):
    """Unix seconds from the first of `hosts` that answers, or None."""
    from device.core import datagrams

    nonce = os.urandom(8)
    query = datagrams.ntp_query(nonce)
    for host in hosts:
        try:
            server = await lookup(host)
            unix_s = await _asked(
                server, datagrams.NTP_PORT, query, lambda packet: datagrams.ntp_answer(packet, nonce), _NTP_MS
            )
        except Lost:
            return None  # nobody answers for names: the next one would wait as long, for nothing
        except (OSError, Failure):
            continue
        if unix_s:
            return unix_s
    return None


async def _asked(server, port, packet, read, limit_ms):
    """What `read` makes of the answer of `server` to `packet`, or None when none comes in time."""
    plug = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        plug.setblocking(False)
        plug.sendto(packet, socket.getaddrinfo(server, port)[0][-1])
        start_ms = clock.ms()
        while clock.ms() - start_ms < limit_ms:
            try:
                answer, sender = plug.recvfrom(_MAX_DATAGRAM)
                answer = read(answer) if sender == (server, port) else None
                if answer is not None:
                    return answer
            except OSError as error:
                if error.errno not in (errno.EAGAIN, errno.ETIMEDOUT):
                    raise
                await clock.sleep_ms(_TURN_MS)
        return None
    finally:
        plug.close()
