"""Being on a network: the only place that joins one.

The service `network` keeps the board there; whoever needs the network asks for it.

Nothing here retries: what fails raises, and the supervisor starts the service that asked again.
"""

import asyncio

from device.core.failures import Failure
from device.runtime.modules import unload_passing, unload_readers


class Networking:
    """The network of one board."""

    def __init__(self, state):
        self._state = state
        self._joining = asyncio.Lock()
        self._networks = None  # from wifi.json, while joining
        self._tries = 0
        self.joins = 0  # a connection lives no longer than the join it was opened on
        self.failure = None  # why the last join failed; None after one that succeeded

    def begin(self):
        """Start joining a known network without waiting; raises Failure."""
        ports = self._state.ports
        if not ports.network.connected():
            from device.runtime.identity import known_networks

            try:
                networks = known_networks(ports.store)
                ports.board.say("network", "joining")
                ports.network.begin(*networks)
            except Failure as failure:
                self.failure = failure
                raise
            self._networks = networks

    async def join(self):
        """Make sure of a network; raises Failure. Who waited while another failed to join fails with it."""
        tries = self._tries
        async with self._joining:
            if self._tries != tries and self.failure:
                raise self.failure
            ports = self._state.ports
            if not ports.network.connected() and self._networks is None:
                self._tries += 1
                self.begin()
            networks, self._networks = self._networks, None
            if networks:
                unload_readers()  # while the radio is busy
                self._tries += 1
                try:
                    await ports.network.join(*networks)
                except Failure as failure:
                    self.failure = failure
                    raise
                self.joins += 1
                ports.board.say("network", "joined")
            had_failed, self.failure = self.failure, None
            unload_passing()
            if had_failed and self._state.supervisor:
                self._state.supervisor.hurry()  # others may have failed for lack of a network
