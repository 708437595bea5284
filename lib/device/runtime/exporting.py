"""Exports what the log holds, batch by batch. Loaded for one export, then unloaded.

A batch counts as exported when the cloud has acknowledged it; then the place in the log is remembered, as
long as the log itself lasts. If the acknowledgement is lost, the same batch is sent once more.

What makes batches (runtime.log_lines or runtime.log_files) is not in memory while one is sent.
"""

import gc

from device.core import fields, topics
from device.runtime.modules import unload, unload_passing, unload_readers

_MOST_SKIPPED = 3  # lines in one export
_MOST_EVENTS = 16  # in one batch


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
        if not await _export(service, how, way):
            return  # the link is away: it stays due
        service.due_ms = None
        service.last = began_ms, clock.ms()
        if how[6] and getattr(service.state.services.get("log"), "after", seen) < seen:
            service.due_ms = clock.ms() + how[4]  # some are not on the flash yet
    finally:
        unload("device.core.cloudwatch", "device.runtime.export_https", "device.runtime.exporting")
        unload_passing()
        unload_readers()


async def _export(service, how, way):
    """Export batch by batch; whether the end was reached."""
    most, skipped, end = _MOST_EVENTS, 0, _source(how, "end", service)
    while way.is_open():
        try:
            made = _source(how, "batch", service, how, way, most, end)
        except MemoryError:
            most //= 2
            if not most:
                raise
            continue
        if made is None:
            return True
        payload, count, left_out, place = made
        made = None
        refused = await way.send(payload) if count else None
        payload = None
        if refused:
            if count > 1:
                most = count // 2
                continue
            skipped += 1
            if skipped > _MOST_SKIPPED:  # it is not the line that is wrong
                raise refused
            service.warn("a line is left out, CloudWatch does not accept it: %s" % refused)
        _source(how, "done", service, place)
        if left_out:
            service.warn("%d lines are not exported: they are older than 14 days" % left_out)
    return False


def _source(how, name, *facts):
    """Call a function of the module that makes batches, which is not kept."""
    try:
        if how[6]:
            from device.runtime import log_files as source
        else:
            from device.runtime import log_lines as source
        return getattr(source, name)(*facts)
    finally:
        sources = "device.runtime.log_files", "device.runtime.log_lines", "device.runtime.log_news"
        unload("device.core.log_batch", "device.core.log_text", "device.core.log_reader", *sources)
        gc.collect()


class _ByMqtt:
    """Publishes batches for a rule of AWS IoT with the action cloudwatchLogs, in batch mode."""

    begin = b"["  # of a payload
    end = b"]"

    def __init__(self, service, how):
        self._session = service.state.session
        settings = service.state.settings
        self._topic = topics.log(settings.topic_prefix, settings.serial)
        if how[5]:
            self._topic = topics.by_rule(how[5], self._topic)
        self.head = settings.serial + " "  # of a message: the rule's stream may be that of many boards

    def is_open(self):
        """Whether something can be sent now: a batch must not wait in memory."""
        return self._session.is_online()

    async def send(self, payload):
        """Send a batch. Raises Failure."""
        await self._session.publish(self._topic, payload)
