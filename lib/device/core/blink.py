"""What the status light shows: a code for each step towards the boot status, for a person to count.

docs/boards.md has the table for people.
"""

SHINES = 0  # a code above it is a number of blinks
_OPEN = -1
_HELD = -2
_FAILS = 5
_STEPS = ("network", "provision", "mqtt", "status")

_ON_MS = 200
_BLINK_MS = 500
_PAUSE_MS = 1500  # between two counts
_HALF_OPEN_MS = 500  # on, and as long off
_HALF_HELD_MS = 100


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
    """(whether the light is on, ms until that may change) at `at_ms` after the code began."""
    if code == SHINES:
        return True, _PAUSE_MS
    if code < SHINES:
        half_ms = _HALF_OPEN_MS if code == _OPEN else _HALF_HELD_MS
        return not at_ms // half_ms % 2, half_ms - at_ms % half_ms
    at_ms %= code * _BLINK_MS + _PAUSE_MS
    left_ms = code * _BLINK_MS - at_ms
    if left_ms <= 0:
        return False, left_ms + _PAUSE_MS
    at_ms %= _BLINK_MS
    is_on = at_ms < _ON_MS
    return is_on, (_ON_MS if is_on else _BLINK_MS) - at_ms
