"""Device shadows: what the cloud desires of the board, and what the board reports (docs/services.md).

Small until something uses it: the application, names in config.json, or a report that a power cut has left.
"""

import asyncio

from device.core import paths
from device.runtime.service import Service


class Shadow(Service):
    """Keeps the shadows in step; runtime.shadows does the work."""

    NEEDS = ("mqtt",)
    IN_CLOUD = True

    def __init__(self, name, state):
        super().__init__(name, state)
        self._shadows = None
        self._used = asyncio.Event()

    def open(self, name=None):
        """The shadow of this name, the classic one without. Raises ValueError, Failure."""
        shadows = self._all()
        self._used.set()
        return shadows.open(name)

    def _all(self):
        if self._shadows is None:
            from device.runtime.shadows import Shadows

            self._shadows = Shadows(self)
        return self._shadows

    def open_for(self, muster, name):
        """The same for an application, whose errors do not reach this service."""
        shadow = self.open(name)
        from device.runtime.shadows import OfApplication

        return OfApplication(shadow, muster)

    async def run(self):
        self.ready.set()
        self._open_left()
        await self._used.wait()
        await self._shadows.run()

    def _open_left(self):
        """Open what config.json names, and what still has to be reported."""
        from device.core import board_config
        from device.runtime.modules import unload_readers

        store = self.state.ports.store
        names = board_config.shadows(store.read(paths.CONFIG))
        unload_readers()
        for name in names:
            self.open(name)
        if store.exists(paths.SHADOW) and self._all().open_unsent():
            self._used.set()


SERVICE = Shadow
