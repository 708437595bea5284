"""One client on the wire, from its first packet to its end."""

import asyncio
from collections import deque
from collections.abc import Coroutine
from typing import Any, Protocol

from muster.twin import packets
from muster.twin.link import Link
from muster.twin.log import log
from muster.twin.packets import Frame
from muster.twin.principal import Principal
from muster.twin.sessions import Message, Session
from muster.twin.settings import Limits

# Disconnect reasons, as AWS logs them (AWS IoT Developer Guide, "Lifecycle events").
CLIENT_INITIATED = "CLIENT_INITIATED_DISCONNECT"
CLIENT_ERROR = "CLIENT_ERROR"
CONNECTION_LOST = "CONNECTION_LOST"
DUPLICATE_CLIENT_ID = "DUPLICATE_CLIENTID"
FORBIDDEN = "FORBIDDEN_ACCESS"
AUTH_ERROR = "AUTH_ERROR"
KEEP_ALIVE = "MQTT_KEEP_ALIVE_TIMEOUT"
SERVER_ERROR = "SERVER_ERROR"
SERVER_INITIATED = "SERVER_INITIATED_DISCONNECT"

_log = log()


class Broker(Protocol):
    """What a connection needs of the broker."""

    def look(self) -> None:
        """Packets have come: see what has changed in the registry."""

    def take(self, connection: "Connection", frame: Frame) -> Coroutine[Any, Any, None] | None:
        """Act on one packet; what is returned must be awaited before the next one is taken.

        Raises MalformedError.
        """

    def ended(self, connection: "Connection") -> None:
        """The connection has ended; its `reason` says how."""


class Connection:
    """A client. `principal` and `session` are there as soon as it was admitted."""

    principal: Principal
    session: Session

    def __init__(self, broker: Broker, link: Link, limits: Limits) -> None:
        self.reason: str | None = None  # why it has ended
        self.since_s = 0.0  # Unix seconds when it was admitted
        self.will: packets.Will | None = None
        self.is_admitted = False
        self.is_ignored = False  # its CONNECT was taken, but not answered
        self.is_proved = False  # the client has shown that it got the CONNACK
        self._broker = broker
        self._link = link
        self._limits = limits
        self._frames = packets.Frames(limits.payload_bytes)
        self._running: asyncio.Task[None] | None = None
        self._is_resumed = False
        self._again: deque[int] = deque()  # packet identifiers to be sent again
        self._silence_s = self._seen_s = 0.0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def client_id(self) -> str:
        """The MQTT client id; nothing before the CONNECT."""
        return self.principal.client_id if self.is_admitted else ""

    @property
    def peer_certificate(self) -> bytes | None:
        """The client's certificate in DER form."""
        return self._link.peer_certificate

    def admit(self, principal: Principal, session: Session, keep_alive_s: float) -> None:
        """From now on it is somebody."""
        self.principal, self.session, self.is_admitted = principal, session, True
        self._link.admitted()
        self._silence_s = keep_alive_s * self._limits.keep_alive_factor
        self._check_silence()

    # What the link calls

    def received(self, data: bytes) -> None:
        """Bytes came."""
        self._frames.feed(data)
        if self._running is None:
            self._work()

    def lost(self) -> None:
        """The connection is gone."""
        self.hang_up(CONNECTION_LOST)

    def ready(self) -> None:
        """The client has read: send it more."""
        if self._is_resumed and self.reason is None:
            self._send_waiting()

    def overran(self) -> None:
        """The client does not read."""
        self.hang_up(CLIENT_ERROR, "does not read")

    # What the broker calls

    def hang_up(self, reason: str, detail: str = "") -> None:
        """Close this connection; the first reason counts."""
        if self.reason is not None:
            return
        self.reason = reason
        if self.is_admitted:
            _log.info("%s: %s%s", self.client_id, reason, f" ({detail})" if detail else "")
        elif detail:
            _log.info("%s (%s)", reason, detail)
        if self._timer is not None:
            self._timer.cancel()
        if self._running is not None and self._running is not asyncio.current_task():
            self._running.cancel()
        self._link.hang_up()
        self._broker.ended(self)

    def send(self, packet: bytes) -> None:
        """Put a packet on the wire; never waits, so that a frozen client holds nobody up."""
        self._link.send(packet)

    def deliver(self, topic: str, payload: bytes, qos: int, retain: bool = False) -> None:
        """Send a message; QoS 1 is kept until it is acknowledged.

        It waits while too many are not, and while the client does not read.
        """
        if qos == packets.QOS_0:
            self.send(packets.to_publish(topic, payload, packets.QOS_0, retain))
            return
        message = Message(topic, payload, retain)
        if self._link.is_full or len(self.session.in_flight) >= self._limits.unacknowledged:
            if not self.session.wait(message, self._limits):
                _log.info("%s: too much waits for it, a message is dropped", self.client_id)
            return
        packet_id = self.session.next_id()
        self.session.in_flight[packet_id] = message
        self.send(packets.to_publish(topic, payload, packets.QOS_1, retain, packet_id))

    def acknowledged(self, packet_id: int) -> None:
        """A PUBACK came: forget that message and send one that waited."""
        self.session.in_flight.pop(packet_id, None)
        if self.session.waiting:
            self._send_waiting()

    def resume(self) -> None:
        """Send again what was not acknowledged, then what came while the client was away.

        The session may belong to another certificate by now, so iot:Receive is asked again.
        """
        if self._is_resumed:
            return
        self._is_resumed = True
        self._again.extend(self.session.in_flight)
        self._send_waiting()

    # Parts

    def _send_waiting(self) -> None:
        session, link = self.session, self._link
        while self._again and not link.is_full:
            self._send_again(self._again.popleft())
        while session.waiting and not link.is_full and len(session.in_flight) < self._limits.unacknowledged:
            message = session.next_waiting()
            if self.principal.may_receive(message.topic):
                self.deliver(message.topic, message.payload, packets.QOS_1, message.retain)

    def _send_again(self, packet_id: int) -> None:
        message = self.session.in_flight.get(packet_id)
        if message is None:
            return
        if self.principal.may_receive(message.topic):
            self.send(packets.to_publish(*message[:2], packets.QOS_1, message.retain, packet_id, True))
        else:
            del self.session.in_flight[packet_id]

    def _work(self) -> None:
        """Take packets one by one."""
        self._broker.look()
        self._seen_s = asyncio.get_running_loop().time()
        try:
            while self.reason is None and (frame := self._frames.take()) is not None:
                rest = self._broker.take(self, frame)
                if rest is not None:
                    self._wait_for(rest)
                    return
        except packets.MalformedError as error:
            self.hang_up(CLIENT_ERROR, str(error))
        except Exception:
            _log.exception("%s: a packet failed", self.client_id)
            self.hang_up(SERVER_ERROR)

    def _wait_for(self, rest: Coroutine[Any, Any, None]) -> None:
        """The next packet is taken when this is done."""
        self._running = asyncio.get_running_loop().create_task(rest)
        self._running.add_done_callback(self._continue)
        self._link.hold(True)

    def _continue(self, done: asyncio.Task[None]) -> None:
        self._running = None
        if not done.cancelled() and done.exception() is not None:
            _log.error("%s: a packet failed", self.client_id, exc_info=done.exception())
            self.hang_up(SERVER_ERROR)
        if self.reason is None:
            self._link.hold(False)
            self._work()

    def _check_silence(self) -> None:
        loop = asyncio.get_running_loop()
        if not self._seen_s:
            self._seen_s = loop.time()
        silent_s = loop.time() - self._seen_s
        if silent_s >= self._silence_s:
            self.hang_up(KEEP_ALIVE)
        else:
            self._timer = loop.call_later(self._silence_s - silent_s, self._check_silence)
