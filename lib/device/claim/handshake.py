"""The provisioning handshake: carries out, with real connections and files, what claim.provision asks for."""

import asyncio

from device.claim import provision
from device.core import topics
from device.core.failures import AGAIN, Failure, Lost, Refused

_ANSWER_MS = 20000
_LOOK_MS = 1000


class Line:
    """The claim connection: questions of the provisioning API, and their answers."""

    def __init__(self, state):
        self._state = state
        self._answers = []
        self._answered = asyncio.Event()

    async def open(self, directory, client_id):
        """Connect with the credentials in `directory`; see runtime.session."""
        await self._state.session.open(directory, client_id)
        self._state.session.connection().on_message = self._message

    async def ask_for(self, filters):
        """Subscribe on this connection, and only on it."""
        try:
            await self._state.session.connection().subscribe(filters)
        except Refused as failure:
            raise self._advised(failure, "closed_at_subscribe", filters)

    async def ask(self, topic, payload):
        """Publish a request; its first answer as [topic, payload], a list for the receiver to empty.

        The answers' topics were subscribed to by `ask_for`. Other messages are not for us.
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
                    raise Lost(AGAIN, "no answer on %s/..." % topic)
                await ports.clock.wait(self._answered.wait(), min(_LOOK_MS, left_ms))
                self._answered.clear()
        except Refused as failure:
            raise self._advised(failure, "closed_at_publish", topic)
        answer, self._answers = self._answers, []
        return answer

    def _has_answer(self, topic):
        """Keep the answer to a request on `topic` in `_answers`, and nothing else."""
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


class Handshake:
    """Does the actions of one board; see the table in claim.provision.

    `steps` makes the generator of an attempt (`Provisioning.steps`), `store` is the port, `line` the
    claim connection, `make_key(name)` gives [private key PEM, signing request PEM].
    """

    def __init__(self, steps, store, line, make_key, say):
        self._steps = steps
        self._say = say
        self._at_once = {
            provision.ROOM: store.has_room,
            provision.READ: store.read,
            provision.WRITE: store.write,
            provision.COPY: store.copy,
            provision.DIGESTS: store.digests,
            provision.APPLY: store.apply,
            provision.MAKE_KEY: make_key,
        }
        self._wait_for = {
            provision.CONNECT: line.open,
            provision.SUBSCRIBE: line.ask_for,
            provision.ASK: line.ask,
        }

    async def attempt(self):
        """Go on from the journal until the identity is committed; raises the Failure that ended it."""
        steps = self._steps()
        try:
            action = next(steps)
            while True:
                try:
                    result = await self._do(action)
                except Failure as failure:
                    action = steps.throw(failure.during(provision.step(action)))
                else:
                    action = steps.send(result)
        except StopIteration:
            return

    async def _do(self, action):
        text = provision.describe(action)
        if text:
            self._say(text)
        at_once = self._at_once.get(action[0])
        if at_once:
            return at_once(*action[1:])
        return await self._wait_for[action[0]](*action[1:])
