"""The lines of the log on flash that are not exported yet. Loaded for one export, then unloaded.

The place is a number of bytes: of all that the service `log` has ever written to its two files.
"""

from device.core import documents, fields, log_batch, log_text, paths
from device.core.log import WARN
from device.runtime import log_news

_CHUNK_BYTES = 1536  # more than one record has
_HEAD_BYTES = 40
_MAX_FILE_BYTES = 256


class FlashLines:
    """As the lines in memory; `head` begins each message."""

    def __init__(self, service, how, head):
        self._state = service.state
        self._store = service.state.ports.store
        self._how = how
        self._head = head
        self._place = self._next = self._read()
        files = self._files()
        self._end = files[-1][0] + files[-1][1] if files else 0
        if self._place > self._end:  # the files were removed
            self._place = self._next = 0

    def _read(self):
        """The place up to which lines are exported."""
        raw = self._store.read(paths.LOGS, _MAX_FILE_BYTES)
        try:
            place = documents.loads(raw)[fields.BYTES] if raw else 0
            return place if isinstance(place, int) and place >= 0 else 0
        except (ValueError, KeyError, TypeError):
            return 0

    def _files(self):
        """[(bytes written to all files before it, its bytes, path)] of the files, the older one first."""
        found = []
        sizes = self._store.sizes(paths.LOG_FILES[0].rpartition("/")[0])
        for path in paths.LOG_FILES:
            head = self._store.read_at(path, 0, _HEAD_BYTES).split(b"\n")[0].split()
            try:
                found.append((int(head[2]), sizes[path.rpartition("/")[2]], path))
            except (ValueError, IndexError, KeyError):
                continue
        return sorted(found)

    def batch(self, most):
        """The next Batch, which may have no events; None at the end."""
        files = [one for one in self._files() if one[0] + one[1] > self._place]
        if self._place >= self._end or not files:
            return None
        before, size, path = files[0]
        now_ms = self._state.ports.clock.unix() * 1000
        batch = log_batch.Batch(now_ms, most)
        at = max(0, self._place - before)
        raw = self._store.read_at(path, at, min(_CHUNK_BYTES, size - at))
        found = log_text.records(raw, at + len(raw) == size)
        times = log_text.filled([record[1] for record in found], now_ms)
        if before > self._place and self._place:
            text = "%d bytes of the log were overwritten" % (before - self._place)
            batch.add(times[0] if times else now_ms, "%s- %s log %s" % (self._head, WARN, text))
        self._next = before + at + len(raw)  # of what cannot be read
        if found:
            self._next = before + at
        for place, (end, _, level, source, message) in enumerate(found):
            is_wanted = log_news.passes(self._how, level, source)
            if is_wanted and not batch.add(times[place], self._head + message):
                return batch
            self._next = before + at + end
        return batch

    def done(self):
        """The batch is exported: remember it on the flash."""
        self._place = self._next
        self._state.write_if_room(paths.LOGS, {fields.BYTES: self._place})
