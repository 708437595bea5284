"""Being on a network: the only place that joins one.

The service `network` keeps the board there; whoever needs the network asks for it.

Nothing here retries: what fails raises, and the supervisor starts the service that asked again.
"""

import asyncio

from device.core import paths
from device.core.failures import AGAIN, Failure
from device.runtime.modules import unload_passing, unload_readers

NO_NETWORK = "no network is joined"
FAREWELL_MS = 1500  # in which the page gets its answer before the board leaves the network


class Networking:
    """The network of one board."""

    def __init__(self, state):
        self._state = state
        self.joining = asyncio.Lock()  # one at a time uses the radio
        self._networks = None  # from wifi.json, while joining
        self._tries = 0
        self.joins = 0  # a connection lives no longer than the join it was opened on
        self.failure = None  # why the last join failed; None after one that succeeded
        self.changed = asyncio.Event()  # somebody has changed the known networks
        self.access_point = None  # (name, address) of the board's own, while it is open
        self.used_ms = 0  # when the access point was last used
        self.is_asked = False  # a person wants the access point, whatever network there is

    def begin(self):
        """Start joining a known network without waiting; raises Failure."""
        ports = self._state.ports
        if not ports.network.connected():
            from device.core import wifi_file

            try:
                networks = wifi_file.wifi(ports.store.read(paths.WIFI))
                ports.board.say("network", "joining")
                ports.network.begin(*networks)
            except Failure as failure:
                self.failure = failure
                raise
            self._networks = networks

    async def join(self):
        """Make sure of a network; raises Failure. Who waited while another failed to join fails with it."""
        tries = self._tries
        async with self.joining:
            if self._tries != tries and self.failure:
                raise self.failure
            ports = self._state.ports
            if self.access_point and not ports.network.connected():
                raise self.failure or Failure(AGAIN, NO_NETWORK, "the access point is open for set-up")
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

    async def leave_soon(self):
        """Leave the network once whoever asked for it on the page has the answer."""
        await self._state.ports.clock.sleep_ms(FAREWELL_MS)
        self._state.ports.network.leave()

    # The board's own access point

    def ask_set_up(self):
        """Somebody at the board wants its access point: the service `network` opens it."""
        if self.access_point:
            self.touch()
        else:
            self.is_asked = True
            self.change()

    def opened(self, name, address):
        """The access point is open, for as long as somebody uses it."""
        self.access_point = name, address
        self.changed.clear()
        self.touch()

    def closed(self):
        """The access point is closed."""
        self.access_point = None

    def touch(self):
        """Somebody who may change the board is using its page: the access point stays open."""
        self.used_ms = self._state.ports.clock.ms()

    def change(self):
        """The known networks have changed: try them, when the board is on none."""
        self.changed.set()
        self._networks = None
        service = self._state.services.get("network")
        if service:
            service.wake.set()
