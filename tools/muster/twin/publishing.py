"""PUBLISH as AWS IoT Core takes it: judged first, acknowledged second, then delivered or acted upon.

Source: AWS IoT Developer Guide, "MQTT", "Reserved topics"; AWS General Reference, "protocol limits".
"""

import asyncio
from typing import TYPE_CHECKING

from amqtt.broker import RetainedApplicationMessage
from amqtt.mqtt.constants import QOS_1, QOS_2
from amqtt.mqtt.puback import PubackPacket
from amqtt.mqtt.publish import PublishPacket
from amqtt.session import Session

from device.core import topics
from muster.twin import connection as ends
from muster.twin import faults, filters, operations, policy
from muster.twin.connection import Connection

if TYPE_CHECKING:
    from muster.twin.engine import Engine


class Publishing:
    """Judges and carries out what clients publish."""

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine
        self._limits = engine.settings.limits

    async def take(self, connection: Connection, packet: PublishPacket) -> None:
        """A PUBLISH: acted upon, left without an answer (QoS 2), or the end of the connection."""
        topic, data = packet.topic_name or "", packet.data or b""
        problem = self._problem(connection, topic, data, packet.retain_flag)
        if problem is not None:
            connection.hang_up(*problem)
            return
        if packet.qos == QOS_2:
            return
        stage = operations.stage_of(topic)
        if stage is not None:
            plan = self._engine.faults.take(stage, connection.client_id)
            if faults.NO_ACK not in plan:
                _acknowledge(connection, packet)
            self._engine.operations.start(connection, topic, data, plan)
        else:
            await self._take_ordinary(connection, packet, topic, data)

    def publish_will(self, connection: Connection, session: Session) -> None:
        """The will of a connection that ended without DISCONNECT; it needs iot:Publish like any other."""
        topic, data = session.will_topic or "", bytes(session.will_message or b"")
        if self._problem(connection, topic, data, bool(session.will_retain)) is None:
            self._carry_out(connection, topic, data, session.will_qos or 0, bool(session.will_retain))

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

    async def _take_ordinary(
        self, connection: Connection, packet: PublishPacket, topic: str, data: bytes
    ) -> None:
        plan = self._engine.faults.take(faults.PUBLISH, connection.client_id)
        await asyncio.sleep(plan.delay_s)
        if faults.CLOSE_BEFORE in plan or faults.REJECT in plan:
            connection.hang_up(ends.SERVER_INITIATED, "fault")
        if faults.IGNORE in plan or plan.is_throttled or connection.reason is not None:
            return
        self._carry_out(connection, topic, data, packet.qos or 0, packet.retain_flag)
        if faults.CLOSE_AFTER in plan:
            connection.hang_up(ends.SERVER_INITIATED, "fault close-after")
        elif faults.LOSE_ANSWER not in plan:
            for _ in range(2 if faults.TWICE in plan else 1):
                _acknowledge(connection, packet)
        if faults.CLOSE_ANSWERED in plan:
            connection.hang_up(ends.SERVER_INITIATED, "fault close-answered")

    def _carry_out(self, connection: Connection, topic: str, data: bytes, qos: int, retain: bool) -> None:
        if topic.startswith("$"):
            return  # shadows, jobs and rules: no service listens yet
        self._engine.observe(connection, topic, data, qos)
        self._engine.route(topic, data, qos)
        if retain:
            kept = self._engine.retained_messages
            kept.pop(topic, None)
            if data:  # an empty payload deletes
                kept[topic] = RetainedApplicationMessage(connection.session, topic, data, qos)


def _acknowledge(connection: Connection, packet: PublishPacket) -> None:
    if packet.qos == QOS_1 and packet.packet_id is not None:
        connection.send(PubackPacket.build(packet.packet_id))
