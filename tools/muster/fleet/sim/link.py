"""One MQTT 3.1.1 connection of a simulated board: asyncio's TLS streams and amqtt's packet classes.

It stands where `device.port.mqtt.Connection` stands on a board, with the same methods. No ready-made client
is used, for what was found in them: aiomqtt 2.5 and paho 2.2 do not notice when the server closes instead of
sending CONNACK (AWS refuses like that; 10 s pass, and the cause is lost), connect in a thread each and hold
three file descriptors; gmqtt 0.8 waits for ever then, and connects again by itself. Processor time of a
provisioning, TLS included, measured side by side: these packet classes 4.5 ms, gmqtt 5.0, paho 5.2,
aiomqtt 5.7.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable, Sequence

from amqtt.adapters import StreamReaderAdapter
from amqtt.errors import AMQTTError, CodecError, MQTTError, NoDataError
from amqtt.mqtt import MQTTPacket, packet_class
from amqtt.mqtt.connack import ConnackPacket
from amqtt.mqtt.connect import ConnectPacket, ConnectPayload, ConnectVariableHeader
from amqtt.mqtt.disconnect import DisconnectPacket
from amqtt.mqtt.packet import MQTTFixedHeader
from amqtt.mqtt.pingreq import PingReqPacket
from amqtt.mqtt.pingresp import PingRespPacket
from amqtt.mqtt.puback import PubackPacket
from amqtt.mqtt.publish import PublishPacket
from amqtt.mqtt.suback import SubackPacket
from amqtt.mqtt.subscribe import SubscribePacket

from device.core.failures import AGAIN, GIVE_UP, Failure, Lost, Refused

KEEP_ALIVE_S = 44
CONNECT_S = 20.0  # TCP and TLS
ANSWER_S = 15.0  # CONNACK, SUBACK, PUBACK, PINGRESP
_MQTT_3_1_1 = 4
_BROKEN = (AMQTTError, MQTTError, CodecError, NoDataError, ValueError, TypeError)  # what amqtt raises


async def connect(host: str, port: int, context: ssl.SSLContext, client_id: str) -> "Link":
    """A connection whose CONNACK is there. Raises Refused when the server turned us away, else Failure."""
    where = f"{host}:{port}"
    try:
        opening = asyncio.open_connection(host, port, ssl=context, server_hostname=host)
        reader, writer = await asyncio.wait_for(opening, CONNECT_S)
    except (OSError, asyncio.TimeoutError) as error:
        raise _not_connected(error, where) from error
    link = Link(reader, writer)
    try:
        await link.open(client_id, where)
    except BaseException:
        await link.close()
        raise
    return link


def _not_connected(error: Exception, where: str) -> Failure:
    """The Failure for a TCP connection or a handshake that did not come about."""
    if isinstance(error, ssl.SSLCertVerificationError):
        advice = "name the root CA with --ca, and the server as in its certificate"
        return Failure(GIVE_UP, f"the server {where} is not to be trusted ({error.verify_message})", advice)
    if isinstance(error, ssl.SSLError):
        return Refused(AGAIN, f"the server refuses the handshake ({error.reason})")
    if isinstance(error, ConnectionRefusedError):
        return Failure(AGAIN, f"{where} refused the connection: nothing listens on that port")
    if isinstance(error, socket.gaierror):
        return Lost(AGAIN, f"cannot resolve {where} ({error.strerror})", "check the name")
    if isinstance(error, ConnectionError):
        return Refused(AGAIN, "the server closed the connection during the TLS handshake")
    return Lost(AGAIN, f"{where} does not answer")


class Link:
    """An open connection. `lost` is None while it lives, then the Failure that ended it.

    `on_message(topic, payload)` is called for every message.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.lost: Failure | None = None
        self.on_message: Callable[[str, bytes], None] | None = None
        self._source = StreamReaderAdapter(reader)
        self._writer = writer
        self._last_id = 0
        self._waiting: dict[object, asyncio.Future[MQTTPacket]] = {}  # packet id, or class of packet
        self._ended = asyncio.Event()
        self._reader: asyncio.Task[None] | None = None

    async def open(self, client_id: str, where: str) -> None:
        """Send CONNECT and wait for CONNACK."""
        header = ConnectVariableHeader(keep_alive=KEEP_ALIVE_S, proto_level=_MQTT_3_1_1)
        header.clean_session_flag = True
        self._send(ConnectPacket(variable_header=header, payload=ConnectPayload(client_id=client_id)))
        try:
            answer = await asyncio.wait_for(self._packet(), ANSWER_S)
        except asyncio.TimeoutError as error:
            raise Lost(AGAIN, f"{where} does not answer") from error
        except ssl.SSLError as error:  # with TLS 1.3 our certificate is judged after the handshake
            raise Refused(AGAIN, f"the server refuses our certificate ({error.reason})") from error
        except (EOFError, OSError) as error:
            raise Refused(AGAIN, "the server closed the connection instead of accepting it") from error
        if not isinstance(answer, ConnackPacket):
            raise Failure(AGAIN, "the first packet was not CONNACK")
        if answer.return_code:
            raise Refused(AGAIN, f"the server refused the connection (CONNACK code {answer.return_code})")
        self._reader = asyncio.create_task(self._read())

    async def subscribe(self, filters: Sequence[str]) -> None:
        """One SUBSCRIBE with QoS 1; returns after the SUBACK."""
        packet_id = self._next_id()
        packet = SubscribePacket.build([(name, 1) for name in filters], packet_id)
        answer = await self._answered(packet_id, packet, "SUBACK")
        granted = answer.payload.return_codes if isinstance(answer, SubackPacket) and answer.payload else []
        for at, name in enumerate(filters):
            if at >= len(granted) or granted[at] & 0x80:
                raise Refused(AGAIN, f"the server refused the subscription to {name}")

    async def publish(self, topic: str, payload: bytes, qos: int = 1) -> None:
        """Publish; with QoS 1 return after the PUBACK."""
        packet_id = self._next_id() if qos else None
        packet = PublishPacket.build(topic, payload, packet_id, False, qos, False)
        if packet_id is None:
            self._send(packet)
        else:
            await self._answered(packet_id, packet, "PUBACK")

    async def ping(self) -> None:
        """Ask the server for a sign of life; raises Failure when none comes."""
        await self._answered(PingRespPacket, PingReqPacket(), "PINGRESP")

    async def ended(self) -> None:
        """Return when the connection has failed or was closed."""
        await self._ended.wait()

    async def close(self) -> None:
        """Say goodbye."""
        if self._reader:
            self._reader.cancel()
        if self.lost is None and self._reader:
            with contextlib.suppress(Failure):  # it is gone anyway
                self._send(DisconnectPacket())
        self._fail(Failure(AGAIN, "closed by us"))
        self._writer.close()

    def _next_id(self) -> int:
        self._last_id = self._last_id % 0xFFFF + 1
        return self._last_id

    def _send(self, packet: MQTTPacket) -> None:
        if self.lost:
            raise self.lost
        self._writer.write(packet.to_bytes())

    async def _answered(self, key: object, packet: MQTTPacket, what: str) -> MQTTPacket:
        waiting = self._waiting[key] = asyncio.get_running_loop().create_future()
        try:
            self._send(packet)
            return await asyncio.wait_for(waiting, ANSWER_S)
        except asyncio.TimeoutError as error:
            raise Lost(AGAIN, f"no {what} from the server") from error
        finally:
            del self._waiting[key]

    async def _packet(self) -> MQTTPacket:
        """The next packet. Raises EOFError at the end, Failure for what is not MQTT."""
        try:
            header = await MQTTFixedHeader.from_stream(self._source)
            if header is None:
                raise EOFError
            return await packet_class(header).from_stream(self._source, fixed_header=header)
        except _BROKEN as error:
            raise Failure(AGAIN, "the server sent a broken packet") from error

    async def _read(self) -> None:
        try:
            while True:
                self._handle(await self._packet())
        except (EOFError, OSError):
            self._fail(Refused(AGAIN, "the server closed the connection"))
        except Failure as failure:
            self._fail(failure)

    def _handle(self, packet: MQTTPacket) -> None:
        if isinstance(packet, PublishPacket):
            if self.on_message:
                self.on_message(packet.topic_name or "", bytes(packet.data or b""))
            if packet.packet_id is not None and packet.qos:
                self._send(PubackPacket.build(packet.packet_id))
            return
        header = packet.variable_header
        key = header.packet_id if isinstance(packet, PubackPacket | SubackPacket) and header else type(packet)
        waiting = self._waiting.get(key)
        if waiting is not None and not waiting.done():  # late or repeated ones are of no use
            waiting.set_result(packet)

    def _fail(self, why: Failure) -> None:
        if self.lost is not None:
            return
        self.lost = why
        self._ended.set()
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(why)
