"""How often passwords and claim IDs may be guessed.

Only what was wrong counts. One address gets few tries at one account; tries from many addresses at one
account, and at many accounts from one address, are counted as well.
"""

from collections.abc import Callable

from muster.twin.https.limits import Buckets

_ALL = ""


class Guesses:
    """Tries at something, by whom and from where."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._both = Buckets(5, 1 / 30, clock)
        self._who = Buckets(50, 1 / 30, clock)
        self._where = Buckets(20, 1 / 10, clock)
        self._all = Buckets(300, 1, clock)

    def wait_s(self, who: str, where: str) -> float:
        """0 when this may be tried now; else how long to wait."""
        return max(
            self._both.wait_s(f"{who} {where}"),
            self._who.wait_s(who),
            self._where.wait_s(where),
            self._all.wait_s(_ALL),
        )

    def wrong(self, who: str, where: str) -> None:
        """It was wrong."""
        self._both.count(f"{who} {where}")
        self._who.count(who)
        self._where.count(where)
        self._all.count(_ALL)

    def right(self, who: str, where: str) -> None:
        """It was right: slips of the finger are forgotten."""
        self._both.forget(f"{who} {where}")
