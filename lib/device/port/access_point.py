"""The board's own access point, and what a phone on it asks. Loaded when needed, then unloaded."""

import errno
import socket

import network

from device import _build
from device.core import datagrams
from device.core.failures import AGAIN, Failure
from device.port import clock
from device.port.network import switch_off

_START_MS = 5000
_LOOK_MS = 50
_OPEN = 0  # on every board
_WPA2 = getattr(network, "AUTH_WPA2_PSK", 0x400004)  # ESP32, or the number that a Pico W's driver wants
_MAX_DATAGRAM = 512
_AT_ONCE = 8  # questions answered before other tasks have their turn


def link():
    """The access point of this board's radio."""
    return network.WLAN(network.AP_IF)


async def start(name, password, country):
    """Open the access point `name`, with WPA2 if there is a password (a Secret); return its address.

    Raises Failure when it does not start.
    """
    options = {"ssid": name, "security": _WPA2 if password else _OPEN}
    if password:
        options["key"] = password.reveal()
    try:
        if country:
            network.country(country)
        ap = link()
        ap.active(False)
        ap.config(**options)  # first: an active one of a Pico W takes no other name before MicroPython 1.25
        ap.active(True)
        if "pm" in _build.JOIN_OPTIONS:
            ap.config(pm=_build.JOIN_OPTIONS["pm"])
        start_ms = clock.ms()
        while not ap.active():
            if clock.ms() - start_ms > _START_MS:
                raise OSError("no answer")
            await clock.sleep_ms(_LOOK_MS)
        return ap.ifconfig()[0]
    except (OSError, ValueError) as error:
        stop()
        raise Failure(AGAIN, "the access point did not start (%s)" % error, "check the power supply")


def stop():
    """Close the access point, and switch the station off.

    On a Pico W the access point takes the default route, and leaves none: the next join brings it back.
    """
    try:
        link().active(False)
    except OSError:
        pass  # it was never open
    switch_off()


def stations():
    """How many others are on the access point; None when it is closed."""
    try:
        ap = link()
        return len(ap.status("stations")) if ap.active() else None
    except (OSError, ValueError):
        return None


async def answer_names(address):
    """Answer every question for a name with `address`, so that a phone opens the page by itself.

    Only on the access point, which has this address. Raises OSError when the socket cannot be used.
    """
    plug = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        plug.setblocking(False)
        plug.bind(socket.getaddrinfo(address, datagrams.DNS_PORT)[0][-1])
        while True:
            for _ in range(_AT_ONCE):
                try:
                    packet, sender = plug.recvfrom(_MAX_DATAGRAM)
                    reply = datagrams.dns_reply(packet, address)
                    if reply:
                        plug.sendto(reply, sender)
                except OSError as error:
                    if error.errno in (errno.EAGAIN, errno.ETIMEDOUT):
                        break  # nothing has come
                except MemoryError:
                    break  # this question is lost; a phone asks again
            await clock.sleep_ms(_LOOK_MS)
    finally:
        plug.close()
