"""The topics on which boards synchronise their tables: ordinary messages that the twin also acts upon.

So would a rule of AWS IoT. The requests of one board are served in the order in which they came.
"""

import json
from typing import Any

from device.core import fields, topics
from muster.registry import Registry
from muster.registry.failures import RegistryError
from muster.twin import faults, tables
from muster.twin.connection import Connection
from muster.twin.exchange import Exchange
from muster.twin.faults import Plan
from muster.twin.log import log
from muster.twin.packets import QOS_1
from muster.twin.router import Router
from muster.twin.serving import Serving
from muster.twin.settings import Settings
from muster.twin.tables import TableError

_log = log()

Answer = tuple[bool, dict[str, Any]]  # accepted?, body


class TableRequests:
    """Serves them."""

    def __init__(self, registry: Registry, router: Router, settings: Settings) -> None:
        self._registry = registry
        self._router = router
        self._settings = settings
        self._serving = Serving(settings, settings.limits.table_calls, settings.limits.table_calls_per_s)
        self.stop = self._serving.stop

    def start(self, connection: Connection, topic: str, payload: bytes, plan: Plan) -> None:
        """Begin to serve a request; one too many is refused."""
        try:
            asked = tables.request(payload)
        except TableError as error:
            self._publish(topic, _refused(None, error))
            return
        if not self._serving.admits(topic, topic):
            self._publish(topic, _refused(asked, TableError(429, "Too many requests")))
            return
        exchange: Exchange[Answer] = Exchange(
            connection,
            act=lambda: self._act(topic, asked),
            refuse=lambda plan: _refused(asked, _fault(plan)),
            answer=lambda answer, times: self._publish(topic, answer, plan, times),
        )
        self._serving.start(topic, topic, f"{connection.client_id}: {topic}", exchange, plan)

    async def _act(self, topic: str, asked: tables.Request) -> Answer:
        now_s = int(self._settings.clock())
        try:
            return True, await self._registry.patiently(
                lambda: tables.serve(self._registry, topic, asked, now_s)
            )
        except TableError as error:
            return _refused(asked, error)
        except RegistryError as error:
            _log.warning("a request failed: %s", error)
            return _refused(asked, TableError(500, "Internal service failure"))

    def _publish(self, topic: str, answer: Answer, plan: Plan = faults.NO_FAULTS, times: int = 1) -> None:
        is_accepted, body = answer
        code = body.get(fields.CODE)
        what = f"{code} {body[fields.MESSAGE]}" if code else _summary(body)
        _log.info("%s: %s %s", topic, body.get(fields.TABLE, "?"), what)
        payload = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
        answer_topic = topics.accepted(topic) if is_accepted else topics.rejected(topic)
        for _ in range(times):
            self._router.publish(answer_topic, plan.distorted(payload), QOS_1)


def _summary(body: dict[str, Any]) -> str:
    refused, changes = len(body[fields.REFUSED]), len(body.get(fields.CHANGES, ()))
    return f"message {body[fields.NUMBER]}, {refused} refused, {changes} changes for the board"


def _refused(asked: tables.Request | None, error: TableError) -> Answer:
    body: dict[str, Any] = {fields.CODE: error.code, fields.MESSAGE: str(error)}
    if asked is not None:
        body |= {fields.TABLE: asked.table, fields.NUMBER: asked.number}
    if error.last is not None:
        body[fields.SEEN] = error.last
    return False, body


def _fault(plan: Plan) -> TableError:
    if plan.is_throttled:
        return TableError(429, "Too many requests")
    return TableError(plan.number(faults.REJECT), "Refused by a fault of the twin.")
