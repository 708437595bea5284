"""What people see of a production line: big colours for each station, sounds, and their keys."""

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import click

from muster.line.production import Production
from muster.line.station import State, Station

_COLORS = {
    State.EMPTY: "white on grey23",
    State.READY: "black on bright_cyan",
    State.FLASHING: "white on blue",
    State.STARTING: "black on yellow",
    State.PASSED: "black on bright_green",
    State.FAILED: "white on red",
}
_BELLS = {State.PASSED: "\a", State.FAILED: "\a\a\a"}
_WIDTH = 38
_REFRESH = 5  # times a second
_KEY_S = 0.2


def describe(station: Station) -> str:
    """A station in one line."""
    words = [f"station {station.number}", station.state.value]
    if station.state is State.FLASHING and station.text:
        words = [words[0], station.text]
    elif station.text:
        words.append(station.text)
    head = f"{words[0]} ({station.seat})" + (f" {station.device}" if station.device else "")
    return f"{head}: {', '.join(words[1:])}"


class Plain(contextlib.AbstractContextManager["Plain"]):
    """A line of text for each step, for pipes and logs. Use it with `with`, as a Screen."""

    def __init__(self) -> None:
        self._told: dict[int, str] = {}
        self._lock = threading.Lock()

    def __exit__(self, *_: object) -> None:
        pass

    def changed(self, station: Station) -> None:
        """Say it, if it is new."""
        text = describe(station)
        with self._lock:
            if self._told.get(station.number) != text:
                self._told[station.number] = text
                click.echo(text)
                sys.stdout.flush()


class Screen:
    """Panels that can be read across a room. Use it with `with`."""

    def __init__(self, line: Production, has_sound: bool) -> None:
        self._line, self._has_sound = line, has_sound
        self._states: dict[int, State] = {}
        self._live: Any = None

    def __enter__(self) -> "Screen":
        from rich.live import Live  # loading it takes longer than most commands

        self._live = Live(get_renderable=self._draw, refresh_per_second=_REFRESH, screen=True)
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def changed(self, station: Station) -> None:
        """Sound the bell when a board is done."""
        if station.state is not self._states.get(station.number):
            self._states[station.number] = station.state
            if self._has_sound and station.state in _BELLS and self._live is not None:
                self._live.console.file.write(_BELLS[station.state])

    def _draw(self) -> Any:
        from rich.columns import Columns
        from rich.console import Group
        from rich.text import Text

        passed = self._line.passed_now()
        failed = sum(station.state is State.FAILED for station in self._line.stations)
        head = f"{passed} passed, {self._line.left()} left" + (
            f", {failed} FAILED here now" if failed else ""
        )
        keys = "1 to 9: that station again   Enter: all of them   q: end"
        panels = [_panel(station) for station in self._line.stations]
        nothing = Text("plug in a board", style="bold")
        return Group(
            Text(head, style="bold"), Columns(panels) if panels else nothing, Text(keys, style="dim")
        )


def _panel(station: Station) -> Any:
    from rich.align import Align
    from rich.panel import Panel
    from rich.text import Text

    text = Text(justify="center", overflow="fold")
    text.append(f"\n{station.state.value.upper()}\n", style="bold")
    text.append(f"{station.device or ' '}\n", style="bold")
    share = f" {station.share:.0%}" if station.state is State.FLASHING else ""
    text.append(f"{station.text}{share}\n")
    title = f"{station.number}  {station.seat}"
    return Panel(
        Align.center(text), title=title, width=_WIDTH, height=8, style=_COLORS[station.state], padding=0
    )


@contextlib.contextmanager
def keys(pressed: Callable[[str], object]) -> Iterator[None]:
    """Within the block, `pressed(key)` hears of each key, without Enter; nothing if there is no terminal."""
    if sys.platform == "win32" or not sys.stdin.isatty():
        yield
        return
    import select
    import termios
    import tty

    before = termios.tcgetattr(sys.stdin)
    over = threading.Event()

    def listen() -> None:
        while not over.is_set():
            if select.select([sys.stdin], [], [], _KEY_S)[0]:
                typed = os.read(sys.stdin.fileno(), 64).decode(errors="replace")
                if not typed:  # the terminal has gone
                    return
                for key in typed:
                    pressed(key)

    listener = threading.Thread(target=listen, daemon=True)
    tty.setcbreak(sys.stdin)
    listener.start()
    try:
        yield
    finally:
        over.set()
        listener.join()
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
