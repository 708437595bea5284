"""Reading MQTT 3.1.1 packets strictly, with amqtt's packet classes.

amqtt reads straight from the stream and forgives much: trailing bytes, broken UTF-8, wrong flags, a missing
payload. Here a whole frame is read first, parsed from memory, and must encode to the same bytes again.
"""

import asyncio
import struct

from amqtt.adapters import BufferReader
from amqtt.errors import AMQTTError, MQTTError, NoDataError
from amqtt.mqtt import MQTTPacket, packet_class
from amqtt.mqtt.connect import ConnectPacket
from amqtt.mqtt.packet import (
    CONNECT,
    DISCONNECT,
    PINGREQ,
    PUBACK,
    PUBLISH,
    SUBSCRIBE,
    UNSUBSCRIBE,
    MQTTFixedHeader,
)
from amqtt.mqtt.publish import PublishPacket
from amqtt.mqtt.subscribe import SubscribePacket
from amqtt.mqtt.unsubscribe import UnsubscribePacket

AnyPacket = MQTTPacket  # what a client may send

_FLAGS = {CONNECT: 0, PUBACK: 0, SUBSCRIBE: 2, UNSUBSCRIBE: 2, PINGREQ: 0, DISCONNECT: 0}
_PROTOCOLS = ("MQTT", "MQIsdp")
_MQTT_5 = b"\0\4MQTT\5"
# CONNACK of MQTT 5 with reason 0x84, "Unsupported Protocol Version", and no properties.
UNSUPPORTED_VERSION = b"\x20\3\0\x84\0"
_HEADER_SLACK = 64 * 1024  # topic, client id and will of a packet whose payload has the full size


class MalformedError(Exception):
    """The client broke the protocol; the text says how. The connection is to be closed."""


class UnsupportedVersionError(MalformedError):
    """The client speaks MQTT 5, which cannot be parsed as 3.1.1."""


async def read(reader: asyncio.StreamReader, payload_limit: int) -> MQTTPacket | None:
    """The next packet, or None at the end of the stream. Raises MalformedError."""
    try:
        first = (await reader.readexactly(1))[0]
        length = await _remaining_length(reader)
        kind, flags = first >> 4, first & 0x0F
        if kind != PUBLISH and _FLAGS.get(kind) != flags:
            raise MalformedError(f"packet type {kind} with flags {flags} from a client")
        if length > payload_limit + _HEADER_SLACK:
            raise MalformedError(f"packet of {length} bytes")
        body = await reader.readexactly(length)
    except (asyncio.IncompleteReadError, OSError):
        return None
    return await _parse(kind, flags, body)


async def _remaining_length(reader: asyncio.StreamReader) -> int:
    length = 0
    for shift in (0, 7, 14, 21):
        byte = (await reader.readexactly(1))[0]
        length |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return length
    raise MalformedError("remaining length of more than four bytes")


async def _parse(kind: int, flags: int, body: bytes) -> MQTTPacket:
    if kind == CONNECT and body.startswith(_MQTT_5):
        raise UnsupportedVersionError("MQTT 5 is not there yet: use MQTT 3.1.1")
    header = MQTTFixedHeader(kind, flags, len(body))
    try:
        packet = await packet_class(header).from_stream(BufferReader(body), fixed_header=header)
        is_same = _encoded(packet) == body
    except (NoDataError, MQTTError, AMQTTError, ValueError, TypeError, struct.error) as error:
        raise MalformedError(f"packet type {kind} cannot be parsed") from error
    if not is_same:
        raise MalformedError(f"packet type {kind} is not well-formed")
    _check(packet)
    return packet


def _encoded(packet: MQTTPacket) -> bytes:
    random_id = None
    if isinstance(packet, ConnectPacket) and packet.payload.client_id_is_random:
        random_id, packet.payload.client_id = packet.payload.client_id, ""
    variable = packet.variable_header.to_bytes() if packet.variable_header is not None else b""
    payload = packet.payload.to_bytes(packet.fixed_header, packet.variable_header) if packet.payload else b""
    if random_id is not None:
        packet.payload.client_id = random_id
    return bytes(variable) + bytes(payload)


def _check(packet: MQTTPacket) -> None:
    strings: list[str] = []
    if isinstance(packet, PublishPacket):
        strings = [packet.topic_name or ""]
        if packet.qos == 3 or (packet.qos == 0 and packet.dup_flag):
            raise MalformedError("PUBLISH with impossible flags")
        _check_packet_id(packet.packet_id)
    elif isinstance(packet, SubscribePacket):
        strings = [topic for topic, _ in packet.payload.topics]
        if any(qos not in (0, 1, 2) for _, qos in packet.payload.topics):
            raise MalformedError("SUBSCRIBE with an impossible QoS")
    elif isinstance(packet, UnsubscribePacket):
        strings = packet.payload.topics
    elif isinstance(packet, ConnectPacket):
        _check_connect(packet)
    if isinstance(packet, SubscribePacket | UnsubscribePacket):
        _check_packet_id(packet.variable_header.packet_id)
        if not strings:
            raise MalformedError("SUBSCRIBE or UNSUBSCRIBE without a topic filter")
    if any(not text or "\0" in text for text in strings):
        raise MalformedError("an empty topic, or one with a NUL")


def _check_packet_id(packet_id: int | None) -> None:
    if packet_id == 0:
        raise MalformedError("packet identifier 0")


def _check_connect(packet: ConnectPacket) -> None:
    flags = packet.variable_header
    if packet.proto_name not in _PROTOCOLS:
        raise MalformedError("CONNECT of another protocol")
    if flags.reserved_flag:
        raise MalformedError("CONNECT with the reserved flag")
    if flags.will_flag:
        if flags.will_qos == 3 or not packet.payload.will_topic:
            raise MalformedError("CONNECT with an impossible will")
    elif flags.will_qos or flags.will_retain_flag:
        raise MalformedError("CONNECT with flags of a will that it lacks")
    if flags.password_flag and not flags.username_flag:
        raise MalformedError("CONNECT with a password but no user name")
    if "\0" in (packet.client_id or ""):
        raise MalformedError("client id with a NUL")
