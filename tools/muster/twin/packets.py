"""MQTT 3.1.1 packets: what a client may send, read strictly, and what the twin answers.

Source: MQTT 3.1.1, chapters 2 and 3. Whatever breaks the standard ends the connection.
"""

import struct
from typing import NamedTuple

CONNECT, CONNACK, PUBLISH, PUBACK = 1, 2, 3, 4
SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK = 8, 9, 10, 11
PINGREQ, PINGRESP, DISCONNECT = 12, 13, 14

QOS_0, QOS_1, QOS_2 = 0, 1, 2
MQTT_3_1_1 = 4

# Return codes of a CONNACK (section 3.2.2.3).
ACCEPTED, UNACCEPTABLE_VERSION, IDENTIFIER_REJECTED = 0, 1, 2
SUBSCRIBE_FAILURE = 0x80

PONG = b"\xd0\x00"
# CONNACK of MQTT 5 with reason 0x84, "Unsupported Protocol Version", and no properties.
UNSUPPORTED_VERSION = b"\x20\x03\x00\x84\x00"

_FLAGS = {CONNECT: 0, PUBACK: 0, SUBSCRIBE: 2, UNSUBSCRIBE: 2, PINGREQ: 0, DISCONNECT: 0}
_MQTT_5 = b"\0\4MQTT\5"
_PROTOCOLS = ("MQTT", "MQIsdp")
_HEADER_SLACK = 64 * 1024  # topic, client id and will of a packet whose payload has the full size


class MalformedError(Exception):
    """The client broke the protocol; the text says how. The connection is to be closed."""


class UnsupportedVersionError(MalformedError):
    """The client speaks MQTT 5, which cannot be parsed as 3.1.1."""


class Frame(NamedTuple):
    """One packet as it came: type, the four flag bits, and what follows the fixed header."""

    kind: int
    flags: int
    body: bytes


class Will(NamedTuple):
    """What is to be published when a connection ends without DISCONNECT."""

    topic: str
    payload: bytes
    qos: int
    retain: bool


class Connect(NamedTuple):
    """A CONNECT; user name and password are read and forgotten."""

    level: int
    client_id: str
    is_clean: bool
    keep_alive_s: int
    will: Will | None


class Publish(NamedTuple):
    """A PUBLISH; `packet_id` is 0 at QoS 0."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    packet_id: int


class Subscribe(NamedTuple):
    """A SUBSCRIBE: filters with the QoS that is asked for."""

    packet_id: int
    filters: list[tuple[str, int]]


class Unsubscribe(NamedTuple):
    """An UNSUBSCRIBE."""

    packet_id: int
    filters: list[str]


class Frames:
    """Cuts the bytes of a connection into packets."""

    def __init__(self, payload_limit: int) -> None:
        self._limit = payload_limit + _HEADER_SLACK
        self._data = b""
        self._at = 0

    def feed(self, data: bytes) -> None:
        """Add what came."""
        self._data = self._data[self._at :] + data if self._at < len(self._data) else data
        self._at = 0

    def take(self) -> Frame | None:
        """The next packet, or None until more bytes come. Raises MalformedError."""
        data, at = self._data, self._at
        if len(data) - at < 2:
            return None
        kind, flags = data[at] >> 4, data[at] & 0x0F
        if kind != PUBLISH and _FLAGS.get(kind) != flags:
            raise MalformedError(f"packet type {kind} with flags {flags} from a client")
        length = shift = 0
        while True:
            at += 1
            if at >= len(data):
                return None
            length |= (data[at] & 0x7F) << shift
            if data[at] < 0x80:
                break
            shift += 7
            if shift > 21:
                raise MalformedError("remaining length of more than four bytes")
        if length > self._limit:
            raise MalformedError(f"packet of {length} bytes")
        end = at + 1 + length
        if end > len(data):
            return None
        self._at = end
        return Frame(kind, flags, data[at + 1 : end])


class _Reader:
    """Reads the fields of one packet."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    def bytes_of(self, count: int) -> bytes:
        data = self._body[self._at : self._at + count]
        if len(data) != count:
            raise MalformedError("a packet that ends too early")
        self._at += count
        return data

    def byte(self) -> int:
        return self.bytes_of(1)[0]

    def number(self) -> int:
        return int.from_bytes(self.bytes_of(2), "big")

    def binary(self) -> bytes:
        return self.bytes_of(self.number())

    def text(self, may_be_empty: bool = False) -> str:
        try:
            text = self.binary().decode()
        except UnicodeDecodeError as error:
            raise MalformedError("a string that is not UTF-8") from error
        if "\0" in text or not (text or may_be_empty):
            raise MalformedError("an empty string, or one with a NUL")
        return text

    def packet_id(self) -> int:
        number = self.number()
        if not number:
            raise MalformedError("packet identifier 0")
        return number

    def rest(self) -> bytes:
        data, self._at = self._body[self._at :], len(self._body)
        return data

    @property
    def is_at_end(self) -> bool:
        return self._at == len(self._body)

    def end(self) -> None:
        if not self.is_at_end:
            raise MalformedError("a packet with bytes after its end")


def connect(body: bytes) -> Connect:
    """Read a CONNECT. Raises MalformedError."""
    if body.startswith(_MQTT_5):
        raise UnsupportedVersionError("MQTT 5 is not there yet: use MQTT 3.1.1")
    fields = _Reader(body)
    if fields.text() not in _PROTOCOLS:
        raise MalformedError("CONNECT of another protocol")
    level, flags, keep_alive_s = fields.byte(), fields.byte(), fields.number()
    if flags & 0x01:
        raise MalformedError("CONNECT with the reserved flag")
    client_id = fields.text(may_be_empty=True)
    will = None
    if flags & 0x04:
        topic, payload = fields.text(), fields.binary()
        will = Will(topic, payload, flags >> 3 & 3, bool(flags & 0x20))
        if will.qos == 3:
            raise MalformedError("CONNECT with an impossible will")
    elif flags & 0x38:
        raise MalformedError("CONNECT with flags of a will that it lacks")
    if flags & 0x80:
        fields.text(may_be_empty=True)
    if flags & 0x40:
        if not flags & 0x80:
            raise MalformedError("CONNECT with a password but no user name")
        fields.binary()
    fields.end()
    return Connect(level, client_id, bool(flags & 0x02), keep_alive_s, will)


def publish(flags: int, body: bytes) -> Publish:
    """Read a PUBLISH. Raises MalformedError."""
    qos = flags >> 1 & 3
    if qos == 3 or (qos == 0 and flags & 0x08):
        raise MalformedError("PUBLISH with impossible flags")
    fields = _Reader(body)
    topic = fields.text()
    packet_id = fields.packet_id() if qos else 0
    return Publish(topic, fields.rest(), qos, bool(flags & 0x01), packet_id)


def subscribe(body: bytes) -> Subscribe:
    """Read a SUBSCRIBE. Raises MalformedError."""
    fields = _Reader(body)
    packet_id = fields.packet_id()
    wanted: list[tuple[str, int]] = []
    while not (fields.is_at_end and wanted):
        wanted.append((fields.text(), fields.byte()))
    if any(qos > QOS_2 for _, qos in wanted):
        raise MalformedError("SUBSCRIBE with an impossible QoS")
    return Subscribe(packet_id, wanted)


def unsubscribe(body: bytes) -> Unsubscribe:
    """Read an UNSUBSCRIBE. Raises MalformedError."""
    fields = _Reader(body)
    packet_id = fields.packet_id()
    unwanted: list[str] = []
    while not (fields.is_at_end and unwanted):
        unwanted.append(fields.text())
    return Unsubscribe(packet_id, unwanted)


def puback(body: bytes) -> int:
    """The packet identifier of a PUBACK. Raises MalformedError."""
    fields = _Reader(body)
    packet_id = fields.number()
    fields.end()
    return packet_id


def check_empty(body: bytes) -> None:
    """PINGREQ and DISCONNECT have nothing after their header. Raises MalformedError."""
    _Reader(body).end()


def to_connack(session_present: bool, code: int) -> bytes:
    """A CONNACK."""
    return bytes((0x20, 2, session_present, code))


def to_puback(packet_id: int) -> bytes:
    """A PUBACK."""
    return b"\x40\x02" + packet_id.to_bytes(2, "big")


def to_suback(packet_id: int, codes: list[int]) -> bytes:
    """A SUBACK: the QoS granted for each filter, or SUBSCRIBE_FAILURE."""
    return bytes((0x90, 2 + len(codes))) + packet_id.to_bytes(2, "big") + bytes(codes)


def to_unsuback(packet_id: int) -> bytes:
    """An UNSUBACK."""
    return b"\xb0\x02" + packet_id.to_bytes(2, "big")


def to_publish(
    topic: str, payload: bytes, qos: int, retain: bool = False, packet_id: int = 0, dup: bool = False
) -> bytes:
    """A PUBLISH."""
    name = topic.encode()
    first = 0x30 | dup << 3 | qos << 1 | retain
    length = 2 + len(name) + len(payload) + (2 if qos else 0)
    head = bytes((first,)) + _length(length) + struct.pack("!H", len(name)) + name
    return head + packet_id.to_bytes(2, "big") + payload if qos else head + payload


def _length(length: int) -> bytes:
    if length < 0x80:
        return bytes((length,))
    encoded = b""
    while length >= 0x80:
        encoded += bytes((length & 0x7F | 0x80,))
        length >>= 7
    return encoded + bytes((length,))
