"""A page of labels as SVG in millimetres.

Letters are outlines, so the picture is the same in every program, whatever fonts the machine has; each
letter is defined once. What a line says stands beside it as `aria-label`.
"""

from xml.sax.saxutils import quoteattr

from muster.labels.design import Code, Text
from muster.labels.fonts import MM_PER_POINT, Font, Fonts
from muster.labels.sheets import Page

_OUTLINE_MM = 0.1


def draw(page: Page, fonts: Fonts, title: str, outlines: bool = False) -> bytes:
    """The page as an SVG file. `outlines` draws the edges of the labels."""
    letters = _Letters(fonts)
    body = []
    for placed in page.placed:
        label = placed.label
        body.append(f'<g transform="translate({_mm(placed.x)} {_mm(placed.y)})">')
        if outlines:
            size = f'width="{_mm(label.width)}" height="{_mm(label.height)}"'
            body.append(f'<rect {size} fill="none" stroke="#000" stroke-width="{_OUTLINE_MM}"/>')
        body.append(_code(label.code))
        body += [letters.line(text) for text in label.texts]
        body.append("</g>")
    size = f'width="{_mm(page.width)}mm" height="{_mm(page.height)}mm"'
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'{size} viewBox="0 0 {_mm(page.width)} {_mm(page.height)}" aria-label={quoteattr(title)}>',
        "<defs>",
        *letters.definitions(),
        "</defs>",
        *body,
        "</svg>",
    ]
    return "\n".join([*lines, ""]).encode()


def _mm(value: float) -> str:
    return f"{value:.4f}".rstrip("0").rstrip(".")


def _code(code: Code) -> str:
    steps = "".join(f"M{start} {row}h{count}v1h-{count}z" for row, start, count in code.runs())
    place = f"translate({_mm(code.x)} {_mm(code.y)}) scale({code.module:.6f})"
    # The thin stroke closes the hairlines that screens show between the rows.
    return f'<path transform="{place}" stroke="#000" stroke-width="0.02" d="{steps}"/>'


class _Letters:
    """The letters that a page uses, each with an id of its own."""

    def __init__(self, fonts: Fonts) -> None:
        self._fonts = fonts
        self._ids: dict[tuple[bool, str], str] = {}

    def line(self, text: Text) -> str:
        """One line of text as references to its letters."""
        font = self._font(text.is_bold)
        scale = text.size * MM_PER_POINT / font.units
        x, uses = 0, []
        for character in text.text:
            if character != " ":
                name = self._ids.setdefault((text.is_bold, character), f"c{len(self._ids)}")
                uses.append(f'<use xlink:href="#{name}" x="{x}"/>')
            x += font.advance(character)
        place = f"translate({_mm(text.x)} {_mm(text.y)}) scale({scale:.7f} -{scale:.7f})"
        return f'<g aria-label={quoteattr(text.text)} transform="{place}">{"".join(uses)}</g>'

    def _font(self, is_bold: bool) -> Font:
        return self._fonts.bold if is_bold else self._fonts.regular

    def definitions(self) -> list[str]:
        """The outlines of all letters that `line` has used."""
        return [
            f'<path id="{name}" d="{self._font(is_bold).outline(character)}"/>'
            for (is_bold, character), name in self._ids.items()
        ]
