"""What boards say of themselves on their consoles: the state behind `muster watch`."""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from muster import console
from muster.beacons import UP, Beacon, read_beacon
from muster.printable import printable

SILENT_S = 15  # three beacons
_LOOK_S = 1.0
_STEPS = {
    "network": "joins the network",
    "provision": "gets its identity",
    "mqtt": "connects to the cloud",
    "status": "publishes its boot status",
    UP: "up",
}


@dataclass
class Seen:
    """What is known of the board on `port`. `heard_s`: of `time.monotonic`, None: nothing yet."""

    port: str
    state: str = ""
    beacon: Beacon | None = None
    line: console.Said | None = None
    heard_s: float | None = None
    since_s: float = field(default_factory=time.monotonic)  # since when `state` is so

    def step(self) -> str:
        """What it does, in words."""
        if self.state == console.BUSY:
            return "in use by another program"
        if self.state == console.GONE:
            return "unplugged"
        if time.monotonic() - (self.heard_s or self.since_s) > SILENT_S:
            return "silent"
        if self.heard_s is None:
            return "listening"
        if self.beacon is None:
            return f"{self.line.source}: {self.line.text}" if self.line else "no program of Muster's"
        return _STEPS.get(self.beacon.step, self.beacon.step)

    def is_up(self) -> bool:
        """Whether its boot status is out and nothing fails."""
        return self.beacon is not None and self.beacon.step == UP and not self.beacon.error

    def hear(self, line: str) -> bool:
        """Take a line of its console; return whether it is a beacon."""
        self.heard_s = time.monotonic()
        beacon = read_beacon(line)
        if beacon is not None:
            self.beacon = beacon
            return True
        told = console.said(line)
        if told is not None:
            if self.beacon is not None and told.ms < self.beacon.up_s * 1000 - SILENT_S * 1000:
                self.beacon = None  # it has restarted: what it was does not count
            self.line = told._replace(source=printable(told.source), text=printable(told.text))
        return False


@dataclass
class Watch:
    """Listens to boards from threads of its own. Use it with `with`.

    `ports`: those, or by default all that are plugged in, also later; `look()` says which these are.
    `on_line(port, line)` gets each line that is no beacon, from the board's thread.
    """

    ports: Iterable[str] | None = None
    on_line: Callable[[str, str], object] = lambda *_: None
    look: Callable[[], Iterable[str]] = lambda: console.boards()  # noqa: PLW0108  (looked up when it is called)
    seen: dict[str, Seen] = field(default_factory=dict)
    news: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._is_over = threading.Event()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> "Watch":
        for port in self.ports if self.ports is not None else self.look():
            self._listen(port)
        if self.ports is None:
            self._start(self._look)
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def wait(self, limit_s: float) -> None:
        """Wait until there is news of a board, for `limit_s` at most."""
        self.news.wait(limit_s)
        self.news.clear()

    def _start(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _look(self) -> None:
        """Take boards that are plugged in later."""
        while not self._is_over.wait(_LOOK_S):
            for port in self.look():
                self._listen(port)

    def _listen(self, port: str) -> None:
        if port not in self.seen:
            self.seen[port] = Seen(port)
            self._start(self._hear, self.seen[port])

    def _hear(self, board: Seen) -> None:
        def on_state(state: str) -> None:
            board.state, board.since_s = state, time.monotonic()
            if state == console.GONE:
                board.beacon = board.line = board.heard_s = None
            self.news.set()

        for line in console.Console(board.port, on_state).lines(self._is_over.is_set):
            if not board.hear(line):
                self.on_line(board.port, line)
            self.news.set()
