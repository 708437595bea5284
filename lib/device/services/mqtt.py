"""Keeps the board connected to the cloud as its thing: keep-alive, reconnection, subscriptions."""

from device.core import paths
from device.core.backoff import Backoff
from device.core.failures import GIVE_UP, Failure, Refused
from device.runtime.identity import active_identity, know_self
from device.runtime.online import go_online
from device.services import Service

_PING_MS = 33000  # three quarters of the keep-alive of 44 s
_FIRST_MS = 1000
_LIMIT_MS = 300000
_STEADY_MS = 60000  # a shorter connection is no success: two boards of one name throw each other out
_FILTERS_AT_ONCE = 8  # AWS IoT: subscriptions per SUBSCRIBE


class Mqtt(Service):
    """The connection of the running board. Other services use `publish` and `subscribe`."""

    NAME = "mqtt"

    def __init__(self, context):
        super().__init__(context)
        self._handlers = {}  # filter -> handler(topic, payload)
        self._online = context.event()

    async def run(self):
        context = self.context
        backoff = Backoff(_FIRST_MS, _LIMIT_MS, context.board.random_bytes)
        while True:
            start_ms = None
            try:
                await self._connect()
                start_ms = context.clock.ticks_ms()
                self.failure = None
                await self._keep()
            except Failure as failure:
                self.failure = self._explained(failure, start_ms is not None)
            self._online.clear()
            await self._drop()
            if start_ms is not None and not 0 <= context.clock.since_ms(start_ms) < _STEADY_MS:
                backoff.reset()  # the counter wraps: negative is days
            wait_ms = backoff.next_ms()
            self.say("%s. Connecting again in %d s" % (self.failure, (wait_ms + 999) // 1000))
            await context.clock.sleep_ms(wait_ms)

    async def _connect(self):
        """Take over the connection that provisioning has proven, or open one."""
        context = self.context
        connection = context.connection
        if connection is None or connection.lost:
            know_self(context)  # nobody has, when provisioning is switched off
            if context.identity is None:
                raise Failure(
                    GIVE_UP, "the board has no identity", "switch provisioning on in " + paths.CONFIG
                )
            context.identity.without_files()  # read once more below, and kept no longer
            await go_online(context, self.failure is not None)
            context.board.feed()  # the handshake may block for most of the watchdog's time
            connection = await context.connect(active_identity(context), context.identity.thing_name)
            context.connection = connection
        connection.on_message = self._message
        await self._subscribe(list(self._handlers))
        self.say("connected to %s as %s" % (context.identity.endpoint, context.identity.thing_name))
        self._online.set()
        self.ready.set()

    def _explained(self, failure, was_open):
        if isinstance(failure, Refused) and not failure.advice:
            name = self.context.identity.thing_name
            if was_open:
                failure.advice = (
                    "another client took the name %s, the certificate was revoked, or its policy forbids this"
                    % name
                )
            else:
                failure.advice = (
                    "the certificate is probably revoked, or its policy lacks iot:Connect on client/" + name
                )
        return failure

    async def _keep(self):
        """Return by raising the Failure that ended the connection."""
        context = self.context
        connection = context.connection
        while connection.lost is None:
            if not await context.clock.wait(connection.ended(), _PING_MS):
                await connection.ping()
        raise connection.lost

    async def _drop(self):
        if self.context.connection:
            await self.context.connection.close()
            self.context.connection = None

    def _message(self, topic, payload):
        for name in self._handlers:
            if name == topic or (name.endswith("/#") and topic.startswith(name[:-1])):
                self._handlers[name](topic, payload)

    async def publish(self, topic, payload, qos=1):
        """Publish as soon as the board is online; with QoS 1 return after the PUBACK, on any connection."""
        while True:
            await self._online.wait()
            connection = self.context.connection
            try:
                await connection.publish(topic, payload, qos)
                return
            except Failure:
                if connection.lost is None:
                    raise
                self._online.clear()

    async def subscribe(self, filters, handler):
        """Have `handler(topic, payload)` called for `filters` (exact, or ending in "/#") from now on."""
        for name in filters:
            self._handlers[name] = handler
        if self._online.is_set():
            await self._subscribe(filters)

    async def _subscribe(self, filters):
        for at in range(0, len(filters), _FILTERS_AT_ONCE):
            await self.context.connection.subscribe(filters[at : at + _FILTERS_AT_ONCE])


SERVICE = Mqtt
