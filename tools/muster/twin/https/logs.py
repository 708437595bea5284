"""CloudWatch Logs over HTTPS: JSON 1.1, each request signed with keys of the twin's credentials provider.

Source: CloudWatch Logs API Reference, "Common errors"; botocore's model. The texts of the errors are those
that its users have seen.
"""

import asyncio
import json
import sqlite3
import uuid
from typing import TYPE_CHECKING, Any

from aiohttp import web

from device.core import fields
from muster.twin import faults
from muster.twin.cloudwatch import BATCH_BYTES, FORBIDDEN, NO_DOCUMENT, LogsError
from muster.twin.faults import Plan
from muster.twin.https.limits import allowing
from muster.twin.https.signatures import SignatureError, Signed, verify
from muster.twin.issued_keys import Issued
from muster.twin.log import log

if TYPE_CHECKING:
    from muster.twin.server import Twin

_SERVICE = "logs"
_BODY_BYTES = 4 * BATCH_BYTES  # a full batch as JSON, letters with accents as \uXXXX
_OF_A_THING = (fields.PUT_LOG_EVENTS, fields.CREATE_LOG_STREAM)
UNAVAILABLE = "ServiceUnavailableException"
_log = log()


class _HangUpError(Exception):
    """The connection is to be cut instead of an answer: a fault."""


def routes(twin: "Twin") -> list[web.RouteDef]:
    """The one address of CloudWatch Logs."""
    return [web.post("/", _Logs(twin).answer)]


class _Logs:
    def __init__(self, twin: "Twin") -> None:
        self._twin = twin

    @allowing(body_bytes=_BODY_BYTES)
    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Carry out a request, or say why not."""
        now_s = self._twin.settings.clock()
        operation = request.headers.get(fields.TARGET_HEADER, "").removeprefix(fields.LOGS_TARGET)
        try:
            keys = await self._keys(request, now_s)
            plan = self._twin.engine.faults.take(faults.LOGS, keys.thing_name or "")
            await _fail_before(plan)
            answer = self._carried_out(keys, operation, await request.read(), int(now_s * 1000))
            _fail_after(plan)
        except _HangUpError:
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=500)  # nobody gets it
        except (LogsError, SignatureError) as error:
            _log.info("logs: %s: %s: %s", operation, error.name, error.text)
            document = {fields.ERROR_TYPE: error.name, fields.MESSAGE: error.text}
            return _json(document, error.status)
        return _json(answer, 200)

    async def _keys(self, request: web.Request, now_s: float) -> Issued:
        target, _, query = request.raw_path.partition("?")
        signed = Signed(request.method, target, query, list(request.headers.items()), await request.read())
        return verify(signed, _SERVICE, self._twin.credentials, now_s)

    def _carried_out(self, keys: Issued, operation: str, body: bytes, now_ms: int) -> dict[str, Any]:
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            raise LogsError(NO_DOCUMENT, "the body is not JSON") from None
        self._check_access(keys, operation, document)
        try:
            return self._twin.logs.cloudwatch.serve(operation, document, now_ms)
        except sqlite3.Error as error:
            _log.warning("logs: the file of events cannot be used: %s", error)
            raise LogsError(UNAVAILABLE, "The service cannot complete the request.", 500) from error

    def _check_access(self, keys: Issued, operation: str, document: object) -> None:
        """A thing writes the stream of its own name, as a role's policy with a variable says on AWS."""
        named = document.get(fields.LOG_STREAM_NAME) if isinstance(document, dict) else None
        is_refused = operation in _OF_A_THING and named != keys.thing_name
        if operation == fields.CREATE_LOG_GROUP and not self._twin.settings.boards_create_log_groups:
            is_refused = True
        if is_refused:
            who = f"credentials-iot:ThingName/{keys.thing_name}"
            raise LogsError(FORBIDDEN, f"{who} is not authorized to perform: logs:{operation} on {named!r}")


async def _fail_before(plan: Plan) -> None:
    """The faults that somebody has set, before anything is done."""
    if plan.delay_s:
        await asyncio.sleep(plan.delay_s)
    if faults.CLOSE_BEFORE in plan or faults.IGNORE in plan:
        raise _HangUpError
    if plan.is_throttled:
        raise LogsError("ThrottlingException", "Rate exceeded")
    if faults.REJECT in plan:
        code = plan.rejection()[fields.ERROR_CODE]
        raise LogsError(str(code), "Refused by a fault of the twin.", plan.number(faults.REJECT))


def _fail_after(plan: Plan) -> None:
    if faults.LOSE_ANSWER in plan or faults.CLOSE_AFTER in plan:
        raise _HangUpError


def _json(document: object, status: int) -> web.Response:
    headers = {"x-amzn-RequestId": str(uuid.uuid4())}
    body = json.dumps(document, ensure_ascii=False).encode()
    return web.Response(body=body, status=status, headers=headers, content_type=fields.LOGS_TYPE)
