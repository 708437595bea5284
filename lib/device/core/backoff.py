"""How long to wait before the next try: exponential, capped, with full jitter.

Full jitter (a uniformly random part of the whole delay) keeps a factory batch that was switched on
at once from meeting again at every retry; AWS throttles by account, not by device. No delay is shorter
than the first: AWS takes one CONNECT a second from one client id.
"""


class Backoff:
    """Delays of one repeated action.

    A delay is `first_ms` and a random part of a window that doubles from `first_ms` up to `limit_ms`;
    `random_bytes(n)` is the source of jitter.
    """

    def __init__(self, first_ms, limit_ms, random_bytes):
        self._first_ms = first_ms
        self._limit_ms = limit_ms
        self._random_bytes = random_bytes
        self.tries = 0

    def next_ms(self):
        """The next delay in milliseconds; the window doubles each time."""
        window_ms = min(self._limit_ms, self._first_ms << min(self.tries, 16))
        self.tries += 1
        return self._first_ms + int.from_bytes(self._random_bytes(4), "big") % window_ms

    def reset(self):
        """Start again with the first window, after a success."""
        self.tries = 0
