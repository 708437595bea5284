"""One simulated board: the device's core and handshake with the host's ports, and how long each step took."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from types import SimpleNamespace
from typing import Any

from device.claim import csr, p256, provision
from device.claim.handshake import Handshake
from device.core import config, paths, pem, topics
from device.core.backoff import Backoff
from device.core.context import Context
from device.core.failures import GIVE_UP, Failure
from device.runtime.identity import active_identity
from device.services.status import Status
from muster.fleet.sim import link
from muster.fleet.sim.flash import Flash
from muster.fleet.sim.tls import Contexts

BOOT_STATUS = "publish the boot status"
CREATE = "get a certificate"
REGISTER = "register the thing"
RECONNECT = "connect again"
_SHOWN = (provision.REQUEST_KEY, provision.OPEN_CLAIM, provision.SUBSCRIBE, provision.OPEN_TRIAL)
STEPS = (*_SHOWN[:3], CREATE, REGISTER, _SHOWN[3], RECONNECT, BOOT_STATUS)

# How a board's supervisor starts a failed service again.
FIRST_RETRY_MS = 1000
LIMIT_RETRY_MS = 300_000
_PING_S = 33.0

Took = Callable[[str, float], None]
"""took(step, seconds)"""


class _Clock:
    """The clock port; the host's clock is right."""

    def unix(self) -> int:
        return int(time.time())

    def ticks_ms(self) -> int:
        return int(time.monotonic() * 1000)

    def since_ms(self, start_ms: int) -> int:
        return self.ticks_ms() - start_ms

    def ask_network(self, hosts: list[str]) -> bool:
        return True

    async def sleep_ms(self, duration_ms: int) -> None:
        await asyncio.sleep(duration_ms / 1000)

    async def wait(self, awaitable: Awaitable[object], limit_ms: int) -> bool:
        try:
            await asyncio.wait_for(awaitable, limit_ms / 1000)
        except asyncio.TimeoutError:
            return False
        return True


_CLOCK = _Clock()
_BOARD = SimpleNamespace(random_bytes=os.urandom, feed=lambda: None, HANDSHAKE_MS=0, KEY_MS=0)
_NETWORK = SimpleNamespace(connected=lambda: True)
_BUILD = SimpleNamespace(BUILD_TIME=0, SERVICES=())


def _step(action: tuple) -> str | None:
    """The step that an action of the core belongs to, None for work on the flash."""
    if action[0] == provision.ASK:
        return REGISTER if topics.template_of(action[1]) else CREATE
    return action[0] if action[0] in _SHOWN else None


class _Handshake(Handshake):
    """The board's handshake with a watch on each step.

    Two methods are extended: `_do` is timed, and `_make_key` keeps the modules that a board would throw
    out of its memory.
    """

    def __init__(self, context: Context, took: Took) -> None:
        super().__init__(context, lambda text: None)
        self._took = took

    async def _do(self, action: tuple) -> Any:
        begun_s = time.monotonic()
        result = await super()._do(action)
        step = _step(action)
        if step is not None:
            self._took(step, time.monotonic() - begun_s)
        return result

    def _make_key(self) -> tuple[bytes, bytes]:
        number = p256.generate_private_key(os.urandom)
        public = p256.public_key(number)
        request = csr.signing_request(number, self.context.settings.thing_name[:64], None, public)
        key = pem.from_der(csr.private_key_der(number, public), "EC PRIVATE KEY")
        return key.encode(), request.encode()


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
        self._context = Context(
            _BOARD, _CLOCK, self.flash, _NETWORK, self._connect, lambda step, text: None,
            asyncio.Event, asyncio.create_task, _BUILD,
        )  # fmt: skip
        self._context.settings = config.Settings(config.document(self.flash.read(paths.CONF)))
        self._handshake = _Handshake(self._context, took)
        self._backoff = Backoff(first_retry_ms, LIMIT_RETRY_MS, os.urandom)

    async def _connect(self, identity: Any, client_id: str) -> link.Link:
        return await link.connect(identity.endpoint, identity.port, self._contexts.of(identity), client_id)

    async def attempt(self) -> None:
        """Go on from what is on the flash until the boot status is acknowledged.

        Raises the Failure that ended the attempt, with its step; the connection is closed then.
        """
        context, step = self._context, BOOT_STATUS
        try:
            if context.identity is None:
                await self._handshake.attempt()  # leaves the connection that has proven the identity
            elif context.connection is None:
                step = RECONNECT
                context.connection = await self._timed(
                    step, self._connect(active_identity(context), context.identity.thing_name)
                )
                step = BOOT_STATUS
            context.services["mqtt"] = context.connection
            await self._timed(step, Status(context).run())
        except Failure as failure:
            failure.step = failure.step or step
            await self.switch_off()
            raise

    async def _timed(self, step: str, work: Awaitable[Any]) -> Any:
        begun_s = time.monotonic()
        result = await work
        self._took(step, time.monotonic() - begun_s)
        return result

    def retry_s(self, failure: Failure) -> float | None:
        """How long the board waits before its next attempt; None when only a person or the cloud can help."""
        return None if failure.kind == GIVE_UP else self._backoff.next_ms() / 1000

    async def stay(self) -> None:
        """Keep the connection alive until it is lost; returns by raising the Failure that ended it."""
        connection: link.Link | None = self._context.connection
        assert connection is not None, "stay follows a good attempt"
        while connection.lost is None:
            if not await _CLOCK.wait(connection.ended(), int(_PING_S * 1000)):
                await connection.ping()
        raise connection.lost

    async def switch_off(self) -> None:
        """Close the connection, if there is one."""
        connection, self._context.connection = self._context.connection, None
        if connection is not None:
            await connection.close()
