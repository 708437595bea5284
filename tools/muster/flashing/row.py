"""Several boards at once: a process for each, because esptool has one logger and one mood for a process."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from multiprocessing.connection import Connection, wait
from typing import Any

from muster import workers
from muster.errors import FAILED, INTERRUPTED, OUR_MISTAKE
from muster.flashing import work
from muster.flashing.work import Order, Outcome, Seat

_END_S = 5  # for a process to end by itself
_LOOK_S = 0.2  # how often `is_over` is asked


def flash_all(
    order: Order,
    seats: Sequence[Seat],
    report: Callable[[Seat, str, int, int], object] = lambda *_: None,
    on_outcome: Callable[[Outcome], object] = lambda _: None,
    is_over: Callable[[], bool] = lambda: False,
    lock: Any = None,
) -> list[Outcome]:
    """Flash the boards at all `seats` at once; the outcomes in their order.

    `report(seat, what is done, bytes done, of how many)`. Whatever stops it (KeyboardInterrupt, `is_over`),
    no process stays; the boards that were written at that moment have to be flashed again. `lock`: of
    `new_lock`, for all who flash boards at the same time.
    """
    outcomes: dict[Seat, Outcome] = {}
    with _started(order, seats, lock or new_lock()) as running:
        while running and not is_over():
            receiver: Any
            for receiver in wait(list(running), _LOOK_S):
                seat, process = running[receiver]
                try:
                    said = receiver.recv()
                except EOFError:
                    process.join()
                    del running[receiver]
                    if seat in outcomes:
                        continue
                    said = Outcome(seat, error="the process that wrote the board was killed.", code=FAILED)
                if isinstance(said, Outcome):
                    outcomes[seat] = said
                    on_outcome(said)
                else:
                    report(seat, *said)
    return [outcomes.get(seat) or Outcome(seat, error="stopped.", code=INTERRUPTED) for seat in seats]


def new_lock() -> Any:
    """What keeps two boards from coming up as a drive at the same time: nobody could tell them apart."""
    return workers.context(work.__name__).Lock()


@contextlib.contextmanager
def _started(order: Order, seats: Sequence[Seat], lock: Any) -> Iterator[dict[Any, tuple[Seat, Any]]]:
    """A process for each seat, by the end from which it is heard. At the end of the block, none runs."""
    context: Any = workers.context(work.__name__)
    running: dict[Any, tuple[Seat, Any]] = {}
    try:
        for seat in seats:
            receiver, sender = context.Pipe(duplex=False)
            process = context.Process(target=_work, args=(order, seat, sender, lock), daemon=True)
            process.start()
            sender.close()
            running[receiver] = seat, process
        yield running
    finally:
        for _, process in running.values():
            workers.end(process)
        for _, process in running.values():
            process.join(_END_S)


def _work(order: Order, seat: Seat, sender: Connection, lock: AbstractContextManager[object]) -> None:
    workers.serve_parent()
    try:
        outcome = work.flash(order, seat, lambda *said: sender.send(said), lock)
    except Exception as error:
        outcome = Outcome(seat, error=f"an error in Muster itself: {error!r}", code=OUR_MISTAKE)
    with contextlib.suppress(OSError):
        sender.send(outcome)
        sender.close()
