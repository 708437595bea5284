"""Failures of this folder. `causes` has the words for them and is loaded when something has failed.

That may well be for want of memory, and then `causes` cannot be loaded either; nor from a flash that fails.
"""

from device.core.failures import AGAIN, Failure

# Made in time.
_NO_MEMORY = Failure(AGAIN, "not enough memory to say why it failed", "switch services off")
_NO_WORDS = Failure(AGAIN, "the flash does not say why it failed", "put the program on the board again")


def failure(name, *facts):
    """What the function `name` of `causes` makes of `facts`, or why it cannot be had."""
    try:
        from device.port import causes

        return getattr(causes, name)(*facts)
    except MemoryError:
        return _NO_MEMORY
    except (ImportError, OSError):
        return _NO_WORDS
