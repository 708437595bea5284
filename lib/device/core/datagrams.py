"""DNS and NTP: one question and one answer each, in one UDP packet; and the answers of the access point.

The firmware's own lookup blocks for 6 s per name and server when no server answers, which is longer than
the watchdog allows. Sent through a socket of the event loop, the same query blocks nothing. Sources:
RFC 1035, section 4; RFC 5905, section 7.3.
"""

import struct

DNS_PORT = 53
NTP_PORT = 123
_ADDRESS = 1  # type A, class IN
_NAME_ERROR = 3
_MAX_LABEL = 63
_MAX_NAME = 255  # with the length of each label and the root
_NTP_SIZE = 48
_TO_1970_S = 2208988800  # NTP counts from 1900
_ERA_S = 1 << 32  # and wraps in February 2036


class NoSuchName(ValueError):
    """The name server answered that the name does not exist."""


def dns_query(name, query_id):
    """The packet that asks for an address of `name`; raises ValueError when `name` is not a host name."""
    packet = bytearray(struct.pack("!6H", query_id, 0x0100, 1, 0, 0, 0))  # recursion desired
    for label in name.rstrip(".").split("."):
        data = label.encode()
        if not 1 <= len(data) <= _MAX_LABEL:
            raise ValueError("DNS: a part of the name has %d bytes" % len(data))
        packet.append(len(data))
        packet += data
    packet.append(0)
    if len(packet) - 12 > _MAX_NAME:
        raise ValueError("DNS: a name of %d characters is too long" % len(name))
    return packet + struct.pack("!2H", _ADDRESS, _ADDRESS)


def dns_answer(packet, query):
    """The first IPv4 address in the answer to `query`, as text; None when `packet` is not its answer.

    Raises NoSuchName, or ValueError for an answer without an address.
    """
    if len(packet) < len(query) or packet[:2] != query[:2] or not packet[2] & 0x80:
        return None
    if bytes(packet[12 : len(query)]).lower() != bytes(query[12:]).lower():
        return None
    code = packet[3] & 0x0F
    if code == _NAME_ERROR:
        raise NoSuchName("no such name")
    at = len(query)
    for _ in range(struct.unpack_from("!H", packet, 6)[0]):
        at = _after_name(packet, at)
        if at + 10 > len(packet):
            break
        kind, _, _, _, size = struct.unpack_from("!5H", packet, at)
        at += 10
        if kind == _ADDRESS and size == 4 and at + 4 <= len(packet):
            return ".".join(str(byte) for byte in packet[at : at + 4])
        at += size  # an alias, whose address follows
    raise ValueError("answer without an address (code %d)" % code)


def _after_name(packet, at):
    """Where the name at `at` ends; it may end in a pointer to another."""
    while at < len(packet):
        size = packet[at]
        if size >= 0xC0:
            return at + 2
        at += 1 + size
        if not size:
            break
    return at


def dns_reply(packet, address):
    """The answer to the DNS question `packet`: `address`, whatever the name; None when it is no question.

    Only the type A has an answer. The phone forgets it at once: it is of no use on another network.
    """
    if len(packet) < 17 or packet[2] & 0xF8 or packet[3] & 0x80 or packet[4:6] != b"\0\1":
        return None  # an answer, another operation, or not exactly one question
    end = 12
    while end < len(packet) and packet[end]:
        if packet[end] > _MAX_LABEL:
            return None
        end += 1 + packet[end]
    end += 5
    if end > len(packet) or end - 12 > _MAX_NAME + 4:
        return None
    is_address = packet[end - 4 : end] == b"\0\1\0\1"
    reply = bytearray(packet[:2]) + struct.pack("!5H", 0x8580, 1, is_address, 0, 0) + packet[12:end]
    if is_address:
        reply += b"\xc0\x0c" + struct.pack("!2HIH", _ADDRESS, _ADDRESS, 1, 4)
        reply += bytes(int(part) for part in address.split("."))
    return reply


def ntp_query(nonce):
    """The packet that asks for the time; `nonce`, 8 random bytes, comes back in the answer."""
    return bytes((0x23,)) + bytes(39) + nonce  # version 4, client


def ntp_answer(packet, nonce):
    """Unix seconds in the answer to the query with `nonce`; None when `packet` is not its answer.

    An answer from a simple server that leaves the nonce field empty is accepted as well.
    """
    if len(packet) < _NTP_SIZE or packet[0] & 0x07 != 4 or packet[24:32] not in (nonce, bytes(8)):
        return None
    if not 1 <= packet[1] <= 15 or packet[0] >> 6 == 3:  # "ask elsewhere", or a server without the time
        return None
    seconds = struct.unpack_from("!I", packet, 40)[0]
    if not seconds:
        return None  # an empty field would read as 2036
    if seconds < _ERA_S >> 1:
        seconds += _ERA_S
    return seconds - _TO_1970_S
