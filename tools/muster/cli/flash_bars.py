"""How far the boards are that are flashed: a bar for each at a terminal, else a line for each step."""

import sys
from types import TracebackType
from typing import Any

import click

from muster.flashing.work import Outcome, Seat

_QUARTERS = 4  # lines for one board when standard error is not a terminal


class Bars:
    """The progress of several boards on standard error. Use it with `with`."""

    def __init__(self, seats: list[Seat]) -> None:
        self._seats = seats
        self._told: dict[Seat, tuple[str, int]] = {}
        self._bars: Any = None
        self._tasks: dict[Seat, Any] = {}

    def __enter__(self) -> "Bars":
        if not sys.stderr.isatty():
            return self
        from rich.console import Console  # loading it takes longer than most commands
        from rich.markup import escape
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.fields[seat]}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(),
        )
        what = TextColumn("{task.description}")
        self._bars = Progress(*columns, what, console=Console(stderr=True))
        for seat in self._seats:
            self._tasks[seat] = self._bars.add_task("", total=1, seat=escape(str(seat)))
        self._bars.start()
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        if self._bars is not None:
            self._bars.stop()

    def step(self, seat: Seat, what: str, done: int, total: int) -> None:
        """The board at `seat` is at `what`, and `done` of `total` bytes of it."""
        if self._bars is not None:
            self._bars.update(self._tasks[seat], completed=done, total=total, description=what)
            return
        quarter = done * _QUARTERS // max(total, 1)
        if self._told.get(seat, ("", -1)) < (what, quarter) or self._told[seat][0] != what:
            self._told[seat] = what, quarter
            click.echo(f"{seat}: {what} {100 * done // max(total, 1)} %", err=True)

    def end(self, outcome: Outcome) -> None:
        """The board has its image, or not; the reason is said at the end."""
        text = "failed" if outcome.error else "kept" if outcome.kept else "flashed"
        if self._bars is not None:
            color = "red" if outcome.error else "green"
            self._bars.update(self._tasks[outcome.seat], description=f"[{color}]{text}")
        else:
            click.echo(f"{outcome.seat}: {text}", err=True)
