"""MQTT sessions: what a client subscribed to, what it has not acknowledged, what waits for it."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from muster.twin import filters
from muster.twin.settings import Limits

_LAST_PACKET_ID = 65_535
_LOOK_S = 10


class Message(NamedTuple):
    """A message on its way to one client."""

    topic: str
    payload: bytes
    retain: bool = False

    @property
    def size(self) -> int:
        """Bytes, about."""
        return len(self.topic) + len(self.payload)


class Session:
    """What is kept of one client id; with clean session only as long as the connection."""

    def __init__(self, client_id: str, is_clean: bool) -> None:
        self.client_id = client_id
        self.is_clean = is_clean
        self.ended_s: float | None = None  # when its connection ended (Unix seconds); None: it is connected
        self.filters: dict[str, int] = {}  # with the QoS that was granted
        self.in_flight: dict[int, Message] = {}  # by packet identifier
        self.waiting: deque[Message] = deque()
        self.waiting_bytes = 0
        self._last_id = 0

    def __hash__(self) -> int:
        return id(self)

    def next_id(self) -> int:
        """A packet identifier that is not in flight."""
        while True:
            self._last_id = self._last_id % _LAST_PACKET_ID + 1
            if self._last_id not in self.in_flight:
                return self._last_id

    def granted(self, topic: str) -> int | None:
        """The highest QoS at which it is subscribed to the topic, or None."""
        found = self.filters.get(topic)
        for name, qos in self.filters.items():
            if (found is None or qos > found) and filters.has_wildcard(name) and filters.matches(topic, name):
                found = qos
        return found

    def wait(self, message: Message, limits: Limits) -> bool:
        """Keep a message for later; False when too much waits already and it is dropped."""
        if len(self.waiting) >= limits.waiting_messages:
            return False
        if self.waiting_bytes + message.size > limits.waiting_bytes:
            return False
        self.put(message)
        return True

    def put(self, message: Message) -> None:
        """Keep a message for later."""
        self.waiting.append(message)
        self.waiting_bytes += message.size

    def next_waiting(self) -> Message:
        """The message that waited longest; it waits no longer."""
        message = self.waiting.popleft()
        self.waiting_bytes -= message.size
        return message


class Sessions:
    """The sessions by client id, and who wants a topic."""

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._clock = clock
        self._sessions: dict[str, Session] = {}
        self._next_look_s = 0.0
        self._absent: dict[Session, None] = {}  # a set in order: the longest away first
        self._absent_bytes = 0  # that wait for all of them
        self._exact: dict[str, dict[Session, int]] = {}
        self._wildcards: dict[str, dict[Session, int]] = {}

    def __iter__(self) -> Iterator[Session]:
        return iter(self._sessions.values())

    def __len__(self) -> int:
        return len(self._sessions)

    def open(self, client_id: str, is_clean: bool) -> tuple[Session, bool]:
        """The session of a new connection, and whether it was there before."""
        old = self._sessions.get(client_id)
        if old is not None:
            if not (is_clean or old.is_clean or self._has_expired(old)):
                self._returned(old)
                old.ended_s = None
                return old, True
            self.delete(old)
        session = Session(client_id, is_clean)
        self._sessions[client_id] = session
        return session, False

    def close(self, session: Session) -> None:
        """Its connection has ended."""
        if session.is_clean:
            self.delete(session)
        else:
            session.ended_s = self._clock()
            self._left(session)

    def keep(self, session: Session, message: Message) -> bool:
        """Keep a message for a client that is away; False when too much waits already and it is dropped."""
        if self._absent_bytes + message.size > self._limits.absent_bytes:
            return False
        if not session.wait(message, self._limits):
            return False
        self._absent_bytes += message.size
        return True

    def restore(self, session: Session) -> None:
        """Take back a session from before the twin was started."""
        self._sessions[session.client_id] = session
        for name, qos in session.filters.items():
            self._table(name).setdefault(name, {})[session] = qos
        self._left(session)

    def delete(self, session: Session) -> None:
        """Forget a session with its subscriptions."""
        self._returned(session)
        for name in list(session.filters):
            self.unsubscribe(session, name)
        if self._sessions.get(session.client_id) is session:
            del self._sessions[session.client_id]

    def delete_expired(self) -> None:
        """Forget the sessions whose client has been away for too long; looked for now and then."""
        if self._clock() < self._next_look_s:
            return
        self._next_look_s = self._clock() + _LOOK_S
        for session in [one for one in self if self._has_expired(one)]:
            self.delete(session)

    def subscribe(self, session: Session, name: str, qos: int) -> bool:
        """False when the client has too many filters already."""
        if name not in session.filters and len(session.filters) >= self._limits.filters_per_connection:
            return False
        session.filters[name] = qos
        self._table(name).setdefault(name, {})[session] = qos
        return True

    def unsubscribe(self, session: Session, name: str) -> None:
        """Forget one filter of a client, if it has it."""
        if session.filters.pop(name, None) is None:
            return
        table = self._table(name)
        del table[name][session]
        if not table[name]:
            del table[name]

    def subscribers(self, topic: str) -> Iterable[tuple[Session, int]]:
        """Every session that wants the topic, once, with the highest QoS it was granted."""
        exact = self._exact.get(topic, {})
        matching = [entries for name, entries in self._wildcards.items() if filters.matches(topic, name)]
        if not matching:
            return list(exact.items())
        found = dict(exact)
        for entries in matching:
            for session, qos in entries.items():
                found[session] = max(qos, found.get(session, 0))
        return found.items()

    def _left(self, session: Session) -> None:
        self._absent[session] = None
        self._absent_bytes += session.waiting_bytes
        while len(self._absent) > self._limits.absent_sessions:
            self.delete(next(iter(self._absent)))

    def _returned(self, session: Session) -> None:
        if session in self._absent:
            del self._absent[session]
            self._absent_bytes -= session.waiting_bytes

    def _table(self, name: str) -> dict[str, dict[Session, int]]:
        return self._wildcards if filters.has_wildcard(name) else self._exact

    def _has_expired(self, session: Session) -> bool:
        return session.ended_s is not None and self._clock() - session.ended_s > self._limits.session_expiry_s
