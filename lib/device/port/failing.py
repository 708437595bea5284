"""Failures of this package. Their texts are in `causes`, which is loaded after an error.

Loading it can fail as well: when memory is short, or when the flash fails.
"""

from device.core.failures import AGAIN, Failure, NoMemory

# Made in advance.
_NO_MEMORY = NoMemory(AGAIN, "not enough memory to explain the failure", "switch services off")
_NO_WORDS = Failure(AGAIN, "cannot read the flash to explain the failure", "deploy the program again")


def failure(name, *facts):
    """The Failure that the function `name` of `causes` makes of `facts`, or why that is not possible."""
    try:
        from device.port import causes

        return getattr(causes, name)(*facts)
    except MemoryError:
        return _NO_MEMORY
    except (ImportError, OSError):
        return _NO_WORDS
