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
