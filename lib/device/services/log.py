"""Keeps the log on flash, if config.json asks for it: two files, written in turn and a few times an hour."""

from device.core import calendar, paths
from device.core.log import ERROR, LEVELS, WARN
from device.runtime.modules import unload_readers
from device.runtime.service import Service

_LOOK_MS = 10000
_PATIENT_MS = 60000  # lines below WARN wait so long: each write wears the flash
_TIME_MS = 600000  # for a time server to answer; then the clock counts as it is
_MOST_WAITING = 20  # lines; more are not kept across a wait
_HOUR_MS = 3600000
_HOUR_BYTES = 32768  # of lines; after that, only one line an hour says how many were left out
_HEAD_BYTES = 40
_TAIL_BYTES = 512


class Log(Service):
    """Copies lines from the ring to the flash. Returns at once when config.json does not ask for it.

    `written_bytes`: of all files since the first, also before this start. Each file begins with a line
    `# <number of the file> <bytes written before it>`.
    """

    IN_SAFE_MODE = True
    ROOM_BYTES = 4096

    def __init__(self, name, state):
        super().__init__(name, state)
        self.written_bytes = 0
        self.after = 0  # number of the last line that is on the flash, or does not belong there
        self._place = 0  # of the current file in LOG_FILES
        self._number = 0
        self._size = 0
        self._hour_ms = None
        self._hour_bytes = 0
        self._left_out = 0
        self._flushed_ms = 0

    async def run(self):
        board, clock = self.state.ports.board, self.state.ports.clock
        level, size = self._limits()
        least = LEVELS.index(level)
        board.verbose(least == 0)
        self.ready.set()
        if not size:
            return
        self._open()
        while True:
            await clock.sleep_ms(board.interval("log_ms", _LOOK_MS))
            self._flush(least, size // 2)

    def _limits(self):
        """(level, bytes) of config.json. Not within `run`, whose locals would keep the module alive."""
        from device.core import board_config

        found = board_config.log(self.state.ports.store.read(paths.CONFIG))
        unload_readers()
        return found

    def _open(self):
        """Go on with the newer of the two files, after its last line."""
        store = self.state.ports.store
        self._number = self._place = self.written_bytes = 0  # a write that failed may have left another state
        for place, path in enumerate(paths.LOG_FILES):
            head = store.read_at(path, 0, _HEAD_BYTES).split(b"\n")[0].split()
            try:
                number, before = int(head[1]), int(head[2])
            except (ValueError, IndexError):
                continue
            if number > self._number:
                self._number, self._place, self.written_bytes = number, place, before
        self._size = 0
        if self._number:
            path = paths.LOG_FILES[self._place]
            self._size = store.append(path, ())[1]
            self.written_bytes += self._size
            self.after = _last_number(store.read_at(path, max(0, self._size - _TAIL_BYTES), _TAIL_BYTES))
        log = self.state.log
        if not log.earlier or self.after > log.last():  # the memory has lost its lines, and counts anew
            self.after = 0

    def _flush(self, least, limit):
        """Write what is new, if it is urgent or has waited long enough."""
        now_ms = self.state.ports.clock.ms()
        lines = self.state.log.lines(self.after, _MOST_WAITING)
        is_due = now_ms - self._flushed_ms >= self.state.ports.board.interval("log_patient_ms", _PATIENT_MS)
        if not lines or not (is_due or len(lines) == _MOST_WAITING or _is_urgent(lines)):
            return
        self._flushed_ms = now_ms
        if self._hour_ms is None or now_ms - self._hour_ms >= _HOUR_MS:
            self._hour_ms, self._hour_bytes = now_ms, 0
        lost = lines[0][0] - self.after - 1 if self.after else 0
        self.after = lines[-1][0]
        text = self._text([line for line in lines if LEVELS.index(line[1]) >= least], now_ms, lost)
        if not text:
            return
        data = text.encode()
        if self._hour_bytes + len(data) > _HOUR_BYTES:
            self._left_out += len(lines)
            return
        self._hour_bytes += len(data)
        self._write(data, limit)

    def _text(self, lines, now_ms, lost):
        """Lines as text: number, time, level, source, text; those of a longer text are indented."""
        lost += self._left_out
        self._left_out = 0
        parts = ["- %d lines left out\n" % lost] if lost else []
        clock = self.state.ports.clock
        is_dated = self.state.session.knows_time() or now_ms >= _TIME_MS
        is_dated = is_dated and clock.unix() >= self.state.ports.build.BUILD_TIME
        for number, level, source, said, ms in lines:
            when = "+%dms" % ms
            if is_dated and number > self.state.log.earlier:
                when = "%04d-%02d-%02dT%02d:%02d:%02dZ" % calendar.date(clock.unix() - (now_ms - ms) // 1000)
            said = said.rstrip().replace("\n", "\n  ")
            parts.append("%d %s %s %s %s\n" % (number, when, level, source, said))
        return "".join(parts)

    def _write(self, data, limit):
        store = self.state.ports.store
        if not self._number or self._size + len(data) > limit:
            self._number += 1
            self._place = self._number % len(paths.LOG_FILES)
            data = b"# %d %d\n" % (self._number, self.written_bytes) + data
            store.write(paths.LOG_FILES[self._place], data)
            self._size = len(data)
        else:
            self._size = store.append(paths.LOG_FILES[self._place], (data,))[1]
        self.written_bytes += len(data)


def _is_urgent(lines):
    return any(line[1] in (WARN, ERROR) for line in lines)


def _last_number(tail):
    """The number of the last line of a file that ends with `tail`."""
    for line in reversed(tail.split(b"\n")[1:]):
        word = line.split(b" ")[0]
        if word.isdigit():
            return int(word)
    return 0


SERVICE = Log
