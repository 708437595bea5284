"""Makes batches of the lines in memory that are not exported. Loaded for one batch, then unloaded."""

from device.core import log_batch
from device.core.log import WARN
from device.runtime import log_news

_PAGE = 4


def end(service):
    """Where the export ends: what is said meanwhile is for the next one."""
    return service.state.log.last()


def done(service, place):
    """Everything up to `place` is exported."""
    service.state.log.mark(place)


def batch(service, how, way, most, end):
    """The next batch: (payload, events, lines that are too old, place for `done`); None at the end."""
    clock, log = service.state.ports.clock, service.state.log
    after = log.exported
    if after >= end:
        return None
    unix_s = clock.unix()
    service.start_ms = log_batch.started(clock.ms(), unix_s, service.start_ms)
    runs = log_batch.starts(log, service.start_ms)
    made = log_batch.Batch(unix_s * 1000, most, way.begin)
    lines = log.lines(after, _PAGE)
    if lines and lines[0][0] - after > 1:
        text = "%d lines were lost: the log is shorter" % (lines[0][0] - after - 1)
        made.add(log_batch.when(runs, lines[0][0], lines[0][4]), "%s- %s logs %s" % (way.head, WARN, text))
        after = lines[0][0] - 1
    while lines:
        for number, level, source, text, ms in lines:
            if number > end:
                return made.closed(way.end, end)
            if log_news.passes(how, level, source):
                message = "%s%d %s %s %s" % (way.head, number, level, source, text.rstrip())
                if not made.add(log_batch.when(runs, number, ms), message):
                    return made.closed(way.end, after)
            after = number
        lines = log.lines(after, _PAGE)
    return made.closed(way.end, end)  # also when a damaged line ends the ring
