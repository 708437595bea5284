"""Failures of this folder. `causes` has the words for them and is loaded when something has failed.

That may well be for want of memory, and then `causes` cannot be loaded either.
"""

from device.core.failures import AGAIN, Failure

_NO_MEMORY = Failure(AGAIN, "not enough memory to say why it failed", "switch services off")  # made in time


def failure(name, *facts):
    """What the function `name` of `causes` makes of `facts`; the want of memory, when that is too much."""
    try:
        from device.port import causes

        return getattr(causes, name)(*facts)
    except MemoryError:
        return _NO_MEMORY
