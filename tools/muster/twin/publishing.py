"""PUBLISH as AWS IoT Core takes it: judged first, acknowledged second, then delivered or acted upon.

Source: AWS IoT Developer Guide, "MQTT", "Reserved topics"; AWS General Reference, "protocol limits".
"""

from collections.abc import Coroutine
from typing import Any
from weakref import WeakKeyDictionary

from device.core import topics
from muster.twin import connection as ends
from muster.twin import faults, filters, operations, packets, policy
from muster.twin.connection import Connection
from muster.twin.exchange import Exchange
from muster.twin.faults import Faults, Plan
from muster.twin.log import log
from muster.twin.operations import Operations
from muster.twin.packets import QOS_1, QOS_2, Publish
from muster.twin.router import Observer, Published, Router
from muster.twin.settings import Settings
from muster.twin.shadow_requests import ShadowRequests
from muster.twin.table_requests import TableRequests
from muster.twin.throttle import Rate

_log = log()


class Publishing:
    """Judges and carries out what clients publish."""

    def __init__(
        self,
        settings: Settings,
        router: Router,
        injected: Faults,
        requests: Operations,
        shadows: ShadowRequests,
        tables: TableRequests,
        observer: Observer,
    ) -> None:
        self._settings = settings
        self._limits = settings.limits
        self._router = router
        self._faults = injected
        self._operations = requests
        self._shadows = shadows
        self._tables = tables
        self._observer = observer
        self._rates: WeakKeyDictionary[Connection, Rate] = WeakKeyDictionary()

    def take(self, connection: Connection, packet: Publish) -> Coroutine[Any, Any, None] | None:
        """A PUBLISH: acted upon, left without an answer (QoS 2), or the end of the connection."""
        problem = self._problem(connection, packet.topic, packet.payload, packet.retain)
        if problem is not None:
            connection.hang_up(*problem)
            return None
        if packet.qos == QOS_2:
            return None
        if self._settings.throttle and not self._rate(connection).passes():
            _log.info("%s: more publishes a second than allowed, one is dropped", connection.client_id)
            return None
        if packet.topic.startswith("$"):
            self._router.note(packet.topic, packet.payload, connection.client_id)
        stage = operations.stage_of(packet.topic) if packet.topic.startswith("$") else None
        if stage is None:
            plan = self._faults.take(faults.PUBLISH, connection.client_id)
            return self._exchange(connection, packet).start(plan)
        plan = self._faults.take(stage, connection.client_id)
        if stage == faults.SHADOW:
            self._shadows.start(connection, packet.topic, packet.payload, plan)
            _acknowledge(connection, packet, 1)
            return None
        # Begun first, so that it runs before the outbox: its answer then leaves with the acknowledgement.
        served = self._operations.start(connection, packet.topic, packet.payload, plan)
        if faults.NO_ACK not in plan:
            _acknowledge(connection, packet, 1)
        if not served:
            self._operations.throttle(connection, packet.topic, plan)
        return None

    def publish_will(self, connection: Connection, will: packets.Will) -> None:
        """The will of a connection that ended without DISCONNECT; it needs iot:Publish like any other."""
        if self._problem(connection, will.topic, will.payload, will.retain) is None:
            self._carry_out(connection, Publish(will.topic, will.payload, will.qos, will.retain, 0))

    def _exchange(self, connection: Connection, packet: Publish) -> Exchange[bool]:
        def refuse(plan: Plan) -> None:
            if faults.REJECT in plan:
                connection.hang_up(ends.SERVER_INITIATED, "fault reject")

        return Exchange(
            connection,
            act=lambda: self._carry_out(connection, packet),
            refuse=refuse,
            answer=lambda _, times: _acknowledge(connection, packet, times),
        )

    def _problem(
        self, connection: Connection, topic: str, data: bytes, retain: bool
    ) -> tuple[str, str] | None:
        """Why the connection is to be closed: (reason, detail)."""
        problem = filters.name_problem(topic, self._limits)
        if problem is not None:
            return ends.CLIENT_ERROR, f"topic {topic[:80]!r}: {problem}"
        if len(data) > self._limits.payload_bytes:
            return ends.CLIENT_ERROR, f"payload of {len(data)} bytes"
        principal, resource = connection.principal, policy.topic(topic)
        if not principal.allows(policy.PUBLISH, resource):
            return ends.FORBIDDEN, f"iot:Publish on {topic}: {principal.why_not()}"
        if topic.startswith("$"):
            if retain:
                return ends.CLIENT_ERROR, "RETAIN on a reserved topic"
            if operations.stage_of(topic) is None and not topic.startswith((topics.THINGS, topics.RULES)):
                return ends.CLIENT_ERROR, f"{topic} is reserved"
        elif retain and not principal.allows(policy.RETAIN_PUBLISH, resource):
            return ends.FORBIDDEN, f"iot:RetainPublish on {topic}"
        return None

    def _carry_out(self, connection: Connection, packet: Publish) -> bool:
        topic, payload, qos, retain, _ = packet
        if topic.startswith("$") and not topic.startswith(topics.RULES):  # jobs: no service listens yet
            if operations.stage_of(topic) == faults.SHADOW:  # a will
                self._shadows.start(connection, topic, payload, faults.NO_FAULTS)
            return True
        certificate_id, now_s = connection.principal.certificate_id, self._settings.clock()
        self._observer(Published(topic, payload, qos, connection.client_id, certificate_id, now_s))
        if not topic.startswith("$"):
            self._router.publish(topic, payload, qos, connection.client_id)
            if retain:
                self._router.retain(topic, payload, qos)
            if filters.sync_of(topic):
                plan = self._faults.take(faults.SYNC, connection.client_id)
                self._tables.start(connection, topic, payload, plan)
        return True

    def _rate(self, connection: Connection) -> Rate:
        rate = self._rates.get(connection)
        if rate is None:
            rate = Rate(self._limits.publishes_per_s, self._settings.clock)
            self._rates[connection] = rate
        return rate


def _acknowledge(connection: Connection, packet: Publish, times: int) -> None:
    if packet.qos == QOS_1:
        for _ in range(times):
            connection.send(packets.to_puback(packet.packet_id))
