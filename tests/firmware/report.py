"""What the boards of a run took: time, heap, watchdog. Shown at its end and kept for docs/boards.md."""

from dataclasses import dataclass, field


@dataclass
class Figures:
    """One board from power-on to power-off. None: never seen."""

    published_ms: int | None = None  # emulated time since power-on
    least_free: int | None = None  # bytes of MicroPython's heap
    least_block: int | None = None  # bytes: the largest free piece, when it was smallest
    watchdog_left_ms: float | None = None
    resets: list[int] = field(default_factory=list)  # emulated milliseconds since power-on
    least_at_ms: tuple[int, int] = (0, 0)  # when `least_free` and `least_block` were seen

    def see_heap(self, now_ms: int, free: int, block: int) -> None:
        """Keep the worst."""
        free_ms, block_ms = self.least_at_ms
        if self.least_free is None or free < self.least_free:
            self.least_free, free_ms = free, now_ms
        if self.least_block is None or block < self.least_block:
            self.least_block, block_ms = block, now_ms
        self.least_at_ms = free_ms, block_ms


HEADER = (
    "| day | published, ms | heap, least free | least largest piece | watchdog, least left, ms | resets |",
    "|---|---|---|---|---|---|",
)


@dataclass(frozen=True)
class Row:
    """One line of the report."""

    day: str
    figures: Figures

    def __str__(self) -> str:
        took = self.figures
        cells = (took.published_ms, took.least_free, took.least_block, took.watchdog_left_ms)
        texts = ["-" if value is None else f"{value:,.0f}" for value in cells]
        return " | ".join(["| " + self.day, *texts, f"{len(took.resets)} |"])


rows: list[Row] = []
notes: list[str] = []  # figures that no column has


def lines() -> list[str]:
    """The report as text."""
    return [*HEADER, *map(str, rows), "", *(f"- {note}" for note in notes)]
