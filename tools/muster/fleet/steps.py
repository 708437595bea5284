"""Much work on the registry in short transactions, so that a running twin never waits for it."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from muster.registry import Registry

MOST = 200  # in one transaction
HOLD_S = 0.05  # after which a transaction is ended
REST = 0.5  # of the time that the registry was held: SQLite's writers do not queue, they look again and again

_T = TypeVar("_T")


def in_short_transactions(
    registry: Registry,
    work: Sequence[_T],
    do: Callable[[_T], None],
    clock: Callable[[], float] = time.monotonic,
    rest: Callable[[float], None] = time.sleep,
) -> Iterator[int]:
    """Do `do(piece)` for all of `work`, in order; yields, after each commit, how many more are done."""
    done = 0
    while done < len(work):
        begin = done
        with registry.transaction():
            since_s = clock()
            while done < min(begin + MOST, len(work)) and (done == begin or clock() - since_s < HOLD_S):
                do(work[done])
                done += 1
        held_s = clock() - since_s
        yield done - begin
        if done < len(work):
            rest(held_s * REST)
