"""One simulated board: the device's state and session with the host's ports, and how long each step took."""

import asyncio
import contextlib
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from types import SimpleNamespace
from typing import Any

from device.claim import provision
from device.claim.handshake import Handshake
from device.claim.provision import Provisioning
from device.core import explain, paths, topics
from device.core.failures import GIVE_UP, Backoff, Failure, Refused
from device.core.ports import Ports
from device.runtime.identity import know_self, tell_application
from device.runtime.line import Line
from device.runtime.state import State
from device.services.provision import Provision
from device.services.status import Status
from muster.fleet.sim import link
from muster.fleet.sim.flash import Flash
from muster.fleet.sim.tls import Contexts

MAKE_KEY = provision.MAKE_KEY
CONNECT_CLAIM = provision.step((provision.CONNECT, paths.BOOTSTRAP))
SUBSCRIBE = provision.SUBSCRIBE
CREATE = "get a certificate"
REGISTER = "register the thing"
CONNECT_TRIAL = provision.step((provision.CONNECT, paths.TRIAL))
RECONNECT = "connect again"
BOOT_STATUS = "publish the boot status"
STEPS = (MAKE_KEY, CONNECT_CLAIM, SUBSCRIBE, CREATE, REGISTER, CONNECT_TRIAL, RECONNECT, BOOT_STATUS)

# How a board's supervisor starts a failed service again.
FIRST_RETRY_MS = 1000
LIMIT_RETRY_MS = 300_000
_PING_S = 33.0

Took = Callable[[str, float], None]
"""took(step, seconds)"""


class _Clock:
    """The clock port; the host's clock is right."""

    def ms(self) -> int:
        return int(time.monotonic() * 1000)

    def unix(self) -> int:
        return int(time.time())

    def set_unix(self, seconds: int) -> None:
        """The host's clock is not a board's to set."""

    async def sleep_ms(self, duration_ms: int) -> None:
        await asyncio.sleep(duration_ms / 1000)

    async def wait(self, awaitable: Awaitable[object], limit_ms: int) -> bool:
        try:
            await asyncio.wait_for(awaitable, limit_ms / 1000)
        except asyncio.TimeoutError:
            return False
        return True


class _Network:
    """The network port: the host's network is there, and nobody needs to be asked for the time."""

    def connected(self) -> bool:
        return True

    def leave(self) -> None:
        """There is no Wi-Fi to leave."""

    restart = leave

    async def ask_time(self, hosts: list[str]) -> None:
        return None


_CLOCK = _Clock()
_NETWORK = _Network()
_BOARD = SimpleNamespace(
    random_bytes=os.urandom,
    say=lambda source, text, level=None: None,
    interval=lambda what, default_ms: default_ms,
    gate=lambda limit_ms, is_key: contextlib.nullcontext(),  # there is no watchdog to keep fed
    feed=None,
)
_BUILD = SimpleNamespace(BUILD_TIME=0, SERVICES=(), INTERVALS={}, TLS_SESSIONS=1)


def _step(action: tuple) -> str | None:
    """The step that an action of the core belongs to, None for work on the flash."""
    if action[0] == provision.ASK:
        return REGISTER if topics.template_of(action[1]) else CREATE
    step: str = provision.step(action)
    return step if step in STEPS else None


class _Handshake(Handshake):
    """The board's handshake with a watch on each step."""

    def __init__(self, provisioning: Provisioning, state: State, took: Took) -> None:
        service = Provision("provision", state)  # makes the key as a board does
        super().__init__(
            provisioning.steps, state.ports.store, Line(state), service._make_key, lambda text: None
        )
        self._took = took

    async def _do(self, action: tuple) -> Any:
        begun_s = time.monotonic()
        result = await super()._do(action)
        step = _step(action)
        if step is not None:
            self._took(step, time.monotonic() - begun_s)
        return result


class Board:
    """A board from its first power-on to its acknowledged boot status.

    `files` is its flash: ento.conf and the claim credentials. Raises Failure (GIVE_UP) for a wrong ento.conf.
    """

    def __init__(
        self, name: str, files: Mapping[str, bytes], contexts: Contexts, took: Took, first_retry_ms: int
    ) -> None:
        self.name = name
        self.flash = Flash(files)
        self._contexts = contexts
        self._took = took
        self._state = State(Ports(_BOARD, _CLOCK, self.flash, _NETWORK, self._connect, None, _BUILD))
        self._state.services["mqtt"] = None  # `attempt` and `stay` do what the service does
        know_self(self._state)
        settings: Any = self._state.settings
        self._boot_topic = topics.booted(settings.topic_prefix, settings.serial)
        self._provisioning = Provisioning(settings, self.flash.read(paths.JOURNAL), _CLOCK.unix)
        self._backoff = Backoff(first_retry_ms, LIMIT_RETRY_MS, os.urandom)

    async def _connect(
        self, host: str, port: int, client_id: str, files: Callable[[], Mapping[str, bytes]]
    ) -> link.Link:
        return await link.connect(host, port, self._contexts.of(files()), client_id)

    async def attempt(self) -> None:
        """Go on from what is on the flash until the boot status is acknowledged.

        Raises the Failure that ended the attempt, with its step; the connection is closed then.
        """
        session = self._state.session
        step = RECONNECT
        try:
            if self._state.identity is None:
                await self._provision()
                await session.connect()  # takes over the connection that has proven the identity
            else:
                await self._timed(step, session.connect())
            step = BOOT_STATUS
            await self._timed(step, self._publish())
        except Failure as failure:
            await self.switch_off()
            raise failure.during(step) from failure

    async def _provision(self) -> None:
        """What the service `provision` does."""
        state = self._state
        await _Handshake(self._provisioning, state, self._took).attempt()
        state.session.proven()
        state.identity = self._provisioning.identity
        tell_application(state, state.identity, self._provisioning.configuration)

    async def _publish(self) -> None:
        """The service `status`; the end of the connection is the end of the attempt, not one to wait for."""
        connection = self._connection()
        status = asyncio.create_task(Status("status", self._state).run())
        ended = asyncio.create_task(connection.ended())
        try:
            await asyncio.wait((status, ended), return_when=asyncio.FIRST_COMPLETED)
            if status.done():
                return status.result()
        finally:
            status.cancel()
            ended.cancel()
        failure = connection.lost
        assert failure is not None, "the connection has ended"
        if isinstance(failure, Refused):
            failure = failure.advised("if this repeats, " + explain.closed_at_publish(self._boot_topic))
        raise failure

    def _connection(self) -> link.Link:
        """The open connection."""
        connection = self._state.session.connection()
        assert isinstance(connection, link.Link), "connected before"
        return connection

    async def _timed(self, step: str, work: Awaitable[Any]) -> Any:
        begun_s = time.monotonic()
        result = await work
        self._took(step, time.monotonic() - begun_s)
        return result

    def retry_s(self, failure: Failure) -> float | None:
        """How long the board waits before its next attempt; None when only a person or the cloud can help."""
        return None if failure.kind == GIVE_UP else self._backoff.next_ms() / 1000

    async def stay(self) -> None:
        """Keep the connection alive until it is lost; returns by raising the Failure that ended it.

        Not by the session: it looks at its Wi-Fi once a second, which thousands need not do here.
        """
        connection = self._connection()
        while connection.lost is None:
            if not await _CLOCK.wait(connection.ended(), int(_PING_S * 1000)):
                await connection.ping()
        raise connection.lost

    async def switch_off(self) -> None:
        """Close the connection, if there is one."""
        await self._state.session.close()
