"""Why the board started, this time and the last times: said, and kept in restarts.json.

A start by power-on is not written: it wears the flash, and nothing failed. Loaded on demand.
"""

from device.core import documents, fields, log_format, paths
from device.core.failures import Failure
from device.core.log import WARN

_MOST = 8
_MAX_TEXT = 120
_MAX_BYTES = 4096  # of restarts.json; the board itself writes half of it at most
_WHO = {
    log_format.WATCHDOG: "the watchdog restarted the board",
    log_format.PROGRAM: "the program restarted the board",
    log_format.SOFT_RESET: "the board was started again from its prompt",
    log_format.RESET: "the board was reset",
}


def note(state):
    """Say why the board started, and add it to restarts.json. Called once, early."""
    board, store = state.ports.board, state.ports.store
    words = _last_words(store)
    if board.cause != log_format.POWER_ON:
        text = words if words and board.cause == log_format.WATCHDOG else _last_line(state.log)
        board.say("start", _WHO[board.cause] + (": " + text if text else ""), WARN)
        entry = {
            fields.UNIX: state.log.last_unix_s or _now(state),
            fields.CAUSE: board.cause,
            fields.TEXT: text[:_MAX_TEXT],
        }
        state.write_if_room(paths.RESTARTS, {fields.RESTARTS: [entry] + _saved(store)[: _MOST - 1]})
    if words:
        try:
            store.remove(paths.WORDS)
        except Failure as failure:
            board.say("flash", str(failure), WARN)


def known(state):
    """[{unix, cause, text}] of the last starts, the newest first; `unix` is 0 if it is not known."""
    found = _saved(state.ports.store)
    if state.ports.board.cause == log_format.POWER_ON:
        start_s = _now(state)
        start_s = start_s and start_s - state.ports.clock.ms() // 1000
        found.insert(0, {fields.UNIX: start_s, fields.CAUSE: log_format.POWER_ON, fields.TEXT: ""})
    return found


def count(state, text):
    """How many of the last starts in a row came because of a restart with this text."""
    number = 0
    for entry in _saved(state.ports.store):
        if not str(entry.get(fields.TEXT)).endswith(text):
            break
        number += 1
    return number


def _now(state):
    """Unix seconds, 0 as long as the clock is not set."""
    unix_s = state.ports.clock.unix()
    return unix_s if unix_s >= state.ports.build.BUILD_TIME else 0


def _last_words(store):
    """What the run before wrote when its loop stood still, as text; "" when it did not."""
    try:
        raw = store.read(paths.WORDS)
        if raw is None:
            return ""
        value = documents.loads(raw)
        return "%s kept the loop busy for %d s" % (value[fields.SERVICE], value[fields.STOOD_MS] // 1000)
    except (ValueError, KeyError, TypeError, Failure):
        return "the loop stood still"


def _last_line(log):
    """The last line of the run before, "" if the memory has lost it."""
    lines = log.lines(log.earlier - 1, 1) if log.earlier else []
    return "%s: %s" % (lines[0][2], lines[0][3].split("\n")[-1]) if lines else ""


def _saved(store):
    try:
        raw = store.read(paths.RESTARTS, _MAX_BYTES)
        found = documents.loads(raw)[fields.RESTARTS] if raw else []
        return [entry for entry in found if isinstance(entry, dict)][:_MOST]
    except (ValueError, KeyError, TypeError, Failure):
        return []
