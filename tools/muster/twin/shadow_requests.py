"""The reserved topics of shadows: from a PUBLISH to the messages that follow from it.

Unlike the answers of provisioning they are ordinary messages: every subscriber gets them.
Requests for one shadow are served in the order in which they came.
Source: AWS IoT Developer Guide, "Device Shadow MQTT topics"; AWS General Reference,
"Device Shadow service quotas".
"""

import asyncio
from collections import Counter
from weakref import WeakValueDictionary

from device.core import fields, topics
from muster.registry import Registry
from muster.registry.failures import RegistryError
from muster.twin import faults, shadow
from muster.twin.connection import Connection
from muster.twin.exchange import Exchange
from muster.twin.faults import Plan
from muster.twin.log import log
from muster.twin.packets import QOS_1
from muster.twin.router import Router
from muster.twin.settings import Settings
from muster.twin.shadow import Message, ShadowError
from muster.twin.throttle import Rate

_KEPT_RATES = 10_000

_log = log()


class ShadowRequests:
    """Serves shadows beside the connections, so that none waits for another."""

    def __init__(self, registry: Registry, router: Router, settings: Settings) -> None:
        self._registry = registry
        self._router = router
        self._settings = settings
        self._limits = settings.limits
        self._in_flight: Counter[Connection] = Counter()
        self._rates: dict[str, Rate] = {}  # of things
        self._lines: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, connection: Connection, topic: str, payload: bytes, plan: Plan) -> None:
        """Begin to serve a request; one too many is refused."""
        if self._in_flight[connection] >= self._limits.shadow_calls or not self._passes(topic):
            self._publish(self._refused(topic, ShadowError(429, "Too many requests")))
            return
        self._in_flight[connection] += 1
        task = asyncio.create_task(self._serve(connection, topic, payload, plan))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def publish_left(self) -> None:
        """Publish what commands left in the registry; raises RegistryError."""
        for topic, payload in self._registry.outbox.take():
            self._router.publish(topic, payload, QOS_1)

    async def stop(self) -> None:
        """End what is being served."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _passes(self, topic: str) -> bool:
        """Whether the thing's rate allows one more."""
        if not self._settings.throttle:
            return True
        thing, _, _ = topics.shadow_of(topic)
        if len(self._rates) > _KEPT_RATES:
            self._rates.clear()
        rate = self._rates.get(thing)
        if rate is None:
            rate = self._rates[thing] = Rate(self._limits.shadow_calls_per_s, self._settings.clock)
        return rate.passes()

    async def _serve(self, connection: Connection, topic: str, payload: bytes, plan: Plan) -> None:
        line = self._lines.setdefault(topic.rpartition("/")[0], asyncio.Lock())
        exchange: Exchange[Message] = Exchange(
            connection,
            act=lambda: self._act(topic, payload),
            refuse=lambda plan: self._refused(topic, _fault(plan)),
            answer=lambda message, times: self._publish(message, plan, times),
        )
        try:
            async with line:
                await exchange.carry_out(plan)
        except Exception:
            _log.exception("%s: %s failed", connection.client_id, topic)
        finally:
            self._in_flight[connection] -= 1
            if not self._in_flight[connection]:
                del self._in_flight[connection]

    async def _act(self, topic: str, payload: bytes) -> Message:
        """Carry it out, publish what others hear of it; the answer."""
        try:
            outcome = await self._registry.patiently(
                lambda: shadow.serve(self._registry, topic, payload, self._now_s())
            )
        except ShadowError as error:
            return self._refused(topic, error)
        except RegistryError as error:
            _log.warning("a request failed: %s", error)
            return self._refused(topic, ShadowError(500, "Internal service failure"))
        for message in outcome.news:
            self._publish(message)
        return outcome.answer

    def _publish(self, message: Message, plan: Plan = faults.NO_FAULTS, times: int = 1) -> None:
        code = message.body.get(fields.CODE)
        _log.info("%s%s", message.topic, f" {code} {message.body[fields.MESSAGE]}" if code else "")
        for _ in range(times):
            self._router.publish(message.topic, plan.distorted(message.payload), QOS_1)

    def _refused(self, topic: str, error: ShadowError) -> Message:
        return shadow.refused(topic, error, self._now_s())

    def _now_s(self) -> int:
        return int(self._settings.clock())


def _fault(plan: Plan) -> ShadowError:
    if plan.is_throttled:
        return ShadowError(429, "Too many requests")
    return ShadowError(plan.number(faults.REJECT), "Refused by a fault of the twin.")
