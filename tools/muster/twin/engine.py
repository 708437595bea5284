"""The broker: amqtt 0.12.1 with every defect repaired that keeps it from behaving as AWS IoT Core does.

What stays amqtt's: packet classes, listener, session objects with their states and expiry, the table of
subscriptions, the store of retained messages. Private parts that are overridden, and why (the version is
pinned for this; see also `connection` and `frames`):
- _create_server_instance: mutual TLS is demanded (amqtt: CERT_OPTIONAL) and the port may be free;
- _client_connected: a client is judged BEFORE any session is touched; a session gets the new connection's
  identity, never keeps the old one's; a take-over closes the old connection; retained messages go only to
  clients that ask; CONNECT must come in time; refusals close without CONNACK;
- _broadcast_message: the publisher's QoS counts, iot:Receive is asked per delivery, a frozen client holds
  nobody up; wills are checked like any publish;
- _matches: `a/#` does not cover `a`;
- publishing to `$` topics is routed to the operations (amqtt ends the session).
"""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from amqtt.adapters import ReaderAdapter, WriterAdapter
from amqtt.broker import Broker
from amqtt.contexts import BrokerConfig, ListenerConfig, ListenerType
from amqtt.mqtt import MQTTPacket
from amqtt.mqtt.connack import (
    CONNECTION_ACCEPTED,
    ConnackPacket,
)
from amqtt.mqtt.connect import ConnectPacket
from amqtt.mqtt.constants import QOS_1
from amqtt.mqtt.pingreq import PingReqPacket
from amqtt.mqtt.pingresp import PingRespPacket
from amqtt.mqtt.puback import PubackPacket
from amqtt.mqtt.publish import PublishPacket
from amqtt.mqtt.subscribe import SubscribePacket
from amqtt.mqtt.unsubscribe import UnsubscribePacket
from amqtt.session import ApplicationMessage, Session

from muster.registry import Registry
from muster.twin import connection as ends
from muster.twin import faults, filters, frames, pki, policy, tls
from muster.twin.admission import Admission
from muster.twin.connection import Connection, Writer
from muster.twin.log import log
from muster.twin.operations import Operations
from muster.twin.principal import Principal
from muster.twin.provisioning import Provisioning
from muster.twin.publishing import Publishing
from muster.twin.settings import Settings
from muster.twin.subscribing import Subscribing

_LISTENER = "default"
_log = log()
logging.getLogger("amqtt").setLevel(logging.CRITICAL)  # it prints tracebacks of what we report in a sentence
logging.getLogger("transitions").setLevel(logging.ERROR)


class Message(NamedTuple):
    """What a client published to an ordinary topic; `received_s` is Unix seconds."""

    topic: str
    payload: bytes
    qos: int
    client_id: str
    certificate_id: str
    received_s: float


class _Listener:
    """An asyncio server whose end does not wait for clients (since Python 3.12 wait_closed does)."""

    def __init__(self, server: asyncio.Server) -> None:
        self._server = server
        self.sockets = server.sockets

    def close(self) -> None:
        """Accept nobody any more."""
        self._server.close()

    async def wait_closed(self) -> None:
        """Returns at once: the engine hangs up on its clients itself."""


class Engine(Broker):
    """The MQTT side of a twin."""

    def __init__(
        self,
        settings: Settings,
        registry: Registry,
        context: ssl.SSLContext,
        provisioning: Provisioning,
        observer: Callable[[Message], None],
        proved: Callable[[str], None],
    ) -> None:
        """`observer` is told of every message, `proved` of every certificate that let a client in."""
        listener = ListenerConfig(bind=f"{settings.bind_address}:{settings.mqtt_port}", max_connections=-1)
        config = BrokerConfig(
            listeners={_LISTENER: listener},
            plugins={},
            session_expiry_interval=settings.limits.session_expiry_s,
        )
        super().__init__(config)
        self.settings = settings
        self.observer = observer
        self.proved = proved
        self.faults = faults.Faults(registry)
        self.operations = Operations(provisioning, self.deliver_to)
        self._registry = registry
        self._context = context
        self._publishing = Publishing(self)
        self._subscribing = Subscribing(self)
        self._links: set[Writer] = set()
        self._connections: dict[str, Connection] = {}
        self._admission = Admission(settings)

    @property
    def port(self) -> int:
        """The port that the listener got."""
        return int(self._servers[_LISTENER].instance.sockets[0].getsockname()[1])

    @property
    def connections(self) -> list[Connection]:
        """The clients that are connected now."""
        return list(self._connections.values())

    async def shutdown(self) -> None:
        """Close every connection and stop; bounded whatever the peers do."""
        await self.operations.stop()
        for server in self._servers.values():
            server.instance.close()
        for connection in self.connections:
            connection.hang_up(ends.SERVER_INITIATED)
        for link in list(self._links):
            link.abort()
        await super().shutdown()

    async def _create_server_instance(
        self,
        listener_name: str,
        listener_type: ListenerType,
        address: str | None,
        port: int,
        ssl_context: ssl.SSLContext | None,
    ) -> "_Listener":
        accept = partial(self.stream_connected, listener_name=listener_name)
        server = await asyncio.start_server(
            accept,
            address,
            port,
            ssl=self._context,
            ssl_handshake_timeout=self.settings.limits.connect_wait_s,
            backlog=1024,
        )
        return _Listener(server)

    async def stream_connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listener_name: str
    ) -> None:
        """amqtt's entry for a TCP client whose TLS handshake is done."""
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link = Writer(writer)
        self._links.add(link)
        try:
            await self._client_connected(listener_name, reader, link)
        finally:
            link.hang_up()
            self._links.discard(link)

    async def _client_connected(
        self, listener_name: str, reader: ReaderAdapter, writer: WriterAdapter
    ) -> None:
        assert isinstance(reader, asyncio.StreamReader) and isinstance(writer, Writer)
        try:
            connect = await asyncio.wait_for(
                frames.read(reader, self.settings.limits.payload_bytes), self.settings.limits.connect_wait_s
            )
        except frames.UnsupportedVersionError as error:
            _log.info("no good CONNECT (%s)", error)
            writer.write(frames.UNSUPPORTED_VERSION)
            return
        except (asyncio.TimeoutError, frames.MalformedError) as error:
            _log.info("no good CONNECT (%s)", error or "too late")
            return
        if not isinstance(connect, ConnectPacket):
            return
        connection = await self._admit(connect, reader, writer)
        if connection is not None:
            try:
                await connection.serve()
            finally:
                await self._ended(connection)

    async def _admit(
        self, connect: ConnectPacket, reader: asyncio.StreamReader, writer: Writer
    ) -> Connection | None:
        """Judge a CONNECT; the connection with its session, or None after a refusal."""
        client_id = connect.client_id or ""
        der = tls.peer_certificate(writer.get_ssl_info())
        if der is None:
            return None
        principal = Principal(self._registry, self.settings, pki.certificate_id(der), client_id)
        refusal, return_code = self._admission.judge(connect, principal)
        if refusal:
            _log.info("%s: %s (%s)", client_id, ends.AUTH_ERROR, refusal)
            if return_code is not None:
                writer.write(ConnackPacket.build(0, return_code).to_bytes())
            return None
        plan = self.faults.take(faults.CONNECT, client_id)
        await asyncio.sleep(plan.delay_s)
        if plan.is_throttled or faults.CLOSE_BEFORE in plan:
            return None
        if faults.REJECT in plan:
            writer.write(ConnackPacket.build(0, plan.number(faults.REJECT)).to_bytes())
            return None
        if faults.IGNORE in plan:
            await reader.read()  # until the client gives up
            return None
        return await self._open(connect, principal, plan, reader, writer)

    async def _open(
        self,
        connect: ConnectPacket,
        principal: Principal,
        plan: faults.Plan,
        reader: asyncio.StreamReader,
        writer: Writer,
    ) -> Connection:
        client_id = principal.client_id
        while client_id in self._connections:
            old = self._connections[client_id]
            old.hang_up(ends.DUPLICATE_CLIENT_ID)
            await old.finished.wait()
        kept = None if connect.clean_session_flag else self._sessions.get(client_id)
        if kept is None:
            await self._delete_session(client_id)
        session = kept[0] if kept else Session()
        self._describe(session, connect, writer)
        connection = Connection(self, session, principal, reader, writer, self.settings.limits)
        self._sessions[client_id] = (session, connection)
        self._connections[client_id] = connection
        session.transitions.connect()
        if faults.CLOSE_AFTER in plan:
            connection.hang_up(ends.SERVER_INITIATED, "fault close-after")
        elif faults.LOSE_ANSWER not in plan:
            for _ in range(2 if faults.TWICE in plan else 1):
                connection.send(ConnackPacket.build(1 if kept else 0, CONNECTION_ACCEPTED))
        _log.info("%s: connected, certificate %s", client_id, principal.certificate_id[:12])
        connection.resume()
        if faults.CLOSE_ANSWERED in plan:
            connection.hang_up(ends.SERVER_INITIATED, "fault close-answered")
        return connection

    def _describe(self, session: Session, connect: ConnectPacket, writer: Writer) -> None:
        """Everything that belongs to this connection, not to the session; nothing old may stay."""
        limits = self.settings.limits
        asked_s = connect.keep_alive or limits.keep_alive_max_s
        session.client_id = connect.client_id
        session.clean_session = connect.clean_session_flag
        session.keep_alive = min(max(asked_s, limits.keep_alive_min_s), limits.keep_alive_max_s)
        session.will_flag = connect.will_flag
        session.will_topic = connect.will_topic if connect.will_flag else None
        session.will_message = connect.payload.will_message if connect.will_flag and connect.payload else None
        session.will_qos = connect.will_qos
        session.will_retain = connect.will_retain_flag
        session.ssl_object = writer.get_ssl_info()
        session.remote_address, session.remote_port = writer.get_peer_info() or (None, None)

    async def _ended(self, connection: Connection) -> None:
        session = connection.session
        assert session is not None
        session.transitions.disconnect()
        if self._connections.get(connection.client_id) is connection:
            del self._connections[connection.client_id]
        if session.will_flag and connection.reason != ends.CLIENT_INITIATED:
            self._publishing.publish_will(connection, session)
        if session.clean_session:
            await self._delete_session(connection.client_id)
        connection.finished.set()

    async def take(self, connection: Connection, packet: MQTTPacket) -> None:
        """Act on one packet of a client."""
        if isinstance(packet, PublishPacket):
            await self._publishing.take(connection, packet)
        elif isinstance(packet, PubackPacket):
            connection.acknowledged(packet.packet_id)
        elif isinstance(packet, PingReqPacket):
            connection.send(PingRespPacket.build())
        elif isinstance(packet, SubscribePacket):
            await self._subscribing.take(connection, packet)
        elif isinstance(packet, UnsubscribePacket):
            self._subscribing.take_back(connection, packet)
        else:
            connection.hang_up(ends.CLIENT_ERROR, "a second CONNECT")

    def observe(self, connection: Connection, topic: str, data: bytes, qos: int) -> None:
        """Tell the observer of a message to an ordinary topic."""
        certificate_id, now_s = connection.principal.certificate_id, self.settings.clock()
        self.observer(Message(topic, data, qos, connection.client_id, certificate_id, now_s))

    def may_receive(self, principal: Principal, topic: str) -> bool:
        """iot:Receive, asked at every delivery."""
        return principal.allows(policy.RECEIVE, policy.topic(topic))

    def deliver_to(self, connection: Connection, topic: str, data: bytes) -> None:
        """Answer one connection directly, if it subscribed to the topic and may receive it."""
        granted = self._subscribing.granted(connection.client_id, topic)
        if granted is None:
            _log.info("%s: not subscribed to %s, answer dropped", connection.client_id, topic)
        elif connection.reason is None and self.may_receive(connection.principal, topic):
            connection.deliver(topic, data, granted)

    async def _broadcast_message(
        self,
        session: Session | None,
        topic: str | None,
        data: bytes | bytearray | None,
        force_qos: int | None = None,
    ) -> None:
        self.route(topic or "", bytes(data or b""), force_qos or 0)

    def route(self, topic: str, data: bytes, qos: int) -> None:
        """Deliver a message to every subscriber once, at the lower of both QoS."""
        for session, granted in self._subscribing.subscribers(topic):
            level = min(qos, granted)
            receiver = self._connections.get(session.client_id or "")
            if receiver is not None:
                if self.may_receive(receiver.principal, topic):
                    receiver.deliver(topic, data, level)
            elif level == QOS_1 and not session.clean_session:
                session.retained_messages.put_nowait(ApplicationMessage(None, topic, QOS_1, data, False))

    def _matches(self, topic: str, a_filter: str) -> bool:
        return filters.matches(topic, a_filter)

    def drop_inactive(self) -> None:
        """Hang up on every client whose certificate is no longer good."""
        for connection in self.connections:
            if not connection.principal.is_active:
                connection.hang_up(ends.SERVER_INITIATED, connection.principal.why_not())
