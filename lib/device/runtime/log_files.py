"""Makes batches of the log on flash that is not exported yet. Loaded for one batch, then unloaded.

A place is a number of bytes: of all that the service `log` has ever written to its two files.
"""

from device.core import documents, fields, log_batch, log_text, paths
from device.core.log import WARN
from device.runtime import log_news

_CHUNK_BYTES = 1536  # more than one record has
_HEAD_BYTES = 40
_MAX_FILE_BYTES = 256


def end(service):
    """Where the export ends: what is written meanwhile is for the next one."""
    files = _files(service.state.ports.store)
    return files[-1][0] + files[-1][1] if files else 0


def done(service, place):
    """Everything up to `place` is exported: remember it on the flash."""
    service.state.write_if_room(paths.LOGS, {fields.BYTES: place})


def batch(service, how, way, most, end):
    """The next batch: (payload, events, lines that are too old, place for `done`); None at the end."""
    store = service.state.ports.store
    place, files = _place(store), _files(store)
    if files and place > files[-1][0] + files[-1][1]:  # they were removed, and begin anew
        place = 0
    files = [one for one in files if one[0] + one[1] > place]
    if place >= end or not files:
        return None
    before, size, path = files[0]
    now_ms = service.state.ports.clock.unix() * 1000
    made = log_batch.Batch(now_ms, most, way.begin)
    at = max(0, place - before)
    raw = store.read_at(path, at, min(_CHUNK_BYTES, size - at))
    found = log_text.records(raw, at + len(raw) == size)
    times = log_text.filled([record[1] for record in found], now_ms)
    if before > place > 0:
        text = "%d bytes of the log were overwritten" % (before - place)
        made.add(times[0] if times else now_ms, "%s- %s log %s" % (way.head, WARN, text))
    place = before + at
    if not found:
        return made.closed(way.end, place + len(raw))  # it cannot be read
    for number, (past, _, level, source, message) in enumerate(found):
        if log_news.passes(how, level, source) and not made.add(times[number], way.head + message):
            break
        place = before + at + past
    return made.closed(way.end, place)


def _place(store):
    """Up to where it is exported."""
    raw = store.read(paths.LOGS, _MAX_FILE_BYTES)
    try:
        place = documents.loads(raw)[fields.BYTES] if raw else 0
        return place if isinstance(place, int) and place >= 0 else 0
    except (ValueError, KeyError, TypeError):
        return 0


def _files(store):
    """[(bytes written to all files before it, its bytes, path)] of the files, the older one first."""
    found = []
    sizes = store.sizes(paths.LOG_FILES[0].rpartition("/")[0])
    for path in paths.LOG_FILES:
        head = store.read_at(path, 0, _HEAD_BYTES).split(b"\n")[0].split()
        try:
            found.append((int(head[2]), sizes[path.rpartition("/")[2]], path))
        except (ValueError, IndexError, KeyError):
            continue
    return sorted(found)
