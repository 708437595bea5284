"""The subscriptions of services, kept across connections. Loaded when a service first subscribes.

AWS closes the connection on a filter that the policy forbids, without a reason. So filters are requested for
one service at a time, suspects last, and the service that was waiting when this happened twice is refused:
it fails, and the others continue without it.
"""

import asyncio

from device.core import topics
from device.core.failures import AGAIN, GIVE_UP, Failure, Refused
from device.core.log import WARN
from device.runtime.session import REFUSALS

_FILTERS_AT_ONCE = 8  # AWS IoT: subscriptions per SUBSCRIBE


class _Wish:
    """The filters of one service."""

    def __init__(self, owner, filters, on_message, on_renewed, on_large):
        self.owner = owner
        self.filters = filters
        self.on_message = on_message
        self.on_renewed = on_renewed
        self.on_large = on_large
        self.refusals = 0
        self.settled = asyncio.Event()  # granted, or refused permanently
        self.failure = None


class Subscriptions:
    """The subscriptions of all services of one board; see `Session.subscribe`."""

    def __init__(self, state):
        self._state = state
        self._wishes = []

    async def add(self, owner, filters, on_message, on_renewed, on_large, connection):
        """Subscribe for a service on `connection` (None while offline) and on later ones."""
        for name in filters:
            fault = topics.filter_fault(name)
            if fault:
                raise Failure(GIVE_UP, "the filter %s %s" % (name, fault), "correct it", "subscribe")
        wish = _Wish(owner, filters, on_message, on_renewed, on_large)
        self._wishes.append(wish)
        if connection:
            try:
                await self._grant(wish, connection)
            except Failure:
                pass  # the connection is lost: the next one subscribes again
        await wish.settled.wait()
        if wish.failure:
            raise wish.failure

    def forget(self, owner):
        """Drop the subscriptions of the service `owner`; one that still waits fails."""
        for wish in self._wishes:
            if wish.owner == owner and not wish.settled.is_set():
                wish.failure = Failure(AGAIN, "the subscription was dropped")
                wish.settled.set()
        self._wishes = [wish for wish in self._wishes if wish.owner != owner]

    async def renew(self, connection):
        """Subscribe to everything on a new connection; raises the Failure that ended it."""
        asked = []
        while True:  # others may be added while we wait
            due = [wish for wish in self._wishes if wish not in asked]
            if not due:
                return
            wish = min(due, key=lambda wish: wish.refusals)
            asked.append(wish)
            await self._grant(wish, connection)

    async def _grant(self, wish, connection):
        """Subscribe for one service; raises the Failure that ended the connection for all."""
        connection.on_message = self.deliver
        connection.on_large = self._left_out
        try:
            for at in range(0, len(wish.filters), _FILTERS_AT_ONCE):
                await connection.subscribe(wish.filters[at : at + _FILTERS_AT_ONCE])
        except Failure as failure:
            wish.refusals += isinstance(failure, Refused)
            if not connection.lost or wish.refusals == REFUSALS:
                self._refuse(wish, failure)
            if connection.lost:
                raise
            return
        wish.refusals = 0
        wish.settled.set()
        if wish.on_renewed:
            self._tell(wish, wish.on_renewed)

    def _refuse(self, wish, failure):
        """Report the refusal to the owner alone."""
        if isinstance(failure, Refused) or failure.kind == GIVE_UP:
            failure = self._state.session.advised(failure, "at_subscribe", wish.filters)
        wish.failure = failure.during("subscribe")
        if wish not in self._wishes:
            return  # its owner has ended meanwhile
        self._wishes.remove(wish)
        if wish.settled.is_set():  # granted on an earlier connection: the owner is not waiting
            self._state.supervisor.fail(wish.owner, wish.failure)
        wish.settled.set()

    def deliver(self, topic, payload):
        """Pass a message to every matching service."""
        for wish in self._wishes:
            if any(topics.matches(name, topic) for name in wish.filters):
                self._tell(wish, wish.on_message, topic, payload)

    def _left_out(self, topic, size):
        """A message was too large for the board: the other services go on."""
        self._state.ports.board.say(
            "mqtt", "left out a message of %d bytes on %s: too large for a board" % (size, topic), WARN
        )
        for wish in self._wishes:
            if wish.on_large and any(topics.matches(name, topic) for name in wish.filters):
                self._tell(wish, wish.on_large, topic)

    def _tell(self, wish, function, *facts):
        """Call a service's function; a bug in it fails only that service."""
        self._state.busy = wish.owner  # no task of its own runs
        try:
            function(*facts)
        except Exception as error:
            self._state.supervisor.fail(wish.owner, error)
        self._state.busy = None
