"""The broker: MQTT 3.1.1 as AWS IoT Core speaks it, one object for each client.

A packet comes from `link` (TLS) through `connection` to here, and goes to `admission`, `publishing`,
`subscribing` or `operations`; they see sessions, subscriptions and other clients through `router`.
"""

import asyncio
import json
import secrets
import ssl
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

from device.core import fields, topics
from muster.registry import Registry
from muster.twin import connection as ends
from muster.twin import faults, keeping, packets, pki
from muster.twin.admission import Admission
from muster.twin.connection import Connection
from muster.twin.exchange import Exchange
from muster.twin.link import Client, Link, Outbox
from muster.twin.listener import Listener, raise_file_limit
from muster.twin.log import log
from muster.twin.operations import Operations
from muster.twin.packets import Connect, Frame
from muster.twin.principal import Principal, Principals
from muster.twin.provisioning import Provisioning
from muster.twin.publishing import Publishing
from muster.twin.router import Observer, Router
from muster.twin.sessions import Sessions
from muster.twin.settings import Settings
from muster.twin.shadow_requests import ShadowRequests
from muster.twin.subscribing import Subscribing
from muster.twin.table_requests import TableRequests
from muster.twin.traffic import Traffic

_log = log()


class Engine:
    """The MQTT side of a twin."""

    def __init__(
        self,
        settings: Settings,
        registry: Registry,
        context: ssl.SSLContext,
        provisioning: Provisioning,
        observer: Observer,
        proved: Callable[[str], None],
        settle: Callable[[], None],
        store: Path | None = None,
    ) -> None:
        """`observer` is told of every message, `proved` of every certificate that let a client in.

        `settle` stores what they were told; it is called before that is acknowledged.
        `store` is the file that keeps sessions and retained messages over a restart.
        """
        self.settings = settings
        self._registry = registry
        self._context = context
        self._proved = proved
        self._store = store
        self._listener: Listener | None = None
        self._outbox = Outbox(settle)
        self._has_looked = False
        self._is_outbox_read = False
        self._links: set[Link] = set()
        self._admission = Admission(settings)
        self._principals = Principals(registry, settings)
        self.faults = faults.Faults(registry)
        self._router = Router(Sessions(settings.limits, settings.clock), settings.limits)
        self._operations = Operations(provisioning, self._router, settings)
        self._subscribing = Subscribing(settings, self._router, self.faults)
        self._shadows = ShadowRequests(registry, self._router, settings)
        self._tables = TableRequests(registry, self._router, settings)
        self._publishing = Publishing(
            settings, self._router, self.faults, self._operations, self._shadows, self._tables, observer
        )

    @property
    def port(self) -> int:
        """The port that the listener got."""
        assert self._listener is not None
        return self._listener.port

    def send(self, topic: str, payload: bytes, qos: int = packets.QOS_1, retain: bool = False) -> None:
        """Deliver a message of the operator's, who needs no policy, to those who subscribed; in the loop."""
        self._router.publish(topic, payload, qos)
        if retain:
            self._router.retain(topic, payload, qos)

    def command(self, thing: str, name: str) -> None:
        """Send a board the command `name`; it ignores one that is not of this moment."""
        payload = json.dumps({fields.TIME: int(self.settings.clock())}).encode()
        self.send(topics.command(self.settings.topic_prefix, thing, name), payload)

    @property
    def connections(self) -> list[Connection]:
        """The clients that are connected now."""
        return list(self._router.connections.values())

    def connection(self, client_id: str) -> Connection | None:
        """The connection of this client, if it is connected now."""
        return self._router.connections.get(client_id)

    def watch(self, traffic: Traffic | None) -> None:
        """Tell `traffic` of every message from now on; None: nobody."""
        self._router.traffic = traffic

    async def start(self) -> None:
        """Accept connections. Raises OSError when the port is taken."""
        raise_file_limit()
        self._listener = Listener(self.settings.bind_address, self.settings.mqtt_port, self._new_link)
        if self._store is not None:
            keeping.load(self._store, self._router)

    async def shutdown(self) -> None:
        """Close every connection and stop; bounded whatever the peers do."""
        if self._listener is not None:
            self._listener.close()
        for connection in self.connections:
            connection.hang_up(ends.SERVER_INITIATED)
        for link in list(self._links):
            link.abort()
        await self._shadows.stop()
        await self._tables.stop()
        if self._store is not None:
            keeping.save(self._store, self._router)

    def drop_inactive(self) -> None:
        """Hang up on every client whose certificate is no longer good; forget sessions that ended."""
        self.look()
        if self._principals.has_changes:
            has_changed = self._principals.changed()
            for connection in self.connections:
                if not has_changed(connection.principal.certificate_id):
                    continue
                if connection.principal.is_active:
                    self._principals.watch(connection.principal)
                else:
                    connection.hang_up(ends.SERVER_INITIATED, connection.principal.why_not())
        self._router.sessions.delete_expired()
        if not self._is_outbox_read:
            for topic, payload in self._registry.outbox.take():  # what commands left for boards
                self.send(topic, payload)
            self._is_outbox_read = True

    def connected(self, link: Link) -> Client:
        """A TLS handshake is done: who takes its packets."""
        return Connection(self, link, self.settings.limits)

    def principal(self, certificate_id: str, client_id: str) -> Principal:
        """The owner of a certificate under a client id, or the name of its thing."""
        self.look()
        return self._principals.principal(certificate_id, client_id)

    # What connections call

    def look(self) -> None:
        """See whether others have written to the registry: once in a turn of the loop, which is enough.

        What comes in this turn was sent before the turn began, so it was sent before what is seen next time.
        """
        if self._has_looked:
            return
        self._has_looked = True
        asyncio.get_running_loop().call_soon(self._turn_ended)
        if self._principals.look():
            self.faults.forget()
            self._is_outbox_read = False

    def take(self, connection: Connection, frame: Frame) -> Coroutine[Any, Any, None] | None:
        """Act on one packet of a client; what is returned is to be awaited. Raises MalformedError."""
        kind, flags, body = frame
        if not connection.is_admitted:
            return self._connect(connection, frame)
        if not connection.is_proved:
            connection.is_proved = True
            if connection.principal.is_unproved:
                self._proved(connection.principal.certificate_id)
        if kind == packets.PUBLISH:
            return self._publishing.take(connection, packets.publish(flags, body))
        if kind == packets.PUBACK:
            connection.acknowledged(packets.puback(body))
        elif kind == packets.SUBSCRIBE:
            return self._subscribing.take(connection, packets.subscribe(body))
        elif kind == packets.UNSUBSCRIBE:
            self._subscribing.take_back(connection, packets.unsubscribe(body))
        elif kind == packets.CONNECT:
            connection.hang_up(ends.CLIENT_ERROR, "a second CONNECT")
        else:
            packets.check_empty(body)
            if kind == packets.PINGREQ:
                connection.send(packets.PONG)
            else:
                connection.hang_up(ends.CLIENT_INITIATED)
        return None

    def ended(self, connection: Connection) -> None:
        """A connection has ended."""
        if not connection.is_admitted:
            return
        self._operations.give_up(connection)
        if self._router.connections.get(connection.client_id) is connection:
            del self._router.connections[connection.client_id]
        self._router.sessions.close(connection.session)  # first: its own will may wait for it
        if connection.will is not None and connection.reason != ends.CLIENT_INITIATED:
            self._publishing.publish_will(connection, connection.will)

    def _turn_ended(self) -> None:
        self._has_looked = False

    # A new client

    def _new_link(self) -> Link:
        return Link(
            self._context,
            self.settings.limits.connect_wait_s,
            self._outbox,
            self.connected,
            self._links,
        )

    def _connect(self, connection: Connection, frame: Frame) -> Coroutine[Any, Any, None] | None:
        """Judge a CONNECT, the first packet of a client."""
        if connection.is_ignored:
            return None
        if frame.kind != packets.CONNECT:
            connection.hang_up(ends.CLIENT_ERROR)
            return None
        try:
            connect = packets.connect(frame.body)
        except packets.UnsupportedVersionError:
            connection.send(packets.UNSUPPORTED_VERSION)
            raise
        certificate = connection.peer_certificate
        assert certificate is not None, "TLS demands one"
        client_id = connect.client_id or secrets.token_hex(8)
        principal = self._principals.principal(pki.certificate_id(certificate), client_id)
        refusal, code = self._admission.judge(connect, principal)
        if refusal is not None:
            _log.info("%s: %s (%s)", client_id, ends.AUTH_ERROR, refusal)
            self._refuse(connection, code)
            return None
        connection.is_ignored = True  # until it is admitted
        exchange = Exchange(
            connection,
            act=lambda: self._open(connection, connect, principal),
            refuse=lambda plan: self._refuse(
                connection, None if plan.is_throttled else plan.number(faults.REJECT)
            ),
            answer=partial(self._accept, connection),
        )
        return exchange.start(self.faults.take(faults.CONNECT, client_id))

    def _refuse(self, connection: Connection, code: int | None) -> None:
        if code is not None:
            connection.send(packets.to_connack(False, code))
        connection.hang_up(ends.AUTH_ERROR)

    def _open(self, connection: Connection, connect: Connect, principal: Principal) -> bytes | None:
        """Give the connection its session; the CONNACK."""
        client_id, limits = principal.client_id, self.settings.limits
        if not principal.is_active:  # any more: a fault may have delayed the CONNECT
            _log.info("%s: %s (%s)", client_id, ends.AUTH_ERROR, principal.why_not())
            self._refuse(connection, self.settings.refuse_return_code)
            return None
        old = self._router.connections.get(client_id)
        if old is not None:
            old.hang_up(ends.DUPLICATE_CLIENT_ID)
        session, is_kept = self._router.sessions.open(client_id, connect.is_clean)
        self._router.connections[client_id] = connection
        asked_s = connect.keep_alive_s or limits.keep_alive_max_s
        keep_alive_s = min(max(asked_s, limits.keep_alive_min_s), limits.keep_alive_max_s)
        connection.will = connect.will
        connection.since_s = self.settings.clock()
        connection.admit(principal, session, keep_alive_s)
        self._principals.watch(principal)
        _log.info("%s: connected, certificate %s", client_id, principal.certificate_id[:12])
        return packets.to_connack(is_kept, packets.ACCEPTED)

    def _accept(self, connection: Connection, connack: bytes, times: int) -> None:
        for _ in range(times):
            connection.send(connack)
        connection.resume()
