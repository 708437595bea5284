"""Label papers, in millimetres.

The grid of every paper here is centred on its page; that and the numbers of a row give the margins, which
a test compares with those that the manufacturers print.
"""

import difflib
from typing import NamedTuple

from muster.errors import WRONG_USE, MusterError

A4 = (210.0, 297.0)
LETTER = (215.9, 279.4)
_UNPRINTABLE_MM = 4.3  # edge of the page that an office printer leaves white


class Paper(NamedTuple):
    """A page of labels: `columns` by `rows` of `width` by `height`, `gap` between columns; all in mm."""

    name: str
    maker: str
    page: tuple[float, float]
    columns: int
    rows: int
    width: float
    height: float
    gap: float = 0.0

    @property
    def places(self) -> int:
        """Labels on one page."""
        return self.columns * self.rows

    @property
    def left(self) -> float:
        """From the edge of the page to the first column."""
        return (self.page[0] - self.columns * self.width - (self.columns - 1) * self.gap) / 2

    @property
    def top(self) -> float:
        """From the edge of the page to the first row."""
        return (self.page[1] - self.rows * self.height) / 2

    @property
    def inset(self) -> tuple[float, float]:
        """How far (x, y) into every label nothing may be printed, so that no printer's edge cuts it off."""
        return max(0.0, _UNPRINTABLE_MM - self.left), max(0.0, _UNPRINTABLE_MM - self.top)

    def place(self, number: int) -> tuple[float, float]:
        """The upper left corner of label `number` (from 0, row by row) on its page."""
        row, column = divmod(number, self.columns)
        return self.left + column * (self.width + self.gap), self.top + row * self.height


def _inches(name: str, columns: int, rows: int, width: float, height: float, gap: float = 0.0) -> Paper:
    return Paper(name, "Avery", LETTER, columns, rows, width * 25.4, height * 25.4, gap * 25.4)


_TABLE = (
    Paper("L7160", "Avery", A4, 3, 7, 63.5, 38.1, 2.5),
    Paper("L7159", "Avery", A4, 3, 8, 63.5, 33.9, 2.5),
    Paper("L7162", "Avery", A4, 2, 8, 99.1, 33.9, 2.5),
    Paper("L7163", "Avery", A4, 2, 7, 99.1, 38.1, 2.5),
    Paper("L7651", "Avery", A4, 5, 13, 38.1, 21.2, 2.5),
    Paper("L7654", "Avery", A4, 4, 10, 45.7, 25.4, 2.5),
    Paper("L4731", "Avery", A4, 7, 27, 25.4, 10.0, 2.5),
    Paper("L4732", "Avery", A4, 5, 16, 35.6, 16.9, 2.5),
    Paper("3422", "Avery Zweckform", A4, 3, 8, 70.0, 35.0),
    Paper("3474", "Avery Zweckform", A4, 3, 8, 70.0, 37.0),
    Paper("3475", "Avery Zweckform", A4, 3, 8, 70.0, 36.0),
    Paper("3657", "Avery Zweckform", A4, 4, 10, 48.5, 25.4),
    Paper("4201", "Herma", A4, 4, 16, 45.7, 16.9, 2.5),
    Paper("4346", "Herma", A4, 4, 12, 45.7, 21.2, 2.5),
    Paper("10003", "Herma", A4, 5, 16, 35.6, 16.9, 2.5),
    _inches("5160", 3, 10, 2.625, 1, 0.125),
    _inches("5161", 2, 10, 4, 1, 0.1875),
    _inches("5162", 2, 7, 4, 4 / 3, 0.1875),
    _inches("5163", 2, 5, 4, 2, 0.1875),
    _inches("5167", 4, 20, 1.75, 0.5, 0.3125),
)
PAPERS = {paper.name: paper for paper in _TABLE}
# The same cut sold under another number, for another kind of printer.
ALIASES = {
    **{"J8160": "L7160", "J8159": "L7159", "J8162": "L7162", "J8163": "L7163", "J8651": "L7651"},
    **{"8160": "5160", "8161": "5161", "8162": "5162", "8163": "5163", "8167": "5167"},
    **{"4345": "10003"},
}


SINGLE_MM = (62, 29)  # width and height of a label of a common roll, for a label printer


def paper(name: str) -> Paper:
    """The paper of this name, however it is written (l7160, Avery L7160, Herma-4201).

    Raises MusterError (wrong use), with the nearest name, when it is not in the table.
    """
    word = name.upper().replace("-", " ").split()[-1:]
    code = ALIASES.get(word[0], word[0]) if word else ""
    if code not in PAPERS:
        near = difflib.get_close_matches(code, [*PAPERS, *ALIASES], 1)
        hint = f"did you mean {near[0]}?" if near else "choose one of `muster label --list-papers`"
        raise MusterError(f"there is no label paper {name!r} in the table: {hint}", WRONG_USE)
    return PAPERS[code]
