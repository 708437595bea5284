"""Exports what the log holds, batch by batch. Loaded for one export, then unloaded.

A batch counts as exported when the cloud has acknowledged it; then the place in the log is remembered, as
long as the log itself lasts. If the acknowledgement is lost, the same batch is sent once more.
"""

from device.core import fields, log_batch, topics
from device.core.log import WARN
from device.runtime import log_news
from device.runtime.modules import unload, unload_passing, unload_readers

_PAGE = 8
_SERVICE = "logs"
_MOST_SKIPPED = 3  # lines in one export


async def export(service, how):
    """Export every line that there is now. Raises Failure; what was acknowledged is not sent again."""
    clock = service.state.ports.clock
    began_ms, seen = clock.ms(), service.seen
    try:
        if how[0] == fields.MQTT:
            way = _ByMqtt(service, how)
        else:
            from device.runtime.export_https import ByHttps

            way = ByHttps(service, how)
        if how[6]:
            from device.runtime.log_files import FlashLines

            lines = FlashLines(service, how, way.head)
        else:
            lines = _RingLines(service, how, way.head)
        if not await _export(service, way, lines):
            return  # the link is away: it stays due
        service.due_ms = None
        service.last = began_ms, clock.ms()
        if how[6] and getattr(service.state.services.get("log"), "after", seen) < seen:
            service.due_ms = clock.ms() + log_news.flash_ms(service, False)  # some are not on the flash yet
    finally:
        unload("device.core.log_batch", "device.core.cloudwatch", "device.core.log_text")
        unload("device.runtime.log_files", "device.runtime.export_https", "device.runtime.log_news")
        unload("device.runtime.exporting")
        unload_passing()
        unload_readers()


async def _export(service, way, lines):
    """Export batch by batch; whether the end was reached."""
    most, skipped = log_batch.MOST_EVENTS, 0
    while way.is_open():
        batch = lines.batch(most)
        if batch is None:
            return True
        refused = await way.send(batch.json()) if len(batch) else None
        if refused:
            if len(batch) > 1:
                most = len(batch) // 2
                continue
            skipped += 1
            if skipped > _MOST_SKIPPED:  # it is not the line that is wrong
                raise refused
            service.warn("a line is left out, CloudWatch does not accept it: %s" % refused)
        lines.done()
        if batch.left_out:
            service.warn("%d lines are not exported: they are older than 14 days" % batch.left_out)
    return False


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
            self._after = lines[0][0] - 1
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

    def is_open(self):
        """Whether something can be sent now: a batch must not wait in memory."""
        return self._session.is_online()

    async def send(self, events):
        """Send the events, a JSON array. Raises Failure."""
        await self._session.publish(self._topic, events.encode())
