"""Checks of this repository itself, for `make check`: `python -m muster.checks.size`, `...docs`."""

import sys
from collections.abc import Sequence


def tell(name: str, found: Sequence[str], good: str) -> int:
    """Print what the check `name` found on standard error, or that all is `good`; the exit code."""
    for sentence in found:
        print(f"{name}: {sentence}", file=sys.stderr)
    if not found:
        print(f"{name}: good ({good})")
    return 1 if found else 0
