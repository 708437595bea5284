"""The reserved topics of shadows: from a PUBLISH to the messages that follow from it.

Unlike the answers of provisioning they are ordinary messages: every subscriber gets them.
Requests for one shadow are served in the order in which they came.
Source: AWS IoT Developer Guide, "Device Shadow MQTT topics"; AWS General Reference,
"Device Shadow service quotas".
"""

from device.core import fields
from muster.registry import Registry
from muster.registry.failures import RegistryError
from muster.twin import faults, filters, shadow
from muster.twin.connection import Connection
from muster.twin.exchange import Exchange
from muster.twin.faults import Plan
from muster.twin.log import log
from muster.twin.packets import QOS_1
from muster.twin.router import Router
from muster.twin.serving import Serving
from muster.twin.settings import Settings
from muster.twin.shadow import Message, ShadowError

_log = log()


class ShadowRequests:
    """Serves shadows."""

    def __init__(self, registry: Registry, router: Router, settings: Settings) -> None:
        self._registry = registry
        self._router = router
        self._settings = settings
        self._serving = Serving(settings, settings.limits.shadow_calls, settings.limits.shadow_calls_per_s)
        self.stop = self._serving.stop

    def start(self, connection: Connection, topic: str, payload: bytes, plan: Plan) -> None:
        """Begin to serve a request; one too many is refused."""
        found = filters.shadow_of(topic)
        assert found is not None
        if not self._serving.admits(connection, found[0]):
            self._publish(self._refused(topic, ShadowError(429, "Too many requests")))
            return
        exchange: Exchange[Message] = Exchange(
            connection,
            act=lambda: self._act(topic, payload),
            refuse=lambda plan: self._refused(topic, _fault(plan)),
            answer=lambda message, times: self._publish(message, plan, times),
        )
        what = f"{connection.client_id}: {topic}"
        self._serving.start(connection, topic.rpartition("/")[0], what, exchange, plan)

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
