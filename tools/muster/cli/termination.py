"""SIGTERM ends a command as Ctrl-C does: whoever cleans up after one cleans up after the other."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from muster.errors import INTERRUPTED, TERMINATED, MusterError


class Terminated(KeyboardInterrupt):
    """SIGTERM came. It is a KeyboardInterrupt, so that all that ends in order at Ctrl-C does so here too."""


@contextlib.contextmanager
def terminable() -> Iterator[None]:
    """Within the block, SIGTERM raises Terminated in the main thread; the first one alone.

    Those who stop a command often send it twice, to the process and to its group: the second one must not
    end the cleaning up. Commands with a loop of their own set their own handler, which replaces this one.
    """
    before = signal.getsignal(signal.SIGTERM)
    if before == signal.SIG_IGN or threading.current_thread() is not threading.main_thread():
        yield  # whoever started this wants it to be ignored; only the main thread may set a handler
        return

    def handle(number: int, _: FrameType | None) -> None:
        signal.signal(number, signal.SIG_IGN)
        raise Terminated

    signal.signal(signal.SIGTERM, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


@contextlib.contextmanager
def quiet_at_ctrl_c() -> Iterator[None]:
    """Ctrl-C ends the block, and is no error. SIGTERM goes on."""
    try:
        yield
    except Terminated:
        raise
    except KeyboardInterrupt:
        pass


@contextlib.contextmanager
def stopped(what_next: str) -> Iterator[None]:
    """Ctrl-C and SIGTERM end the block with a MusterError that says how, and `what_next`."""
    try:
        yield
    except KeyboardInterrupt as stop:
        how, code = outcome(stop)
        raise MusterError(f"{how}; {what_next}", code) from None


def outcome(stop: BaseException) -> tuple[str, int]:
    """What a command that `stop` ended says, and its exit code.

    SIGTERM may be behind it: click makes an exception of its own of a Terminated.
    """
    cause: BaseException | None = stop
    while cause is not None and not isinstance(cause, Terminated):
        cause = cause.__cause__ or cause.__context__
    return ("interrupted", INTERRUPTED) if cause is None else ("terminated", TERMINATED)
