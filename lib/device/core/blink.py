"""What the status light shows: a code for each step towards the boot status, for a person to count.

docs/boards.md has the table for people.
"""

SHINES = 0  # a code above it is a number of blinks
_FAILS = 5
_OPEN = -1
_HELD = -2
_STEPS = ("network", "provision", "mqtt", "status")

_ON_MS = 200
_BLINK_MS = 500
_PAUSE_MS = 1500  # between two counts
_OPEN_MS = 500  # half of the time on, half off
_HELD_MS = 100


def code(step, fails, is_open, is_held):
    """The code of a board at `step` (runtime.state).

    `fails`: a service does; `is_open`: its own access point is; `is_held`: somebody holds its button.
    """
    if is_held:
        return _HELD
    if is_open:
        return _OPEN
    if step in _STEPS:
        return 1 + _STEPS.index(step)
    return _FAILS if fails else SHINES


def phase(code, at_ms):
    """(whether the light is on, ms until that changes) at `at_ms` after the code began."""
    if code == SHINES:
        return True, _PAUSE_MS
    if code < SHINES:
        half_ms = _OPEN_MS if code == _OPEN else _HELD_MS
        return at_ms // half_ms % 2 == 0, half_ms - at_ms % half_ms
    counted_ms = code * _BLINK_MS
    at_ms %= counted_ms + _PAUSE_MS
    if at_ms >= counted_ms:
        return False, counted_ms + _PAUSE_MS - at_ms
    at_ms %= _BLINK_MS
    return (True, _ON_MS - at_ms) if at_ms < _ON_MS else (False, _BLINK_MS - at_ms)
