"""The session: sole owner of connection and subscriptions. Nothing else opens or closes them.

There is one TLS connection at a time (a Pico W has no memory for two): with the claim credentials, with a
new identity on trial, or as the board's own thing. Services publish and subscribe here and never see a
connection. Only the service whose filter or topic is refused gets the error: AWS closes the connection
without a reason, so the service that was waiting when this happened twice is the cause.

Nothing here retries: it raises, and the supervisor restarts the service.
"""

import asyncio

from device.core import paths
from device.core.failures import AGAIN, GIVE_UP, Failure, Lost, NoMemory, Refused, WrongDates
from device.runtime.modules import unload_passing

_PING_MS = 33000  # three quarters of the keep-alive of 44 s
_LOOK_MS = 1000  # how often Wi-Fi is checked
_ASK_TIME_MS = 86400000
REFUSALS = 2  # this many closed connections in a row are no coincidence
_OWNER = "mqtt"  # of the turn for a TLS connection (runtime.turns)
_TURN_MS = 150000  # longer than any request takes
_LEND_EVERY_MS = 60000
_TURN_OF_LOOP_MS = 50
_SETTLE_MS = 5000  # for acknowledgements on their way, before the connection is lent
_TLS_RESERVE_BYTES = 20480  # that must be left beside TLS; on most days it takes 7 KB less than its limit
_REJOIN = 3  # lost connections in a row after which Wi-Fi may be dead although it reports that it is up


class Session:
    """The connection of one board, and what it is for."""

    def __init__(self, state):
        self._state = state
        self._connection = None
        self._directory = None  # the credentials that the connection uses
        self._online = asyncio.Event()  # set while the board is connected as its thing
        self._retrying = asyncio.Lock()  # a refused message is retried alone
        self._subscriptions = None  # runtime.subscriptions, once a service subscribes
        self._joins = 0  # of the network, when the connection was opened
        self._lost = 0  # consecutive connections lost to the network
        self.short = 0  # consecutive tries without memory for a connection
        self._time_asked_ms = None
        self._is_wanted = False  # somebody else waits for a TLS connection
        self._lent_ms = None  # when that was last granted
        self._knows_time = False
        self._seen_ms = None  # when it was last online
        self._work = None  # what is to have the connection to itself

    # Opening and closing

    async def open(self, directory, client_id):
        """Connect with the credentials in `directory`, as `client_id`; closes any open connection first.

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
            await self._ask_time_if_due()  # before the cloud's token is dated

    async def _join(self):
        """Make sure of a network and, if possible, the time."""
        ports = self._state.ports
        if self._lost and not self._lost % _REJOIN:
            ports.board.say("network", "%d connections failed; rejoining Wi-Fi" % self._lost)
            if self._lost % (2 * _REJOIN):
                ports.network.leave()
            else:
                ports.network.restart()
        from device.runtime import timekeeper

        timekeeper.keep_floor(self._state)
        await self._state.networking.join()
        self._joins = self._state.networking.joins
        unload_passing()

    async def _ask_time(self):
        """Set the clock by NTP; return whether an answer came."""
        from device.runtime import timekeeper

        self._time_asked_ms = self._state.ports.clock.ms()
        answered = await timekeeper.ask(self._state)
        unload_passing()
        self._knows_time = self._knows_time or answered
        return answered

    async def _ask_time_if_due(self):
        """The same, unless it was done today."""
        asked_ms = self._time_asked_ms
        if asked_ms is None or self._state.ports.clock.ms() - asked_ms > _ASK_TIME_MS:
            await self._ask_time()

    async def _connect(self, directory, client_id):
        state = self._state
        server = state.settings
        if directory != paths.BOOTSTRAP and state.identity:
            server = state.identity  # also for the certificate that is to renew it
        await state.turns.take(_OWNER, _TURN_MS, self.lend)
        connection = None
        stopped = []
        try:
            stopped = await self._make_room()
            connection = await state.ports.connect(
                server.endpoint, server.port, client_id, lambda: self._files(directory)
            )
        except Failure as failure:
            self._lost = self._lost + 1 if isinstance(failure, Lost) else 0
            self.short = self.short + 1 if isinstance(failure, NoMemory) else 0
            raise self.advised(failure, "at_connect", directory, client_id)
        finally:  # also when we are cancelled
            if connection is None:
                state.turns.give(_OWNER)
                for name in stopped:
                    state.supervisor.restore(name)
        self._lost = self.short = 0
        return connection

    async def _make_room(self):
        """Stop services until TLS has its memory, where it takes that from our heap; return their names."""
        build, supervisor = self._state.ports.build, self._state.supervisor
        if supervisor is None:
            return ()  # boot.py: none runs yet
        before = supervisor.stopped()
        await supervisor.stop_page()
        if build.TLS_HEAP_BYTES:
            await supervisor.make_room(build.TLS_HEAP_BYTES + _TLS_RESERVE_BYTES, build.TLS_PIECE_BYTES)
        return [name for name in supervisor.stopped() if name not in before]

    def _files(self, directory):
        """{name: PEM} of the credentials in a directory; raises a Failure that names a missing file."""
        unload_passing()  # the lookup has found the server
        files = self._state.ports.store.read_slot(directory) or {}
        for name in paths.CREDENTIALS:
            if not files.get(name):
                advice = "copy the claim credentials there" if directory == paths.BOOTSTRAP else ""
                raise Failure(GIVE_UP, "%s/%s is missing or empty" % (directory, name), advice)
        return files

    async def close(self):
        """Close the connection, if there is one."""
        connection, self._connection = self._connection, None
        self._online.clear()
        if connection:
            try:
                await connection.close()
            finally:
                self._state.turns.give(_OWNER)

    # For provisioning

    def connection(self):
        """The open connection, for the handshake only."""
        return self._connection

    def has(self, directory):
        """Whether a connection with the credentials in `directory` is open."""
        return self._connection is not None and not self._connection.lost and self._directory == directory

    def proven(self):
        """Keep the trial connection as the board's own: its identity is committed."""
        self._directory = paths.CERT
        self._connection.on_message = None

    def advised(self, failure, what, *subject):
        """The same failure with its likely cause; see runtime.explaining."""
        from device.runtime import explaining

        failure = getattr(explaining, what)(failure, self._state, *subject)
        unload_passing()
        return failure

    # For the service that holds the connection

    async def connect(self):
        """Go online as the board's thing, with the subscriptions of all services.

        Takes over the connection that provisioning has verified, or opens one. Raises Failure.
        """
        identity = self._state.identity
        if self._connection is None or self._connection.lost or self._directory != paths.CERT:
            await self.open(paths.CERT, identity.thing_name)
        self._state.ports.board.say(
            "mqtt", "connected to %s as %s" % (identity.endpoint, identity.thing_name)
        )
        if self._subscriptions:
            await self._subscriptions.renew(self._connection)
        self._seen_ms = self._state.ports.clock.ms()
        self._online.set()  # only now, so that no message is blamed for a filter that ends the connection

    async def keep(self):
        """Hold the connection until it ends, then raise the Failure that ended it.

        Returns when the connection was closed to lend its turn: `connect` waits for it to come back; and when
        somebody has had it to itself (`hand_over`).
        """
        clock, connection = self._state.ports.clock, self._connection
        await self._ask_time_if_due()
        quiet_ms = clock.ms()
        while connection.lost is None:
            if await clock.wait(connection.ended(), _LOOK_MS):
                break
            if self._is_wanted:
                await self._lend()
                return
            if self._work:
                work, self._work = self._work, None
                await self._settle()
                await work()
                return
            self._seen_ms = clock.ms()
            self._check_network()
            if clock.ms() - quiet_ms >= _PING_MS:
                await self._ask_time_if_due()
                await connection.ping()
                quiet_ms = clock.ms()
        self._check_network()
        raise self.advised(connection.lost, "at_rest")

    def _check_network(self):
        """Raise Lost unless the board is still on the network that the connection was opened on."""
        networking = self._state.networking
        if not self._state.ports.network.connected() or networking.joins != self._joins:
            raise Lost(AGAIN, "Wi-Fi was lost", "rejoining")

    def lend(self):
        """Let somebody else have the TLS connection soon: "" if that is granted, else why not."""
        if not self.is_online():
            return "is connecting, or provisions the board"
        if self._lent_ms is not None:
            passed_ms = self._state.ports.clock.ms() - self._lent_ms
            if passed_ms < _LEND_EVERY_MS:
                return "lent its connection %d s ago" % (passed_ms // 1000)
        self._is_wanted = True
        return ""

    async def _lend(self):
        """Close the connection between two messages. Those published meanwhile wait for the next one."""
        self._is_wanted = False
        self._state.ports.board.say("mqtt", "lends its TLS connection")
        await self._settle()
        await self.close()
        self._lent_ms = self._state.ports.clock.ms()

    async def _settle(self):
        """Let no service publish any more, and wait for the acknowledgements that are on their way."""
        clock = self._state.ports.clock
        self._online.clear()
        end_ms = clock.ms() + _SETTLE_MS
        while self._connection.is_busy() and clock.ms() < end_ms:
            await clock.sleep_ms(_TURN_OF_LOOP_MS)

    def hand_over(self, work):
        """Call `await work()` soon, in the task that holds the connection, when no service uses it.

        It may use the connection, close it, or leave another one of the board; it must raise nothing.
        """
        self._work = work

    # For all services

    async def between_packets(self, call):
        """Call `call()` while no part of a packet is being sent."""
        if self._connection:
            await self._connection.between_packets(call)
        else:
            call()

    async def learn_time(self):
        """Ask for the time, if no time server has answered yet; return whether it is known."""
        return self._knows_time or await self._ask_time()

    def knows_time(self):
        """Whether a time server has answered since the start."""
        return self._knows_time

    def is_online(self):
        """Whether the board is connected as its thing."""
        return self._online.is_set()

    def away_ms(self):
        """For how long it has not been online; None if it never was since the start."""
        return None if self._seen_ms is None else self._state.ports.clock.ms() - self._seen_ms

    async def online(self):
        """Wait until the board is connected as its thing."""
        await self._online.wait()

    async def publish(self, topic, payload, qos=1):
        """Publish once the board is online; with QoS 1, return after the PUBACK, on whichever connection.

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
        """Return False when the connection was lost; raise Refused when the server closed it."""
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
                self._online.clear()  # until the next connection

    async def subscribe(self, owner, filters, on_message, on_renewed=None, on_large=None):
        """Call `on_message(topic, payload)` for messages that match `filters`, on this and later connections.

        `owner` is the name of the service. Returns once the cloud has granted it; `on_renewed()` is called
        then, and after each reconnection: messages in between are lost. `on_large(topic)` is called for one
        that is too large for the board, and left out. All must be short plain functions.
        Raises Failure (GIVE_UP) when the cloud refuses or a filter is invalid.
        """
        if self._subscriptions is None:
            from device.runtime.subscriptions import Subscriptions  # most boards only publish

            self._subscriptions = Subscriptions(self._state)
        connection = self._connection if self.is_online() else None
        await self._subscriptions.add(owner, filters, on_message, on_renewed, on_large, connection)

    def is_retained(self):
        """For `on_message`, while it runs: whether the message is an old one that the cloud has kept."""
        return self._connection is not None and self._connection.is_retained

    def forget(self, owner):
        """Drop the subscriptions of the service `owner`."""
        if self._subscriptions:
            self._subscriptions.forget(owner)
