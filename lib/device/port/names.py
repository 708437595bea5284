"""DNS and NTP queries. Loaded when needed, then unloaded."""

import errno
import os
import socket

from device.core import datagrams
from device.core.failures import Failure, Lost
from device.port import clock, network
from device.port.failing import failure

_DNS_MS = 2000  # for one answer from one server
_NTP_MS = 1000
_LOCAL_MS = 20000  # the limit of the gate around the firmware's own, blocking lookup
_TURN_MS = 20
_MAX_DATAGRAM = 512


async def lookup(host):
    """An IPv4 address of the name `host`, as text; raises Failure.

    Does not block, unlike the firmware's own lookup (6 s per dead name server). That one is still
    used for names in ".local", which are found by multicast instead of a name server.
    """
    if host.endswith(".local"):
        return _lookup_local(host)
    servers = _name_servers()
    cause = "no answer from " + " and ".join(servers)
    try:
        query = datagrams.dns_query(host, int.from_bytes(os.urandom(2), "big"))
        for server in servers:
            try:
                address = await _asked(
                    server,
                    datagrams.DNS_PORT,
                    query,
                    lambda packet: datagrams.dns_answer(packet, query),
                    _DNS_MS,
                )
            except OSError as error:  # unreachable, such as 0.0.0.0 when DHCP names no server
                cause = error
                continue
            if address:
                return address
    except ValueError as error:
        cause = error
    raise failure("of_lookup", host, cause)


def _lookup_local(host):
    from device.port import board

    try:
        with board.gate(_LOCAL_MS):
            return socket.getaddrinfo(host, 0)[0][-1][0]
    except OSError as error:
        raise failure("of_lookup", host, error)


def _name_servers():
    """The name server from DHCP, and the router, which usually is one too."""
    _, _, gateway, server = network.link().ifconfig()
    return [server] if server == gateway else [server, gateway]


async def ask_time(hosts):
    """Unix seconds from the first of `hosts` that answers, or None."""
    nonce = os.urandom(8)
    query = datagrams.ntp_query(nonce)
    for host in hosts:
        try:
            server = await network.lookup(host)
            unix_s = await _asked(
                server, datagrams.NTP_PORT, query, lambda packet: datagrams.ntp_answer(packet, nonce), _NTP_MS
            )
        except Lost:
            return None  # no name server answers: the next host would wait in vain as well
        except (OSError, Failure):
            continue
        if unix_s:
            return unix_s
    return None


async def _asked(server, port, packet, read, limit_ms):
    """`read` applied to the answer of `server` to `packet`, or None when no answer comes in time."""
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
