"""SUBSCRIBE and UNSUBSCRIBE as AWS IoT Core takes them.

Source: AWS IoT Developer Guide, "MQTT"; AWS General Reference, "AWS IoT Core protocol limits".
"""

from collections.abc import Coroutine
from typing import Any

from muster.twin import connection as ends
from muster.twin import faults, filters, packets, policy
from muster.twin.connection import Connection
from muster.twin.exchange import Exchange
from muster.twin.faults import Faults
from muster.twin.packets import QOS_2, SUBSCRIBE_FAILURE, Subscribe, Unsubscribe
from muster.twin.router import Router
from muster.twin.settings import Settings


class Subscribing:
    """Judges and keeps subscriptions."""

    def __init__(self, settings: Settings, router: Router, injected: Faults) -> None:
        self._limits = settings.limits
        self._router = router
        self._faults = injected

    def take(self, connection: Connection, packet: Subscribe) -> Coroutine[Any, Any, None] | None:
        """A SUBSCRIBE: acknowledged, left without an answer (QoS 2), or the end of the connection."""
        problem = self._problem(connection, packet.filters)
        if problem is not None:
            connection.hang_up(*problem)
            return None
        if any(qos == QOS_2 for _, qos in packet.filters):
            return None
        exchange: Exchange[list[int]] = Exchange(
            connection,
            act=lambda: self._add(connection, packet),
            refuse=lambda _: [SUBSCRIBE_FAILURE] * len(packet.filters),
            answer=lambda codes, times: self._acknowledge(connection, packet, codes, times),
        )
        return exchange.start(self._faults.take(faults.SUBSCRIBE, connection.client_id))

    def take_back(self, connection: Connection, packet: Unsubscribe) -> None:
        """An UNSUBSCRIBE: always acknowledged."""
        for name in packet.filters:
            self._router.sessions.unsubscribe(connection.session, name)
        connection.send(packets.to_unsuback(packet.packet_id))

    def _problem(self, connection: Connection, wanted: list[tuple[str, int]]) -> tuple[str, str] | None:
        """Why the connection is to be closed: (reason, detail)."""
        if len(wanted) > self._limits.filters_per_subscribe:
            return ends.CLIENT_ERROR, f"{len(wanted)} filters in one SUBSCRIBE"
        for name, _ in wanted:
            problem = filters.filter_problem(name, self._limits)
            if problem:
                return ends.CLIENT_ERROR, f"filter {name!r}: {problem}"
            if not connection.principal.allows(policy.SUBSCRIBE, policy.topic_filter(name)):
                return ends.FORBIDDEN, f"iot:Subscribe on {name}: {connection.principal.why_not()}"
        return None

    def _add(self, connection: Connection, packet: Subscribe) -> list[int]:
        subscribe, session = self._router.sessions.subscribe, connection.session
        return [qos if subscribe(session, name, qos) else SUBSCRIBE_FAILURE for name, qos in packet.filters]

    def _acknowledge(self, connection: Connection, packet: Subscribe, codes: list[int], times: int) -> None:
        for _ in range(times):
            connection.send(packets.to_suback(packet.packet_id, codes))
        for (name, qos), code in zip(packet.filters, codes, strict=True):
            if code != SUBSCRIBE_FAILURE:
                self._router.send_retained(connection, name, qos)
