"""SUBSCRIBE and UNSUBSCRIBE as AWS IoT Core takes them, on amqtt's table of subscriptions.

Source: AWS IoT Developer Guide, "MQTT"; AWS General Reference, "AWS IoT Core protocol limits".
"""

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING

from amqtt.mqtt.constants import QOS_2
from amqtt.mqtt.suback import SubackPacket
from amqtt.mqtt.subscribe import SubscribePacket
from amqtt.mqtt.unsuback import UnsubackPacket
from amqtt.mqtt.unsubscribe import UnsubscribePacket
from amqtt.session import Session

from muster.twin import connection as ends
from muster.twin import faults, filters, policy
from muster.twin.connection import Connection

if TYPE_CHECKING:
    from muster.twin.engine import Engine

_FAILURE = 0x80


class Subscribing:
    """Judges and keeps subscriptions."""

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine
        self._limits = engine.settings.limits

    async def take(self, connection: Connection, packet: SubscribePacket) -> None:
        """A SUBSCRIBE: acknowledged, left without an answer (QoS 2), or the end of the connection."""
        assert packet.payload is not None and packet.variable_header is not None
        wanted = packet.payload.topics
        problem = self._problem(connection, wanted)
        if problem is not None:
            connection.hang_up(*problem)
            return
        if any(qos == QOS_2 for _, qos in wanted):
            return
        plan = self._engine.faults.take(faults.SUBSCRIBE, connection.client_id)
        await asyncio.sleep(plan.delay_s)
        if faults.CLOSE_BEFORE in plan:
            connection.hang_up(ends.SERVER_INITIATED, "fault close-before")
        if faults.IGNORE in plan or connection.reason is not None:
            return
        if plan.is_throttled or faults.REJECT in plan:
            codes = [_FAILURE] * len(wanted)
        else:
            codes = [self._add(connection, name, qos) for name, qos in wanted]
        self._acknowledge(connection, packet.variable_header.packet_id, codes, plan)
        for (name, qos), code in zip(wanted, codes, strict=True):
            if code != _FAILURE:
                self._send_retained(connection, name, qos)

    def _acknowledge(
        self, connection: Connection, packet_id: int, codes: list[int], plan: faults.Plan
    ) -> None:
        if faults.CLOSE_AFTER in plan:
            connection.hang_up(ends.SERVER_INITIATED, "fault close-after")
        elif faults.LOSE_ANSWER not in plan:
            for _ in range(2 if faults.TWICE in plan else 1):
                connection.send(SubackPacket.build(packet_id, codes))
        if faults.CLOSE_ANSWERED in plan:
            connection.hang_up(ends.SERVER_INITIATED, "fault close-answered")

    def take_back(self, connection: Connection, packet: UnsubscribePacket) -> None:
        """An UNSUBSCRIBE: always acknowledged."""
        assert packet.payload is not None and packet.variable_header is not None
        table = self._engine.subscriptions
        for name in packet.payload.topics:
            left = [entry for entry in table.get(name, []) if entry[0].client_id != connection.client_id]
            if left:
                table[name] = left
            else:
                table.pop(name, None)
        connection.send(UnsubackPacket.build(packet.variable_header.packet_id))

    def subscribers(self, topic: str) -> Iterable[tuple[Session, int]]:
        """Every session that wants the topic, once, with the highest QoS it was granted."""
        found: dict[str, tuple[Session, int]] = {}
        for name, entries in self._engine.subscriptions.items():
            if name != topic and not (filters.has_wildcard(name) and filters.matches(topic, name)):
                continue
            for session, qos in entries:
                key = session.client_id or ""
                if key not in found or found[key][1] < qos:
                    found[key] = (session, qos)
        return found.values()

    def granted(self, client_id: str, topic: str) -> int | None:
        """The QoS at which this client is subscribed to the topic, or None."""
        for session, qos in self.subscribers(topic):
            if session.client_id == client_id:
                return qos
        return None

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

    def _add(self, connection: Connection, name: str, qos: int) -> int:
        table, session = self._engine.subscriptions, connection.session
        assert session is not None
        others = [entry for entry in table.get(name, []) if entry[0].client_id != session.client_id]
        is_new = len(others) == len(table.get(name, []))
        if is_new and self._count(connection.client_id) >= self._limits.filters_per_connection:
            return _FAILURE
        table[name] = [*others, (session, qos)]
        return qos

    def _count(self, client_id: str) -> int:
        return sum(
            any(session.client_id == client_id for session, _ in entries)
            for entries in self._engine.subscriptions.values()
        )

    def _send_retained(self, connection: Connection, name: str, qos: int) -> None:
        """AWS delivers a retained message to an exact filter only."""
        kept = self._engine.retained_messages.get(name)
        if kept is not None and self._engine.may_receive(connection.principal, name):
            connection.deliver(name, bytes(kept.data), min(qos, kept.qos or 0), retain=True)
