"""One client on the wire: amqtt's protocol handler with its delivery and closing repaired.

Private parts of amqtt 0.12.1 that are overridden, and why (the version is pinned for this):
- reader loop: amqtt starts a task per packet, acknowledges before anybody has judged the packet and waits for
  ever on a silent client; here `serve` takes packets one by one and a timer ends a silent connection;
- mqtt_publish / QoS 1 flow: amqtt forgets a message that is not acknowledged within 5 s or before the
  connection ends; here it stays in the session until its PUBACK and is sent again on resume;
- stop: amqtt waits for a peer that may never read; here closing is bounded.
"""

import asyncio
from typing import TYPE_CHECKING

from amqtt.adapters import StreamReaderAdapter, StreamWriterAdapter
from amqtt.mqtt import MQTTPacket
from amqtt.mqtt.constants import QOS_0, QOS_1
from amqtt.mqtt.disconnect import DisconnectPacket
from amqtt.mqtt.protocol.broker_handler import BrokerProtocolHandler
from amqtt.mqtt.publish import PublishPacket
from amqtt.session import ApplicationMessage, OutgoingApplicationMessage, Session

from muster.twin import frames
from muster.twin.log import log
from muster.twin.principal import Principal
from muster.twin.settings import Limits

if TYPE_CHECKING:
    from muster.twin.engine import Engine

# Disconnect reasons, as AWS logs them (AWS IoT Developer Guide, "Lifecycle events").
CLIENT_INITIATED = "CLIENT_INITIATED_DISCONNECT"
CLIENT_ERROR = "CLIENT_ERROR"
CONNECTION_LOST = "CONNECTION_LOST"
DUPLICATE_CLIENT_ID = "DUPLICATE_CLIENTID"
FORBIDDEN = "FORBIDDEN_ACCESS"
AUTH_ERROR = "AUTH_ERROR"
KEEP_ALIVE = "MQTT_KEEP_ALIVE_TIMEOUT"
SERVER_INITIATED = "SERVER_INITIATED_DISCONNECT"

_CLOSE_WAIT_S = 0.25  # for the last bytes and the TLS goodbye; then the socket goes
_UNREAD_LIMIT_BYTES = 4 * 1024 * 1024  # a client that reads nothing is cut off here

_log = log()


class Writer(StreamWriterAdapter):
    """amqtt's writer with an end that does not wait for the peer."""

    def hang_up(self) -> None:
        """Send what is buffered, say goodbye, and let the socket go soon whatever the peer does."""
        if self.is_closed:
            return
        self.is_closed: bool = True
        transport = self._writer.transport
        transport.close()
        asyncio.get_running_loop().call_later(_CLOSE_WAIT_S, transport.abort)

    def abort(self) -> None:
        """Drop the connection now."""
        self.is_closed = True
        self._writer.transport.abort()

    async def close(self) -> None:
        """amqtt's name for hanging up."""
        self.hang_up()

    @property
    def unread_bytes(self) -> int:
        """What the peer has not taken yet."""
        return self._writer.transport.get_write_buffer_size()


class Connection(BrokerProtocolHandler):
    """A client that was admitted, from CONNACK to its end."""

    def __init__(
        self,
        engine: "Engine",
        session: Session,
        principal: Principal,
        reader: asyncio.StreamReader,
        writer: Writer,
        limits: Limits,
    ) -> None:
        super().__init__(engine.plugins_manager)
        self.attach(session, StreamReaderAdapter(reader), writer)
        self.principal = principal
        self.finished = asyncio.Event()
        self.reason: str | None = None
        self._is_proved = False  # the client has shown that it got the CONNACK
        self._engine = engine
        self._stream = reader
        self._link = writer
        self._session = session
        self._limits = limits
        self._silence_s = session.keep_alive * limits.keep_alive_factor
        self._seen_s = 0.0

    @property
    def client_id(self) -> str:
        """The MQTT client id."""
        return self.principal.client_id

    async def serve(self) -> None:
        """Take packets until the connection ends; `reason` then says how."""
        loop = asyncio.get_running_loop()
        self._seen_s = loop.time()
        timer = loop.call_later(self._silence_s, self._check_silence)
        self._keepalive_task = timer
        try:
            while self.reason is None:
                packet = await frames.read(self._stream, self._limits.payload_bytes)
                self._seen_s = loop.time()
                if packet is not None and not self._is_proved:
                    self._is_proved = True
                    self._engine.proved(self.principal.certificate_id)
                if packet is None:
                    self.hang_up(CONNECTION_LOST)
                elif isinstance(packet, DisconnectPacket):
                    self.hang_up(CLIENT_INITIATED)
                else:
                    await self._engine.take(self, packet)
                    await self._link.drain()
        except frames.MalformedError as error:
            self.hang_up(CLIENT_ERROR, str(error))
        except OSError:
            self.hang_up(CONNECTION_LOST)
        finally:
            self._keepalive_task.cancel()

    def _check_silence(self) -> None:
        loop = asyncio.get_running_loop()
        silent_s = loop.time() - self._seen_s
        if silent_s >= self._silence_s:
            self.hang_up(KEEP_ALIVE)
        else:
            self._keepalive_task = loop.call_later(self._silence_s - silent_s, self._check_silence)

    def hang_up(self, reason: str, detail: str = "") -> None:
        """Close this connection; the first reason counts."""
        if self.reason is not None:
            return
        self.reason = reason
        _log.info("%s: %s%s", self.client_id, reason, f" ({detail})" if detail else "")
        self._link.hang_up()
        self._stream.set_exception(ConnectionResetError(reason))  # ends a waiting read

    def send(self, packet: MQTTPacket) -> None:
        """Put a packet on the wire; never waits, so that a frozen client holds nobody up."""
        if self._link.unread_bytes > _UNREAD_LIMIT_BYTES:
            self.hang_up(CLIENT_ERROR, "does not read")
        self._link.write(packet.to_bytes())

    def deliver(self, topic: str, data: bytes, qos: int, retain: bool = False) -> None:
        """Send a message; QoS 1 is kept until it is acknowledged, and waits while too many are not."""
        if qos == QOS_0:
            self.send(PublishPacket.build(topic, data, None, False, QOS_0, retain))
            return
        if len(self._session.inflight_out) >= self._limits.unacknowledged:
            self._session.retained_messages.put_nowait(ApplicationMessage(None, topic, QOS_1, data, retain))
            return
        message = OutgoingApplicationMessage(self._session.next_packet_id, topic, QOS_1, data, retain)
        self._session.inflight_out[message.packet_id or 0] = message
        self.send(message.build_publish_packet())

    def acknowledged(self, packet_id: int) -> None:
        """A PUBACK came: forget that message and send one that waited."""
        self._session.inflight_out.pop(packet_id, None)
        self._send_waiting()

    def resume(self) -> None:
        """Send again what was not acknowledged, then what came while the client was away.

        The session may belong to another certificate by now, so iot:Receive is asked again.
        """
        for packet_id, message in list(self._session.inflight_out.items()):
            if self._engine.may_receive(self.principal, message.topic):
                self.send(message.build_publish_packet(dup=True))
            else:
                del self._session.inflight_out[packet_id]
        self._send_waiting()

    def _send_waiting(self) -> None:
        waiting = self._session.retained_messages
        while not waiting.empty() and len(self._session.inflight_out) < self._limits.unacknowledged:
            message = waiting.get_nowait()
            if self._engine.may_receive(self.principal, message.topic):
                self.deliver(message.topic, bytes(message.data), QOS_1, message.retain)

    async def stop(self) -> None:
        """End the connection from the server's side and wait until it is gone."""
        self.hang_up(SERVER_INITIATED)
        await self.finished.wait()
