"""Carries out the actions of claim.provision with real connections and files."""

from device.claim import provision
from device.core.failures import Failure


class Handshake:
    """Performs the actions for one board; see the table in claim.provision.

    `steps` makes the generator of an attempt (`Provisioning.steps`), `store` is the port, `line` the
    claim connection (runtime.line), `make_key(name)` gives [private key PEM, signing request PEM].
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
        """Continue from the journal until the identity is committed; raises the Failure that ended it."""
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
