"""Long work that can be stopped anywhere: how far it is, and what is said when it stops."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType

import click

from muster.errors import FAILED, INTERRUPTED, PARTLY_DONE, MusterError

_LINES = 10  # at most, for the whole of the work, when it is no terminal
_GOES_ON = "the same command goes on where it stopped"


def number(count: int) -> str:
    """A count as people read it: 10 000."""
    return f"{count:,}".replace(",", " ")


def counted(count: int, what: str) -> str:
    """A count with its word in the right number: 1 device, 2 000 devices."""
    return f"{number(count)} {what}{'' if count == 1 else 's'}"


class Progress:
    """How far the work is, on standard error: a bar at a terminal, else a line for every tenth of it."""

    def __init__(self, title: str, total: int, before: int = 0) -> None:
        """`before`: how much of `total` an earlier run did."""
        self.total = total
        self.done = before
        self._title = title
        self._told = before * _LINES // total if total else 0
        self._advance_bar: Callable[[int], None] | None = None

    def __enter__(self) -> "Progress":
        from rich.console import Console  # loading it takes longer than most commands
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        console = Console(stderr=True)
        columns = (TextColumn(self._title), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = Bar(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._bar.start()
        if console.is_terminal:
            task = self._bar.add_task("", total=self.total, completed=self.done)
            self._advance_bar = lambda more: self._bar.advance(task, more)
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self._bar.stop()

    def advance(self, more: int) -> None:
        """So much more is done for good."""
        self.done += more
        if self._advance_bar is not None:
            self._advance_bar(more)
        elif self.done * _LINES // self.total > self._told:
            self._told = self.done * _LINES // self.total
            click.echo(f"{self._title}: {self}", err=True)

    def __str__(self) -> str:
        return f"{number(self.done)} of {number(self.total)}"


@contextmanager
def resumable(title: str, what: str, total: int, before: int = 0) -> Iterator[Progress]:
    """Work of `total` pieces called `what` ("devices"), of which `before` were done earlier.

    Raises MusterError when it is stopped: interrupted; partly done; failed when nothing is done yet.
    """
    progress = Progress(title, total, before)
    try:
        with progress:
            yield progress
    except KeyboardInterrupt:
        raise MusterError(f"interrupted; {progress} {what} are done, {_GOES_ON}", INTERRUPTED) from None
    except (MusterError, sqlite3.Error, OSError) as error:
        why = str(error).rstrip(".")
        raise MusterError(
            f"stopped: {why}; {progress} {what} are done, {_GOES_ON}",
            PARTLY_DONE if progress.done else FAILED,
        ) from error
