"""What CPython lacks: `const`, which MicroPython's compiler folds."""

try:
    from micropython import const
except ImportError:

    def const(value):
        """Return `value`; on MicroPython the compiler replaces the call by the number."""
        return value
