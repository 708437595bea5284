"""Exports batches to CloudWatch Logs by HTTPS. Loaded for one export, then unloaded."""

from device.core import cloudwatch, fields, paths
from device.core.failures import AGAIN, GIVE_UP, Failure
from device.runtime.service import DONE

_SERVICE = "logs"  # what requests are signed for


class ByHttps:
    """Calls PutLogEvents, and makes stream and group when they are missing."""

    def __init__(self, service, how):
        self._service = service
        self._state = service.state
        self._region, self._group, self._host, self._port, self._may_make_group = how[5]
        self._keys = None  # those of the last request
        if self._state.identity is None:
            raise Failure(AGAIN, "the board has no identity now")
        self._stream = self._state.identity.thing_name.replace(":", "-")  # a stream's name has none
        self.begin = cloudwatch.begin(self._group, self._stream)
        self.end = cloudwatch.END
        self.head = ""

    def is_open(self):
        """Whether something can be sent now."""
        return self._state.ports.network.connected()

    async def send(self, body):
        """Send a batch; return the Failure if there is something in it that is not accepted.

        Raises Failure for everything else.
        """
        tried = []
        while True:
            reply, date = await self._ask(fields.PUT_LOG_EVENTS, body)
            if reply.meaning == cloudwatch.DONE:
                if reply.has_rejected:
                    self._service.warn("CloudWatch has left out lines: their time is too far from its own")
                return None
            if reply.meaning == cloudwatch.TOO_MUCH:
                return reply.failure(fields.PUT_LOG_EVENTS)
            if reply.meaning in tried or not await self._helps(reply, date):
                raise reply.failure(fields.PUT_LOG_EVENTS)
            tried.append(reply.meaning)

    async def _helps(self, reply, date):
        """Do what may help against a refusal; whether the request may be made again at once."""
        if reply.meaning == cloudwatch.MISSING:
            await self._make()
        elif reply.meaning == cloudwatch.KEYS:
            await self._service_keys().current(self._keys)
        elif reply.meaning == cloudwatch.CLOCK:
            from device.core import calendar
            from device.runtime import timekeeper

            now_s = self._state.ports.clock.unix()
            if not await timekeeper.ask(self._state) or abs(self._state.ports.clock.unix() - now_s) < 60:
                shown = calendar.text(now_s), date or reply.text
                advice = "let the board reach a time server"
                raise Failure(
                    GIVE_UP, "the board's clock is wrong: it says %s, CloudWatch %s" % shown, advice
                )
        else:
            return False
        return True

    async def _make(self):
        """Make the stream, and the group if the settings allow it."""
        body = cloudwatch.body(self._group, self._stream)
        reply, _ = await self._ask(fields.CREATE_LOG_STREAM, body)
        if reply.meaning == cloudwatch.MISSING:
            if not self._may_make_group:
                advice = "make it, or set %s to true in %s" % (fields.CREATE_GROUP, paths.CONFIG)
                raise Failure(GIVE_UP, "there is no log group %s" % self._group, advice)
            reply, _ = await self._ask(fields.CREATE_LOG_GROUP, cloudwatch.body(self._group, ""))
            if reply.meaning != cloudwatch.DONE:
                raise reply.failure(fields.CREATE_LOG_GROUP)
            reply, _ = await self._ask(fields.CREATE_LOG_STREAM, body)
        if reply.meaning != cloudwatch.DONE:
            raise reply.failure(fields.CREATE_LOG_STREAM)

    def _service_keys(self):
        keys = self._state.services.get("keys")
        if keys is None or keys.condition == DONE:
            advice = "name a role alias in %s, section %s" % (paths.CONFIG, fields.KEYS)
            raise Failure(GIVE_UP, "there are no keys for CloudWatch", advice)
        return keys

    async def _ask(self, operation, body):
        """(Reply, the server's time) of one request."""
        from device.runtime.fetching import Request

        address = "https://%s:%d/" % (self._host, self._port)
        headers, self._keys = await self._service_keys().signed(
            "POST", address, cloudwatch.headers(operation), body, (self._region, _SERVICE)
        )
        request = Request(self._state, "POST", address, headers, body, None, cloudwatch.MAX_ANSWER_BYTES)
        headers = None
        answer = await request.answer()
        return cloudwatch.Reply(answer.status, answer.body), answer.headers.get("date", "")
