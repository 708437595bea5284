"""The reserved topics that are requests: from a PUBLISH to the answer on the same connection.

An answer goes to the requesting connection only, and only if it subscribed to the answer's topic before.
Source: AWS IoT Developer Guide, "Device provisioning MQTT API".
"""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from device.core import fields, topics
from muster.twin import faults
from muster.twin.connection import SERVER_INITIATED, Connection
from muster.twin.log import log
from muster.twin.provisioning import Caller, Provisioning
from muster.twin.registration import RejectedError

_log = log()

Deliver = Callable[[Connection, str, bytes], None]


def stage_of(topic: str) -> str | None:
    """The operation that a publish to `topic` asks for, or None."""
    if topic == topics.CREATE_KEYS:
        return faults.CREATE_KEYS
    if topic == topics.CREATE_FROM_CSR:
        return faults.CREATE_FROM_CSR
    return faults.REGISTER if topics.template_of(topic) else None


class Operations:
    """Runs requests beside the connections, so that none waits for another."""

    def __init__(self, provisioning: Provisioning, deliver: Deliver) -> None:
        self._provisioning = provisioning
        self._deliver = deliver
        self._running: set[asyncio.Task[None]] = set()

    def start(self, connection: Connection, topic: str, payload: bytes, plan: faults.Plan) -> None:
        """Begin to serve a request."""
        task = asyncio.create_task(self._serve(connection, topic, payload, plan))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def stop(self) -> None:
        """Give up what still runs."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _serve(self, connection: Connection, topic: str, payload: bytes, plan: faults.Plan) -> None:
        await asyncio.sleep(plan.delay_s)
        if faults.CLOSE_BEFORE in plan:
            connection.hang_up(SERVER_INITIATED, "fault close-before")
            return
        if faults.IGNORE in plan:
            return
        is_accepted, answer = await self._answer(connection, topic, payload, plan)
        if faults.CLOSE_AFTER in plan:
            connection.hang_up(SERVER_INITIATED, "fault close-after")
            return
        if faults.LOSE_ANSWER in plan:
            return
        _log.info("%s: %s %s", connection.client_id, topic, "accepted" if is_accepted else answer)
        answer_topic = topics.accepted(topic) if is_accepted else topics.rejected(topic)
        body = plan.distorted(json.dumps(answer).encode())
        for _ in range(2 if faults.TWICE in plan else 1):
            self._deliver(connection, answer_topic, body)
        if faults.CLOSE_ANSWERED in plan:
            connection.hang_up(SERVER_INITIATED, "fault close-answered")

    async def _answer(
        self, connection: Connection, topic: str, payload: bytes, plan: faults.Plan
    ) -> tuple[bool, dict[str, Any]]:
        if plan.is_throttled:
            return False, faults.THROTTLED
        if faults.REJECT in plan:
            return False, plan.rejection()
        try:
            answer = await self._act(connection, topic, payload)
        except RejectedError as error:
            return False, error.document
        except Exception:
            _log.exception("%s: %s failed", connection.client_id, topic)
            failure = RejectedError(500, "InternalFailure", "The twin failed; its log says why.")
            return False, failure.document
        if faults.STRANGER in plan:
            answer = self._of_a_stranger(answer)
        return True, answer

    async def _act(self, connection: Connection, topic: str, payload: bytes) -> dict[str, Any]:
        if topic == topics.CREATE_KEYS:
            return await self._provisioning.create_keys(payload)
        if topic == topics.CREATE_FROM_CSR:
            return await self._provisioning.create_from_csr(payload)
        caller = Caller(connection.principal.certificate_id, connection.client_id)
        return await self._provisioning.register(topics.template_of(topic), payload, caller)

    def _of_a_stranger(self, answer: dict[str, Any]) -> dict[str, Any]:
        if fields.OWNERSHIP_TOKEN in answer:
            return {**answer, **self._provisioning.issue_to_stranger()}
        return {**answer, fields.THING_NAME: "stranger"}
