"""Labels on pages: which label stands where.

Every QR code is moved, by half a dot at most, to where its modules fill whole dots of a 300 dpi printer.
A module that begins between two dots is printed one dot too narrow or too wide, a quarter of it on small
paper.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from muster.errors import WRONG_USE, MusterError
from muster.labels.design import DOT_MM, Label
from muster.labels.papers import Paper


class Placed(NamedTuple):
    """A label with its upper left corner on the page, in mm."""

    x: float
    y: float
    label: Label


class Page(NamedTuple):
    """One page, sizes in mm."""

    width: float
    height: float
    placed: tuple[Placed, ...]


def pages(labels: Iterable[Label], paper: Paper, start_at: int = 1) -> Iterator[Page]:
    """The labels row by row on as many pages as they need, the first from place `start_at` (1 is the first).

    Raises MusterError when the paper has no such place.
    """
    if not 1 <= start_at <= paper.places:
        raise MusterError(
            f"a sheet of {paper.name} has the places 1 to {paper.places}: there is no place {start_at}.",
            WRONG_USE,
        )
    placed: list[Placed] = []
    number = start_at - 1
    for label in labels:
        if number == paper.places:
            yield Page(*paper.page, tuple(placed))
            placed, number = [], 0
        placed.append(_placed(*paper.place(number), label))
        number += 1
    if placed:
        yield Page(*paper.page, tuple(placed))


def next_place(count: int, paper: Paper, start_at: int = 1) -> int:
    """The first free place of the last sheet after `count` labels; 1 means a fresh sheet."""
    return (start_at - 1 + count) % paper.places + 1


def single(label: Label) -> Page:
    """A page of the label's own size, for a label printer."""
    return Page(label.width, label.height, (_placed(0.0, 0.0, label),))


def _placed(x: float, y: float, label: Label) -> Placed:
    code = label.code
    code = code._replace(x=_on_dot(x + code.x) - x, y=_on_dot(y + code.y) - y)
    return Placed(x, y, label._replace(code=code))


def _on_dot(place: float) -> float:
    """The dot nearest to a distance from the edge of the page, in mm."""
    return round(place / DOT_MM) * DOT_MM
