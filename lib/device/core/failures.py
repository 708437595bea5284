"""Why a step failed, classified by what helps, and how long to wait before the next try.

An error from outside (network, flash, cloud, a configuration file) becomes a `Failure` where it enters;
the code above looks only at its kind. Any other exception is a bug.
"""

AGAIN = "again"  # temporary: wait with back-off and repeat
OVER = "over"  # the ownership token or the new certificate is unusable: request another
GIVE_UP = "give up"  # permanent until a person or the cloud changes something


class Failure(Exception):
    """Why a step failed; immutable.

    `kind` is AGAIN, OVER or GIVE_UP; `step` names what was being done, "" when that is obvious. `str()` is
    one line for people: step, cause, what to do next. It never contains a secret.
    """

    wait_s = 0  # the server said to come again after so many seconds, or who asked it knows better

    def __init__(self, kind, cause, advice="", step=""):
        super().__init__(cause)
        self.kind = kind
        self.cause = cause
        self.advice = advice
        self.step = step

    def __str__(self):
        text = self.cause.rstrip(".")  # a server's text may end with a full stop; ours continues
        if self.step:
            text = self.step + ": " + text
        if self.advice:
            text += "; " + self.advice
        return text

    def during(self, step):
        """The same failure with its step, unless it has one."""
        return self if self.step else type(self)(self.kind, self.cause, self.advice, step)

    def advised(self, advice):
        """The same failure with its advice, unless it has one."""
        return self if self.advice else type(self)(self.kind, self.cause, advice, self.step)


class Refused(Failure):
    """The server was reached and refused us (TLS alert, CONNACK code, connection closed): AGAIN."""


class Expired(Failure):
    """The server refused an identity that has expired: GIVE_UP until there is another identity."""


class Lost(Failure):
    """The network failed, not the server: AGAIN. After several in a row, Wi-Fi itself is suspect."""


class NoMemory(Failure):
    """This board's memory is too short: AGAIN."""


class WrongDates(Failure):
    """The server's certificate is not valid at our time: NTP is queried before the next try."""


class Backoff:
    """Delays of one repeated action: exponential, capped, with full jitter.

    A delay is `first_ms` plus a random part of a window that doubles from `first_ms` up to `limit_ms`;
    `random_bytes(n)` is the source of jitter. Full jitter keeps boards that were switched on together
    from retrying together: AWS throttles per account. No delay is shorter than the first: AWS
    accepts one CONNECT per second and client id.
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
