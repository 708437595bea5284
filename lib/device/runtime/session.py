"""Being online: the one owner of network, connection and subscriptions. Nobody else opens or closes one.

There is one TLS connection at a time (a Pico W has memory for no more): with the claim credentials, with a
new identity on trial, or as the thing that the board is. Services publish and subscribe here and never see a
connection. A refusal that one service's filter or topic has caused goes to that service alone: AWS closes
the connection on it and says nothing, so whoever was asking when it happened twice is the cause.

Nothing here tries again by itself: it raises, and the supervisor starts the service anew.
"""

import asyncio

from device.core import paths
from device.core.failures import AGAIN, GIVE_UP, Failure, Lost, Refused, WrongDates
from device.runtime.modules import unload_passing, unload_readers

_PING_MS = 33000  # three quarters of the keep-alive of 44 s
_LOOK_MS = 1000  # how often Wi-Fi is looked at
_ASK_TIME_MS = 86400000
REFUSALS = 2  # so many closed connections in a row are no accident
_REJOIN = 3  # so many lost connections in a row: Wi-Fi may be dead although it says that it is up


class Session:
    """The connection of one board, and what it is for."""

    def __init__(self, state):
        self._state = state
        self._connection = None
        self._directory = None  # whose credentials the connection was made with
        self._online = asyncio.Event()  # set while the board is connected as its thing
        self._retrying = asyncio.Lock()  # a message that was refused is tried again alone
        self._subscriptions = None  # runtime.subscriptions, once a service wants to hear something
        self._networks = None  # of wifi.json, while they are being joined
        self._lost = 0  # connections in a row that the network failed
        self._time_asked_ms = None

    # Opening and closing

    def begin(self):
        """Begin to join a known network, without waiting for it; raises Failure."""
        ports = self._state.ports
        if not ports.network.connected():
            from device.runtime.identity import known_networks

            networks = known_networks(ports.store)
            ports.board.say("network", "joining")
            ports.network.begin(*networks)
            self._networks = networks

    async def open(self, directory, client_id):
        """Connect with the credentials in `directory`, as `client_id`; closes what was open before.

        Raises Failure with the likely cause: dates, key, policy, server, network.
        """
        await self.close()
        await self._join()
        try:
            connection = await self._connect(directory, client_id)
        except WrongDates as failure:
            if not await self._ask_time():
                raise failure
            connection = await self._connect(directory, client_id)
        self._connection = connection
        self._directory = directory
        unload_passing()
        if directory == paths.BOOTSTRAP:
            await self._ask_time_if_due()  # before the cloud's token gets its date

    async def _join(self):
        """Have a network and a clock, as far as they can be had."""
        ports = self._state.ports
        if self._lost and not self._lost % _REJOIN:
            ports.board.say("network", "%d connections failed, joining anew" % self._lost)
            if self._lost % (2 * _REJOIN):
                ports.network.leave()
            else:
                ports.network.restart()
        from device.runtime import timekeeper

        timekeeper.keep_floor(self._state)
        if not ports.network.connected() and self._networks is None:
            self.begin()
        networks, self._networks = self._networks, None
        if networks:
            unload_readers()  # while the radio works
            await ports.network.join(*networks)
            ports.board.say("network", "joined")
        unload_passing()

    async def _ask_time(self):
        """Set the clock by NTP; whether an answer came."""
        from device.runtime import timekeeper

        self._time_asked_ms = self._state.ports.clock.ms()
        answered = await timekeeper.ask(self._state)
        unload_passing()
        return answered

    async def _ask_time_if_due(self):
        """The same, when nobody has asked today."""
        asked_ms = self._time_asked_ms
        if asked_ms is None or self._state.ports.clock.ms() - asked_ms > _ASK_TIME_MS:
            await self._ask_time()

    async def _connect(self, directory, client_id):
        state = self._state
        server = state.identity if directory == paths.CERT else state.settings
        try:
            connection = await state.ports.connect(
                server.endpoint, server.port, client_id, lambda: self._files(directory)
            )
        except Failure as failure:
            self._lost = self._lost + 1 if isinstance(failure, Lost) else 0
            raise self.advised(failure, "at_connect", directory, client_id)
        self._lost = 0
        return connection

    def _files(self, directory):
        """{name: PEM} of the credentials in a directory; raises a Failure that names what is missing."""
        unload_passing()  # what found the server
        files = self._state.ports.store.read_slot(directory) or {}
        for name in paths.CREDENTIALS:
            if not files.get(name):
                advice = "put the claim credentials there" if directory == paths.BOOTSTRAP else ""
                raise Failure(GIVE_UP, "%s/%s is missing or empty" % (directory, name), advice)
        return files

    async def close(self):
        """Close the connection, if there is one."""
        connection, self._connection = self._connection, None
        self._online.clear()
        if connection:
            await connection.close()

    # For provisioning

    def connection(self):
        """The open connection: for the handshake, which asks on it what no service ever asks."""
        return self._connection

    def proven(self):
        """The connection on trial is from now on the board's own: its identity is committed."""
        self._directory = paths.CERT
        self._connection.on_message = None

    def advised(self, failure, what, *subject):
        """The same failure with the likely cause; see runtime.explaining."""
        from device.runtime import explaining

        failure = getattr(explaining, what)(failure, self._state, *subject)
        unload_passing()
        return failure

    # For the service that holds the connection

    async def connect(self):
        """Be online as the thing that the board is, with everything subscribed that services want to hear.

        Takes over the connection that provisioning has proven, or opens one. Raises Failure.
        """
        identity = self._state.identity
        if self._connection is None or self._connection.lost or self._directory != paths.CERT:
            await self.open(paths.CERT, identity.thing_name)
        self._state.ports.board.say(
            "mqtt", "connected to %s as %s" % (identity.endpoint, identity.thing_name)
        )
        if self._subscriptions:
            await self._subscriptions.renew(self._connection)
        self._online.set()  # only now: a message must not be blamed for a filter that ends the connection

    async def keep(self):
        """Hold the connection until it ends; returns by raising the Failure that ended it."""
        clock, network = self._state.ports.clock, self._state.ports.network
        connection = self._connection
        await self._ask_time_if_due()
        quiet_ms = clock.ms()
        while connection.lost is None:
            if await clock.wait(connection.ended(), _LOOK_MS):
                break
            if not network.connected():
                raise Lost(AGAIN, "the Wi-Fi is gone", "joining again")
            if clock.ms() - quiet_ms >= _PING_MS:
                await self._ask_time_if_due()
                await connection.ping()
                quiet_ms = clock.ms()
        failure = connection.lost
        if not network.connected():
            raise Lost(AGAIN, "the Wi-Fi is gone", "joining again")
        raise self.advised(failure, "at_rest")

    # For all services

    def is_online(self):
        """Whether the board is connected as its thing."""
        return self._online.is_set()

    async def publish(self, topic, payload, qos=1):
        """Publish as soon as the board is online; with QoS 1 return after the PUBACK, on any connection.

        Raises Failure (GIVE_UP) when the cloud closes the connection on this message.
        """
        refusals = 0
        done = False
        while not done:
            try:
                if refusals:
                    async with self._retrying:
                        done = await self._publish(topic, payload, qos)
                else:
                    done = await self._publish(topic, payload, qos)
            except Refused as failure:
                refusals += 1
                if refusals == REFUSALS:
                    raise self.advised(failure, "at_publish", topic)

    async def _publish(self, topic, payload, qos):
        """Whether it is done: not when the connection was lost. Raises Refused when the server closed it."""
        await self._online.wait()
        connection = self._connection
        try:
            await connection.publish(topic, payload, qos)
            return True
        except Failure as failure:
            if connection.lost is None or isinstance(failure, Refused):
                raise
            return False
        finally:
            if connection.lost and connection is self._connection:
                self._online.clear()  # until the next one

    async def subscribe(self, owner, filters, on_message, on_renewed=None):
        """Have `on_message(topic, payload)` called for what matches `filters`, on every connection to come.

        `owner` is the name of the service. Returns once the cloud has granted it; `on_renewed()` is called
        then, and after each reconnection: what was sent in between is lost. Both are plain functions that
        take note. Raises Failure (GIVE_UP) when the cloud refuses, or no such filter can exist.
        """
        if self._subscriptions is None:
            from device.runtime.subscriptions import Subscriptions  # most boards only talk

            self._subscriptions = Subscriptions(self._state)
        connection = self._connection if self.is_online() else None
        await self._subscriptions.add(owner, filters, on_message, on_renewed, connection)

    def forget(self, owner):
        """Nobody listens any more for the service `owner`."""
        if self._subscriptions:
            self._subscriptions.forget(owner)
