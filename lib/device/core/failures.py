"""Why a step did not work, sorted by what helps against it, and how long to wait before the next try.

Whatever fails at the edge (network, flash, cloud, a person's file) becomes a `Failure` where it enters;
above that, code asks only for its kind. Anything else that is raised is a bug.
"""

AGAIN = "again"  # passes by itself: wait with back-off and repeat
OVER = "over"  # the ownership token or the new certificate is spent: ask for another
GIVE_UP = "give up"  # stays until a person or the cloud changes something


class Failure(Exception):
    """Why a step did not work; never changed after it was made.

    `kind` is AGAIN, OVER or GIVE_UP; `step` names what was being done, "" where the reader knows. `str()` is
    one line for people: step, cause, next thing to do. It never holds a secret.
    """

    def __init__(self, kind, cause, advice="", step=""):
        super().__init__(cause)
        self.kind = kind
        self.cause = cause
        self.advice = advice
        self.step = step

    def __str__(self):
        text = self.cause.rstrip(".")  # what a server says may end a sentence, ours goes on
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
    """The server was reached and turned us away (TLS alert, CONNACK code, closed without a word): AGAIN."""


class Expired(Failure):
    """The dates of an identity that the server refused say why: GIVE_UP, until there is another identity."""


class Lost(Failure):
    """The network failed, not the server: AGAIN. Enough of these in a row, and Wi-Fi itself is in doubt."""


class WrongDates(Failure):
    """The server's certificate does not fit our clock: NTP is asked before the next try."""


class Backoff:
    """Delays of one repeated action: exponential, capped, with full jitter.

    A delay is `first_ms` and a random part of a window that doubles from `first_ms` up to `limit_ms`;
    `random_bytes(n)` is the source of jitter. Full jitter keeps a factory batch that was switched on at once
    from meeting again at every retry: AWS throttles by account. No delay is shorter than the first: AWS
    takes one CONNECT a second from one client id.
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
