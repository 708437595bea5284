"""From a message to those who get it; retained messages."""

from collections.abc import Callable
from typing import NamedTuple

from muster.twin.connection import Connection
from muster.twin.log import log
from muster.twin.packets import QOS_1
from muster.twin.sessions import Message, Session, Sessions
from muster.twin.settings import Limits
from muster.twin.traffic import Traffic

_log = log()


class Published(NamedTuple):
    """What a client published to an ordinary topic; `received_s` is Unix seconds."""

    topic: str
    payload: bytes
    qos: int
    client_id: str
    certificate_id: str
    received_s: float


class Retained(NamedTuple):
    """A retained message."""

    payload: bytes
    qos: int


class Router:
    """Delivers messages to the connections and sessions that want them and may receive them."""

    def __init__(self, sessions: Sessions, limits: Limits) -> None:
        self.sessions = sessions
        self.connections: dict[str, Connection] = {}  # by client id
        self.retained: dict[str, Retained] = {}
        self.traffic: Traffic | None = None  # is told of every message, if somebody may want to see it
        self._retained_bytes = 0
        self._limits = limits

    def note(self, topic: str, payload: bytes, client_id: str = "", to: str = "") -> None:
        """Whoever watches is told of a message that does not go to subscribers."""
        if self.traffic is not None:
            self.traffic.saw(topic, payload, client_id, to)

    def publish(self, topic: str, payload: bytes, qos: int, client_id: str = "") -> None:
        """Deliver a message to every subscriber once, at the lower of both QoS.

        `client_id` is who has sent it; nothing: the twin.
        """
        self.note(topic, payload, client_id)
        for session, granted in self.sessions.subscribers(topic):
            level = min(qos, granted)
            receiver = self.connections.get(session.client_id)
            if receiver is not None:
                if receiver.principal.may_receive(topic):
                    receiver.deliver(topic, payload, level)
            elif level == QOS_1 and not session.is_clean:
                self._keep_for(session, Message(topic, payload))

    def answer(self, connection: Connection, topic: str, payload: bytes) -> None:
        """Answer one connection directly, if it subscribed to the topic and may receive it."""
        if connection.reason is not None:
            return
        granted = connection.session.granted(topic)
        if granted is None:
            _log.info("%s: not subscribed to %s, answer dropped", connection.client_id, topic)
        elif connection.principal.may_receive(topic):
            self.note(topic, payload, to=connection.client_id)
            connection.deliver(topic, payload, granted)

    def retain(self, topic: str, payload: bytes, qos: int) -> None:
        """Keep a message for those who subscribe later; an empty payload deletes."""
        old = self.retained.pop(topic, None)
        if old is not None:
            self._retained_bytes -= len(topic) + len(old.payload)
        if not payload:
            return
        size = len(topic) + len(payload)
        is_full = len(self.retained) >= self._limits.retained_messages
        if is_full or self._retained_bytes + size > self._limits.retained_bytes:
            _log.warning("too many retained messages: the one on %s is not kept", topic)
            return
        self.retained[topic] = Retained(payload, qos)
        self._retained_bytes += size

    def send_retained(self, connection: Connection, name: str, qos: int) -> None:
        """AWS delivers a retained message to an exact filter only."""
        kept = self.retained.get(name)
        if kept is not None and connection.principal.may_receive(name):
            connection.deliver(name, kept.payload, min(qos, kept.qos), retain=True)

    def _keep_for(self, session: Session, message: Message) -> None:
        if not self.sessions.keep(session, message):
            _log.info("%s: too much waits for it, a message is dropped", session.client_id)


Observer = Callable[[Published], None]
