"""Whose turn it is to have a TLS session: a board has memory for a few of them, a Pico W for one.

The session for MQTT keeps its turn for as long as it is connected. Whoever else wants one waits, and asks the
holders meanwhile whether they lend theirs.
"""

import asyncio

from device.core.failures import AGAIN, Failure

_ASK_MS = 1000


class Turns:
    """The turns of one board. An owner is any object, most often the name of a service."""

    def __init__(self, state):
        self._state = state
        self._holders = []  # [owner, lend], at most build.TLS_SESSIONS
        self._waiting = []  # [owner, lend, event], first come first served

    def held(self, owner):
        """Whether `owner` has a turn."""
        return any(holder[0] is owner for holder in self._holders)

    def are_taken(self):
        """Whether anybody has a turn."""
        return bool(self._holders)

    async def take(self, owner, limit_ms, lend=None):
        """Wait for a turn, at most `limit_ms`; return at once for an owner who has one.

        `lend()`: called when somebody else waits; returns "" when the owner will soon `give` its turn, else
        why not. Raises Failure (AGAIN) that says who has the turns and why they are not lent.
        """
        if self.held(owner):
            return
        if not self._waiting and len(self._holders) < self._state.ports.build.TLS_SESSIONS:
            self._holders.append([owner, lend])
            return
        entry = [owner, lend, asyncio.Event()]
        self._waiting.append(entry)
        taken = False
        try:
            taken = await self._waited(entry[2], limit_ms)
        finally:
            if entry in self._waiting:
                self._waiting.remove(entry)
            elif not taken:  # cancelled at the moment when it got the turn
                self.give(owner)

    async def _waited(self, granted, limit_ms):
        clock = self._state.ports.clock
        end_ms = clock.ms() + limit_ms
        why = ""
        while not granted.is_set():
            left_ms = end_ms - clock.ms()
            if left_ms <= 0:
                raise Failure(AGAIN, "no turn for a TLS connection came in %d s" % (limit_ms // 1000), why)
            why = self._ask()
            await clock.wait(granted.wait(), min(_ASK_MS, left_ms))
        return True

    def _ask(self):
        """Ask the holders for their turns until one agrees; why nobody does, or "" ."""
        reasons = []
        for owner, lend in self._holders:
            why = lend() if lend else "is not finished"
            if not why:
                return ""
            reasons.append("%s %s" % (owner if isinstance(owner, str) else "another request", why))
        return ", ".join(reasons)

    def give(self, owner):
        """Give the turn of `owner` to whoever waits longest; nothing happens if it has none."""
        for holder in self._holders:
            if holder[0] is owner:
                self._holders.remove(holder)
                if self._waiting:
                    entry = self._waiting.pop(0)
                    self._holders.append(entry[:2])
                    entry[2].set()
                return
