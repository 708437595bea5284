"""One label: the QR code, and beside or below it the title, the name, the claim ID and the password.

Everything is in millimetres from the upper left corner of the label, y downwards; sizes are in points.
"""

import itertools
from collections.abc import Iterable
from typing import NamedTuple

import segno

from muster.errors import WRONG_USE, MusterError
from muster.labels import fitting
from muster.labels.fonts import Font, Fonts

QUIET = 4  # modules that stay white around a QR code (ISO/IEC 18004)
DOT_MM = 25.4 / 300  # modules are whole dots of a printer with 300 dpi, and of one with 600
_SHIFT_MM = DOT_MM / 2  # how far `sheets` may move a code, so that its modules begin on dots too
_MIN_MODULE_MM = 4 * DOT_MM  # the least that two decoders read, however a scanner's pixels fall
_MAX_CODE_MM = 26.0
_CODE_SHARE = 0.45  # of the width of a label at most, or of its height when the text is below
_MARGIN_SHARE = 0.05  # of the shorter side
_MARGIN_MM = (0.6, 2.0)
_LARGEST, _SMALLEST = 12.0, 3.0  # points
_READABLE = 5.5  # points: a claim ID below that is rather broken into two lines
_CAPTIONS_FROM = 0.7  # captions go when everything would shrink to less than this because of them
_FIXED_SHARE = 0.62  # of the text's height, for everything but the name
_GAP_SHARE = 0.35  # of a line, between name and what is below it
CLAIM_TITLE = "Claim ID"
PASSWORD_TITLE = "Password"


class Content(NamedTuple):
    """What is on one label. `claim` is in groups, as people read it; `code` is the QR code's text."""

    name: str
    claim: str
    code: str
    title: str = ""
    password: str = ""


class Text(NamedTuple):
    """One line: its left end on the base line."""

    x: float
    y: float
    text: str
    size: float
    is_bold: bool


class Code(NamedTuple):
    """A QR code without its quiet zone: its upper left corner, the rows of its modules (True is dark)."""

    x: float
    y: float
    module: float
    rows: tuple[tuple[bool, ...], ...]

    @property
    def side(self) -> float:
        """In mm, without the quiet zone."""
        return len(self.rows) * self.module

    def runs(self) -> list[tuple[int, int, int]]:
        """The dark modules as (row, first of a run in it, how many)."""
        found = []
        for number, row in enumerate(self.rows):
            start = 0
            for is_dark, run in itertools.groupby(row):
                count = len(list(run))
                if is_dark:
                    found.append((number, start, count))
                start += count
        return found


class Label(NamedTuple):
    """A finished label. `is_whole` is False when the name did not fit and its middle is left out."""

    width: float
    height: float
    texts: tuple[Text, ...]
    code: Code
    is_whole: bool


class Sizes(NamedTuple):
    """The widths of the widest claim ID and password of all labels, (whole, in two lines), mm at one point.

    Letters are not all equally wide: with this, the codes of all labels have the same size.
    """

    claim: tuple[float, float]
    password: tuple[float, float]


class _Line(NamedTuple):
    text: str
    size: float
    is_bold: bool
    above: float = 0.0  # white space above, in heights of this line


class _Box(NamedTuple):
    x: float
    y: float
    width: float
    height: float


def sizes(contents: Iterable[Content], fonts: Fonts) -> Sizes:
    """What `design` needs to know of all labels."""
    contents = list(contents)
    return Sizes(
        _widest((content.claim for content in contents), fonts),
        _widest((content.password for content in contents), fonts),
    )


def _widest(codes: Iterable[str], fonts: Fonts) -> tuple[float, float]:
    whole = half = 0.0
    for code in codes:
        whole = max(whole, fonts.bold.width(code, 1.0))
        half = max(half, *(fonts.bold.width(part, 1.0) for part in _halves(code)))
    return whole, half


def _halves(code: str) -> tuple[str, str]:
    """The groups of a code in two lines."""
    groups = code.split("-")
    half = (len(groups) + 1) // 2
    return "-".join(groups[:half]) + "-", "-".join(groups[half:])


def design(
    content: Content,
    width: float,
    height: float,
    fonts: Fonts,
    inset: tuple[float, float] = (0.0, 0.0),
    widest: Sizes | None = None,
) -> Label:
    """The label of `content` on `width` x `height` mm; `inset` (x, y) stays white whatever is printed.

    `widest`: see `sizes`; without it, the label is alone.
    Raises MusterError when claim ID or QR code cannot be printed so small that they fit.
    """
    least, most = _MARGIN_MM
    margin = min(max(_MARGIN_SHARE * min(width, height), least), most)
    left, top = max(margin, inset[0]), max(margin, inset[1])
    box = _Box(left, top, width - 2 * left, height - 2 * top)
    is_beside = width >= 1.3 * height
    code = _code(content.code, box, width, height, is_beside)
    around = QUIET * code.module + _SHIFT_MM
    if is_beside:
        left = code.x + code.side + around
        room = _Box(left, box.y, box.x + box.width - left, box.height)
    else:
        top = code.y + code.side + around
        room = _Box(box.x, top, box.width, box.y + box.height - top)
    fixed = _fixed(content, room, fonts, widest or sizes([content], fonts))
    taken = sum(_height(line, fonts) for line in fixed)
    name = fitting.block(
        fonts.bold, content.name, room.width, room.height - taken, _LARGEST * _scale(room), _SMALLEST
    )
    lines = [_Line(text, name.size, True) for text in name.lines]
    place = 1 if content.title else 0
    lines = [*fixed[:place], *lines, *fixed[place:]]
    texts = _set(lines, room, fonts, is_beside)
    return Label(width, height, texts, code, name.is_whole)


def _code(text: str, box: _Box, width: float, height: float, is_beside: bool) -> Code:
    # Level M at least; segno raises it where that makes the code no larger.
    matrix = segno.make(text, error="m", micro=False).matrix
    count = len(matrix)
    share_x, share_y = (_CODE_SHARE, 1.0) if is_beside else (1.0, _CODE_SHARE)
    module = min(
        (min(share_x * width, share_y * height) - 2 * _SHIFT_MM) / (count + 2 * QUIET),
        ((box.height if is_beside else box.width) - 2 * _SHIFT_MM) / count,
        _MAX_CODE_MM / count,
    )
    module = int(module / DOT_MM + 1e-6) * DOT_MM
    if module < _MIN_MODULE_MM - 1e-6:
        raise MusterError(
            f"a label of {width:g} x {height:g} mm is too small for a QR code of {count} x {count} modules: "
            "use a larger one, or a shorter --qr text.",
            WRONG_USE,
        )
    rows = tuple(tuple(bool(dark) for dark in row) for row in matrix)
    side, around = count * module, QUIET * module
    if is_beside:
        return Code(max(box.x, around) + _SHIFT_MM, (height - side) / 2, module, rows)
    return Code((width - side) / 2, max(box.y, around) + _SHIFT_MM, module, rows)


def _scale(room: _Box) -> float:
    """How much larger letters may be on a large label."""
    return min(2.0, max(1.0, room.height / 25))


def _fixed(content: Content, room: _Box, fonts: Fonts, widest: Sizes) -> list[_Line]:
    """Every line but those of the name, in their order; they shrink together until they leave it room."""
    if room.width > 0 and room.height > 0:
        for has_captions, enough in ((True, _CAPTIONS_FROM), (False, 0.0)):
            lines = _rows(content, room, fonts, widest, has_captions)
            taken = sum(_height(line, fonts) for line in lines)
            shrink = min(1.0, _FIXED_SHARE * room.height / taken)
            if shrink >= enough:
                break
        lines = [line._replace(size=line.size * shrink) for line in lines]
        if all(line.size >= _SMALLEST for line in lines if line.is_bold):
            if content.title and lines[0].size < _SMALLEST:
                raise MusterError(
                    "the title is too long for the label: shorten it, or use a larger one.", WRONG_USE
                )
            return lines
    raise MusterError(
        "the label is too small for the claim ID beside its QR code: use a larger one.", WRONG_USE
    )


def _rows(content: Content, room: _Box, fonts: Fonts, widest: Sizes, has_captions: bool) -> list[_Line]:
    """Title, claim ID and password as large as the width allows."""
    lines = []
    if content.title:
        size = fitting.one_line(fonts.regular, content.title, room.width, 8 * _scale(room))
        lines.append(_Line(content.title, size, False))
    claim = _coded(content.claim, widest.claim, 12 * _scale(room), room.width)
    small = min(5.5 * _scale(room), 0.7 * claim[0].size)
    captions = [_Line(CLAIM_TITLE, small, False)] if has_captions else []
    lines += _with_gap([*captions, *claim])
    if content.password:
        password = _coded(content.password, widest.password, 0.8 * claim[0].size, room.width)
        captions = [_Line(PASSWORD_TITLE, small, False)] if has_captions else []
        lines += _with_gap([*captions, *password])
    return lines


def _with_gap(lines: list[_Line]) -> list[_Line]:
    return [lines[0]._replace(above=_GAP_SHARE), *lines[1:]]


def _coded(value: str, widest: tuple[float, float], largest: float, width: float) -> list[_Line]:
    """A claim ID or password, broken in its middle where one line would be tiny."""
    is_broken = widest[0] * _READABLE > width and "-" in value
    size = min(largest, max(0.0, width - 0.02) / widest[is_broken])
    return [_Line(part, size, True) for part in (_halves(value) if is_broken else (value,))]


def _font(line: _Line, fonts: Fonts) -> Font:
    return fonts.bold if line.is_bold else fonts.regular


def _height(line: _Line, fonts: Fonts) -> float:
    return _font(line, fonts).height(line.size) * (1 + line.above)


def _set(lines: list[_Line], room: _Box, fonts: Fonts, is_beside: bool) -> tuple[Text, ...]:
    """The lines one below the other, in the middle of the height; below a code, in that of the width too."""
    taken = sum(_height(line, fonts) for line in lines)
    y = room.y + max(0.0, (room.height - taken) / 2)
    texts = []
    for line in lines:
        font = _font(line, fonts)
        top = y + font.height(line.size) * line.above
        x = room.x if is_beside else room.x + (room.width - font.width(line.text, line.size)) / 2
        baseline = top + font.ascent * line.size * 25.4 / 72
        texts.append(Text(x, baseline, line.text, line.size, line.is_bold))
        y = top + font.height(line.size)
    return tuple(texts)
