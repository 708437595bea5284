"""Messages for the cloud that are not delivered yet, in order: which are in memory, on flash, or dropped.

A message stays in memory while it is young and the board is online: most are delivered within a second, and
cost the flash nothing. What waits longer goes to the flash (core.backlog), all of it in one write. Writes and
bytes have limits; what does not fit pushes out the oldest. Time is given by the caller.
"""

from device.core.failures import Failure

_GATHER_MS = 1000  # while the link is away: what comes within this time is one write
_BURST = 10  # writes that may follow at once
_HOUR_MS = 3600000
_OVERHEAD = 14  # bytes of a message beside topic and payload, on flash

DEFAULTS = (32768, 2048, 10, 360)  # as core.settings has them, while there is no valid ento.conf


class Queue:
    """The queue. `limits`: bytes on flash, bytes in memory, seconds in memory, writes an hour.

    `load()` returns the core.backlog.Backlog, which exists only while something is on the flash.
    `dropped`: messages pushed out; `damaged`: lost by the flash; `writes`, `written`: writes and their bytes.
    """

    def __init__(self, limits, load, is_used):
        self._bytes, self._memory_bytes, delay_s, hourly = limits
        self.delay_ms = delay_s * 1000
        self._interval_ms = _HOUR_MS // hourly
        self._free_ms = 0  # when all writes of a burst may be made again
        self._load = load
        self._backlog = load() if is_used else None
        self._waiting = []  # (number, topic, payload, when it came) in memory
        self._used = 0  # bytes of those
        self.last = self._backlog.last if self._backlog else 0  # number of the newest message
        self.stored = self.last  # number of the newest that was ever on the flash
        self.dropped = 0
        self.damaged = 0
        self.writes = 0
        self.written = 0

    def count(self):
        """How many messages wait."""
        return len(self._waiting) + (self._backlog.count() if self._backlog else 0)

    def is_on_flash(self):
        """Whether some are on the flash."""
        return self._backlog is not None

    # In

    def has_room(self, size):
        """Whether a message with so many bytes of topic and payload fits into the memory."""
        return not self._waiting or self._used + size + _OVERHEAD <= self._memory_bytes

    def make_room(self, size, now_ms):
        """Make room in the memory: by a write, or drop the oldest there; return their numbers."""
        lost = []
        if not self.has_room(size) and self.may_write(now_ms):
            try:
                self.store(now_ms)
            except Failure:
                pass  # it is said when the time has come to store them anyway
        while not self.has_room(size):
            lost.append(self._waiting[0][0])
            self._forget(0)
            self.dropped += 1
        return lost

    def put(self, topic, payload, now_ms):
        """Add a message at the end; return its number."""
        self.last += 1
        self._waiting.append((self.last, topic, payload, now_ms))
        self._used += len(topic) + len(payload) + _OVERHEAD
        return self.last

    def take_back(self, number):
        """Remove a message that is still in memory."""
        for at, message in enumerate(self._waiting):
            if message[0] == number:
                self._forget(at)
                return

    def _forget(self, at):
        _, topic, payload, _ = self._waiting.pop(at)
        self._used -= len(topic) + len(payload) + _OVERHEAD

    # To the flash

    def may_write(self, now_ms):
        """Whether the limit on writes allows one now."""
        return now_ms >= self._free_ms - _BURST * self._interval_ms

    def waits_ms(self, now_ms):
        """For how long the oldest message in memory has been waiting; 0 when there is none."""
        return now_ms - self._waiting[0][3] if self._waiting else 0

    def is_due(self, now_ms, is_away):
        """Whether what is in memory is to be stored now. `is_away`: the link is."""
        if not self._waiting or not self.may_write(now_ms):
            return False
        return self.waits_ms(now_ms) >= (_GATHER_MS if is_away else self.delay_ms)

    def store(self, now_ms):
        """Move everything from the memory to the flash; raises Failure, and changes nothing then."""
        if not self._waiting:
            return
        if self._backlog is None:
            self._backlog = self._load()
        while self._backlog.bytes + self._used > self._bytes and self._backlog.drop() is not None:
            self.dropped += 1
        self._free_ms = max(self._free_ms, now_ms) + self._interval_ms  # a write that fails counts
        self._backlog.append([message[:3] for message in self._waiting])
        self.stored = self._waiting[-1][0]
        self._waiting = []
        self._used = 0

    # Out

    def first(self):
        """(number, topic, payload) of the oldest message, or None. Raises Failure when the flash fails."""
        message = self._backlog.first() if self._backlog else None
        if message is None:
            self._leave_backlog()
            message = self._waiting[0][:3] if self._waiting else None
        return message

    def done(self, number):
        """This message is delivered, and so is what came before. Raises Failure when the flash fails."""
        while self._waiting and self._waiting[0][0] <= number:
            self._forget(0)
        if self._backlog:
            self._backlog.done(number)
            if self._backlog.is_empty():
                self._leave_backlog()

    def _leave_backlog(self):
        if self._backlog:
            self.damaged += self._backlog.damaged
            self.writes += self._backlog.writes
            self.written += self._backlog.written
            self._backlog = None

    def close(self, now_ms):
        """Store everything before the board stops. Raises Failure."""
        self.store(now_ms)
        if self._backlog:
            self._backlog.mark()

    def clear(self):
        """Forget everything; the files are removed by the caller."""
        self._waiting = []
        self._used = 0
        self._leave_backlog()

    def facts(self):
        """For a page: numbers since the start, and what waits now."""
        facts = {"waiting": self.count(), "dropped": self.dropped}
        for name in ("damaged", "writes", "written"):
            facts[name] = getattr(self, name) + (getattr(self._backlog, name) if self._backlog else 0)
        facts["bytes"] = self._used + (self._backlog.bytes if self._backlog else 0)
        return facts
