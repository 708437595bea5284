"""The reserved topics that are requests: from a PUBLISH to the answer on the same connection.

An answer goes to the requesting connection only, and only if it subscribed to the answer's topic before.
The requests of a connection are served one after the other, beside those of other connections.
Source: AWS IoT Developer Guide, "Device provisioning MQTT API".
"""

import asyncio
import json
from collections import deque
from typing import Any, NamedTuple

from device.core import fields, topics
from muster.twin import faults, filters
from muster.twin.connection import Connection
from muster.twin.exchange import Exchange
from muster.twin.faults import Plan
from muster.twin.log import log
from muster.twin.provisioning import Caller, Provisioning
from muster.twin.registration import RejectedError
from muster.twin.router import Router
from muster.twin.settings import Settings
from muster.twin.throttle import Rate

_log = log()

Answer = tuple[bool, dict[str, Any]]  # accepted?, body


class _Request(NamedTuple):
    topic: str
    payload: bytes
    plan: Plan


def stage_of(topic: str) -> str | None:
    """The operation that a publish to `topic` asks for, or None."""
    if topic == topics.CREATE_KEYS:
        return faults.CREATE_KEYS
    if topic == topics.CREATE_FROM_CSR:
        return faults.CREATE_FROM_CSR
    if filters.shadow_of(topic):
        return faults.SHADOW
    return faults.REGISTER if topics.template_of(topic) else None


class Operations:
    """Runs requests beside the connections, so that none waits for another."""

    def __init__(self, provisioning: Provisioning, router: Router, settings: Settings) -> None:
        self._provisioning = provisioning
        self._router = router
        self._limits = settings.limits
        self._rates = {one: Rate(settings.limits.calls_per_s, settings.clock) for one in faults.OPERATIONS}
        self._is_throttled = settings.throttle
        self._requests: dict[Connection, deque[_Request]] = {}  # the first one is being served
        self._workers: dict[Connection, asyncio.Task[None]] = {}

    def start(self, connection: Connection, topic: str, payload: bytes, plan: Plan) -> bool:
        """Begin to serve a request, or let it wait for those before it; False: there are too many."""
        waiting = self._requests.setdefault(connection, deque())
        is_refused = self._is_throttled and not self._rates[stage_of(topic) or ""].passes()
        if is_refused or len(waiting) >= self._limits.calls_waiting:
            return False
        waiting.append(_Request(topic, payload, plan))
        if connection not in self._workers:
            self._workers[connection] = asyncio.create_task(self._work(connection))
        return True

    def throttle(self, connection: Connection, topic: str, plan: Plan) -> None:
        """Answer a request that was not taken."""
        self._answer(connection, topic, plan, (False, faults.THROTTLED), 1)

    def give_up(self, connection: Connection) -> None:
        """The connection has ended: nobody waits for its answers any more."""
        self._requests.pop(connection, None)
        worker = self._workers.pop(connection, None)
        if worker is not None and worker is not asyncio.current_task():
            worker.cancel()

    async def _work(self, connection: Connection) -> None:
        requests = self._requests[connection]
        while requests and connection.reason is None:
            request = requests[0]
            try:
                await self._serve(connection, request)
            except Exception:
                _log.exception("%s: %s failed", connection.client_id, request.topic)
            requests.popleft()
        if self._workers.get(connection) is asyncio.current_task():
            del self._workers[connection]
            self._requests.pop(connection, None)

    async def _serve(self, connection: Connection, request: _Request) -> None:
        topic, _, plan = request
        exchange: Exchange[Answer] = Exchange(
            connection,
            act=lambda: self._act(connection, request),
            refuse=lambda plan: (False, faults.THROTTLED if plan.is_throttled else plan.rejection()),
            answer=lambda answer, times: self._answer(connection, topic, plan, answer, times),
        )
        await exchange.carry_out(plan)

    def _answer(self, connection: Connection, topic: str, plan: Plan, answer: Answer, times: int) -> None:
        is_accepted, body = answer
        _log.info("%s: %s %s", connection.client_id, topic, "accepted" if is_accepted else body)
        answer_topic = topics.accepted(topic) if is_accepted else topics.rejected(topic)
        data = plan.distorted(json.dumps(body).encode())
        for _ in range(times):
            self._router.answer(connection, answer_topic, data)

    async def _act(self, connection: Connection, request: _Request) -> Answer:
        try:
            answer = await self._ask(connection, request)
        except RejectedError as error:
            return False, error.document
        except Exception:
            _log.exception("%s: %s failed", connection.client_id, request.topic)
            failure = RejectedError(500, "InternalFailure", "The twin failed; its log says why.")
            return False, failure.document
        if faults.STRANGER in request.plan:
            answer = self._of_a_stranger(answer)
        return True, answer

    async def _ask(self, connection: Connection, request: _Request) -> dict[str, Any]:
        topic, payload, _ = request
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
