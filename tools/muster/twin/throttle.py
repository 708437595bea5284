"""Rates that AWS IoT Core enforces."""

from collections.abc import Callable


class Rate:
    """Lets so many a second through, and as many at once after a quiet second."""

    def __init__(self, per_s: float, clock: Callable[[], float]) -> None:
        self._per_s = per_s
        self._clock = clock
        self._left = per_s
        self._seen_s = clock()

    def passes(self) -> bool:
        """Whether one more may pass now."""
        now_s = self._clock()
        self._left = min(self._per_s, self._left + max(0.0, now_s - self._seen_s) * self._per_s)
        self._seen_s = now_s
        if self._left < 1:
            return False
        self._left -= 1
        return True
