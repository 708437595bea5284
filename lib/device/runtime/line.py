"""The claim connection: requests of the provisioning API and their answers. Loaded while claiming."""

import asyncio

from device.core import paths, topics
from device.core.failures import AGAIN, Lost, Refused

_ANSWER_MS = 20000
_LOOK_MS = 1000


class Line:
    """The part of a session that claim.handshake needs."""

    def __init__(self, state):
        self._state = state
        self._answers = []
        self._answered = asyncio.Event()

    async def open(self, directory, client_id):
        """Connect with the credentials in `directory`, or use the board's own connection if that is open."""
        session = self._state.session
        if directory != paths.CERT or not session.has(directory):
            await session.open(directory, client_id)
        session.connection().on_message = self._message

    async def ask_for(self, filters):
        """Subscribe on this connection, and only on it."""
        try:
            await self._state.session.connection().subscribe(filters)
        except Refused as failure:
            raise self._advised(failure, "closed_at_subscribe", filters)

    async def ask(self, topic, payload):
        """Publish a request; return its first answer as [topic, payload], a list that the caller empties.

        `ask_for` has subscribed to the answer topics. Other messages are ignored.
        """
        ports, connection = self._state.ports, self._state.session.connection()
        self._answers = []
        self._answered.clear()
        try:
            await connection.publish(topic, payload.encode(), 0)
            end_ms = ports.clock.ms() + ports.board.interval("request_ms", _ANSWER_MS)
            while not self._has_answer(topic):
                if connection.lost:
                    raise connection.lost
                left_ms = end_ms - ports.clock.ms()
                if left_ms <= 0:
                    raise Lost(AGAIN, "no answer to %s" % topic)
                await ports.clock.wait(self._answered.wait(), min(_LOOK_MS, left_ms))
                self._answered.clear()
        except Refused as failure:
            raise self._advised(failure, "closed_at_publish", topic)
        answer, self._answers = self._answers, []
        return answer

    def _has_answer(self, topic):
        """Store the answer to the request on `topic` in `_answers`; ignore other messages."""
        expected = (topics.accepted(topic), topics.rejected(topic))
        while self._answers and self._answers[0] not in expected:
            del self._answers[:2]
        del self._answers[2:]
        return bool(self._answers)

    def _message(self, topic, payload):
        self._answers += (topic, payload)
        self._answered.set()

    def _advised(self, failure, what, subject):
        return self._state.session.advised(failure, "in_handshake", what, subject)
