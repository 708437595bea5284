"""How long to wait before the next try: exponential, capped, with full jitter.

Full jitter (a uniformly random part of the whole delay) keeps a factory batch that was switched on
at once from meeting again at every retry; AWS throttles by account, not by device.
"""


class Backoff:
    """Delays of one repeated action.

    `first_ms` and `limit_ms` bound the window, `random_bytes(n)` is the source of jitter.
    """

    def __init__(self, first_ms, limit_ms, random_bytes):
        self._first_ms = first_ms
        self._limit_ms = limit_ms
        self._random_bytes = random_bytes
        self.tries = 0

    def next_ms(self):
        """The next delay in milliseconds, 1 to the current window; the window doubles each time."""
        window_ms = min(self._limit_ms, self._first_ms << min(self.tries, 16))
        self.tries += 1
        return 1 + int.from_bytes(self._random_bytes(4), "big") % window_ms

    def reset(self):
        """Start again with the first window, after a success."""
        self.tries = 0
