"""A board is given up on the page: it is told, and cut off a little later.

A board that is cut off at once would not learn of it, and would knock with a revoked certificate for ever.
One that obeys the command puts its identity aside, and tells the builder. While the twin is off nobody is
told: what is left is done when it stops, and when it starts.
"""

import asyncio
from typing import TYPE_CHECKING

from device.core import fields
from muster.registry.failures import RegistryError
from muster.twin.log import log

if TYPE_CHECKING:
    from muster.twin.server import Twin

_log = log()


class Leaving:
    """Those who are released, until they are cut off."""

    def __init__(self, twin: "Twin") -> None:
        self._twin = twin
        self._tasks: set[asyncio.Task[None]] = set()

    async def release(self, claim_id: str, owner: str) -> bool:
        """Forget the owner, tell the board; False when it is not the owner's."""
        twin = self._twin
        known = await twin.registry.patiently(lambda: twin.claiming.give_up(claim_id, owner))
        if known is None:
            return False
        wait_s = twin.settings.release_wait_s if self._tell(known.thing) else 0.0
        task = asyncio.create_task(self._cut_off(claim_id, wait_s))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    def _tell(self, thing: str | None) -> bool:
        """Send the command; whether the board is there."""
        engine = self._twin.engine
        if thing is None or engine.connection(thing) is None:
            return False
        engine.command(thing, fields.RELEASE)
        return True

    async def _cut_off(self, claim_id: str | None, wait_s: float) -> None:
        await asyncio.sleep(wait_s)
        twin = self._twin
        try:
            await twin.registry.patiently(lambda: twin.claiming.cut_off(claim_id))
        except RegistryError as error:
            _log.warning("a released board is not cut off yet: %s", error)

    async def stop(self) -> None:
        """Nobody can be told any more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._cut_off(None, 0)
