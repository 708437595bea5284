"""Failure that is expected: one exception, sorted by what helps against it.

Whatever fails at the edge (network, flash, cloud, a person's file) becomes a `Failure` where it
enters; above that, code asks only for `kind`. Anything else that is raised is a bug.
"""

AGAIN = "again"  # passes by itself: wait with back-off and repeat
OVER = "over"  # the ownership token is spent: ask for a new certificate
GIVE_UP = "give up"  # stays until a person or the cloud changes something


class Failure(Exception):
    """Why a step did not work.

    `kind` is AGAIN, OVER or GIVE_UP; `step` names the step, set by whoever runs it. `str()` is one
    line for people: step, cause, next thing to do. It never holds a secret.
    """

    def __init__(self, kind, cause, advice=""):
        super().__init__(cause)
        self.kind = kind
        self.cause = cause
        self.advice = advice
        self.step = ""

    def __str__(self):
        text = self.cause.rstrip(".")  # what a server says may end a sentence, ours goes on
        if self.step:
            text = self.step + ": " + text
        if self.advice:
            text += "; " + self.advice
        return text


class Refused(Failure):
    """The server was reached and turned this identity away (TLS alert, CONNACK code, closed at once)."""

    def __init__(self, cause, advice=""):
        super().__init__(AGAIN, cause, advice)


class Unusable(Failure):
    """TLS does not take a certificate or key of ours, whatever the server thinks of it."""

    def __init__(self, cause, advice=""):
        super().__init__(GIVE_UP, cause, advice)
