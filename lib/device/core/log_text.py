"""Reads the lines that the service `log` has written to the flash. Loaded for one export, then unloaded.

A line is `<number> <time> <level> <source> <text>`, its time 2026-01-18T09:18:06Z, or +<n>ms since the start
when the clock was not known. The other lines of a longer text begin with two spaces.
"""

from device.core import calendar
from device.core.log import LEVELS, WARN

_SHAPE = "0000-00-00T00:00:00Z"
_SOURCE = "log"


def records(raw, is_end):
    """[(bytes up to the end of it, Unix ms or None, level, source, message)] of the whole lines in `raw`.

    `is_end`: nothing follows, so the last one is whole, too. What cannot be read is left out.
    """
    found = []
    begin = 0
    while begin < len(raw):
        end = _end(raw, begin)
        if end < 0 or (len(raw) - end < 2 and not is_end):
            break
        record = _record(raw[begin:end])
        if record:
            found.append((end,) + record)
        elif found:
            found[-1] = (end,) + found[-1][1:]
        begin = end
    return found


def _end(raw, at):
    """Where the record that begins at `at` ends, with those of its lines that are indented; -1: not here."""
    while True:
        at = raw.find(b"\n", at) + 1
        if not at:
            return -1
        if raw[at : at + 2] != b"  ":
            return at


def _record(raw):
    """(Unix ms or None, level, source, message) of one record; None of what is none."""
    try:
        text = raw.decode().rstrip().replace("\n  ", "\n")
    except UnicodeError:
        return None
    if not text or text[0] == "#":
        return None
    words = text.split(" ", 4)
    if len(words) < 5 or words[2] not in LEVELS:
        return None, WARN, _SOURCE, text
    number, when, level, source, said = words
    return unix_ms(when), level, source, "%s %s %s %s" % (number, level, source, said)


def unix_ms(text):
    """Unix milliseconds of a time in a line, or None."""
    if len(text) != len(_SHAPE):
        return None
    for at in range(len(text)):
        if text[at] not in ("0123456789" if _SHAPE[at] == "0" else _SHAPE[at]):
            return None
    day = int(text[:4]), int(text[5:7]), int(text[8:10])
    return 1000 * calendar.unix(*day, int(text[11:13]), int(text[14:16]), int(text[17:19]))


def filled(times, now_ms):
    """The times, with those that are not known: that of the next line, else of the one before, else now."""
    found, known_ms = [], None
    for at_ms in reversed(times):
        known_ms = at_ms if at_ms is not None else known_ms
        found.insert(0, known_ms)
    known_ms = now_ms
    for place in range(len(found) - 1, -1, -1):
        if found[place] is not None:
            known_ms = found[place]
            break
    return [known_ms if at_ms is None else at_ms for at_ms in found]
