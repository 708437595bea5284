"""Exports what the log holds, batch by batch. Loaded for one export, then unloaded.

A batch counts as exported when the cloud has acknowledged it; then the place in the log is remembered, as
long as the log itself lasts. If the acknowledgement is lost, the same batch is sent once more.
"""

from device.core import cloudwatch, fields, log_batch, paths, topics
from device.core.failures import GIVE_UP, Failure
from device.core.log import WARN
from device.runtime import log_news
from device.runtime.modules import unload, unload_passing, unload_readers
from device.runtime.service import DONE

_PAGE = 8
_SERVICE = "logs"


async def export(service, how):
    """Export every line that there is now. Raises Failure; what was acknowledged is not sent again."""
    clock = service.state.ports.clock
    began_ms, seen = clock.ms(), service.seen
    try:
        way = _ByMqtt(service, how) if how[0] == fields.MQTT else _ByHttps(service, how)
        if how[6]:
            from device.runtime.log_files import FlashLines

            lines = FlashLines(service, how, way.head)
        else:
            lines = _RingLines(service, how, way.head)
        await _export(service, way, lines)
        service.due_ms = None
        service.last = began_ms, clock.ms()
        if how[6] and getattr(service.state.services.get("log"), "after", seen) < seen:
            service.due_ms = clock.ms() + log_news.flash_ms(service, False)  # some are not on the flash yet
    finally:
        unload("device.core.log_batch", "device.core.cloudwatch", "device.core.log_text")
        unload("device.runtime.log_files", "device.runtime.log_news", "device.runtime.exporting")
        unload_passing()
        unload_readers()


async def _export(service, way, lines):
    most = log_batch.MOST_EVENTS
    while await way.is_open():
        batch = lines.batch(most)
        if batch is None:
            return
        if len(batch) and not await way.send(batch.json()):
            if len(batch) > 1:
                most = len(batch) // 2
                continue
            service.warn("a line is left out: CloudWatch does not accept it (%s)" % way.why)
        lines.done()
        if batch.left_out:
            service.warn("%d lines are not exported: they are older than 14 days" % batch.left_out)


class _RingLines:
    """The lines in memory that are not exported; `head` begins each message."""

    def __init__(self, service, how, head):
        self._service = service
        self._log = service.state.log
        self._how = how
        self._head = head
        self._end = self._log.last()  # what is said meanwhile is for the next export
        self._after = self._log.exported

    def batch(self, most):
        """The next Batch, which may have no events; None at the end."""
        clock, log = self._service.state.ports.clock, self._log
        if log.exported >= self._end:
            return None
        unix_s = clock.unix()
        self._service.start_ms = log_batch.started(clock.ms(), unix_s, self._service.start_ms)
        runs = log_batch.starts(log, self._service.start_ms)
        batch = log_batch.Batch(unix_s * 1000, most)
        self._after = log.exported
        lines = log.lines(self._after, _PAGE)
        if lines and lines[0][0] - self._after > 1:
            text = "%d lines were lost: the log is shorter" % (lines[0][0] - self._after - 1)
            at_ms = log_batch.when(runs, lines[0][0], lines[0][4])
            batch.add(at_ms, "%s- %s %s %s" % (self._head, WARN, _SERVICE, text))
        while lines:
            for number, level, source, text, ms in lines:
                if number > self._end:
                    return batch
                if log_news.passes(self._how, level, source):
                    message = "%s%d %s %s %s" % (self._head, number, level, source, text.rstrip())
                    if not batch.add(log_batch.when(runs, number, ms), message):
                        return batch
                self._after = number
            lines = log.lines(self._after, _PAGE)
        self._after = self._end  # a damaged line ends the ring
        return batch

    def done(self):
        """The batch is exported."""
        self._log.mark(self._after)


class _ByMqtt:
    """Publishes batches for a rule of AWS IoT with the action cloudwatchLogs, in batch mode."""

    def __init__(self, service, how):
        self._session = service.state.session
        settings = service.state.settings
        self._topic = topics.log(settings.topic_prefix, settings.serial)
        if how[5]:
            self._topic = topics.by_rule(how[5], self._topic)
        self.head = settings.serial + " "  # the rule's stream may be that of many boards
        self.why = ""

    async def is_open(self):
        """Wait until something can be sent: a batch must not wait in memory."""
        await self._session.online()
        return True

    async def send(self, events):
        """Send the events, a JSON array; whether they are accepted. Raises Failure."""
        await self._session.publish(self._topic, events.encode())
        return True


class _ByHttps:
    """Calls PutLogEvents, and makes stream and group when they are missing."""

    def __init__(self, service, how):
        self._service = service
        self._state = service.state
        self._region, self._group, self._host, self._port, self._may_make_group = how[5]
        self._keys = None  # those of the last request
        self.head = ""
        self.why = ""

    async def is_open(self):
        await self._state.networking.join()
        return True

    async def send(self, events):
        tried = []
        body = cloudwatch.body(self._group, self._stream(), events)
        while True:
            reply, date = await self._ask(fields.PUT_LOG_EVENTS, body)
            if reply.meaning == cloudwatch.DONE:
                if reply.has_rejected:
                    self._service.warn("CloudWatch has left out lines: their time is too far from its own")
                return True
            self.why = reply.text
            if reply.meaning == cloudwatch.TOO_MUCH:
                return False
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
        stream = self._stream()
        body = cloudwatch.body(self._group, stream)
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

    def _stream(self):
        return self._state.identity.thing_name.replace(":", "-")  # a stream's name has none

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
