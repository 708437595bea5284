"""Pages of labels as PDF, drawn by reportlab; the same pages give the same bytes."""

import io
from collections.abc import Iterable

from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFError, TTFont
from reportlab.pdfgen.canvas import FILL_NON_ZERO, Canvas

from muster.errors import MusterError
from muster.labels.design import Code
from muster.labels.fonts import Font, Fonts
from muster.labels.sheets import Page, Placed

_OUTLINE_MM = 0.1


def draw(pages: Iterable[Page], fonts: Fonts, title: str, outlines: bool = False) -> bytes:
    """The pages as one PDF. `outlines` draws the edges of the labels, to check where a printer prints."""
    names = {True: _register(fonts.bold), False: _register(fonts.regular)}
    stream = io.BytesIO()
    canvas = Canvas(stream, invariant=1, pageCompression=1)  # no time, no random identifier
    canvas.setTitle(title)
    canvas.setCreator("Muster")
    for page in pages:
        canvas.setPageSize((page.width * mm, page.height * mm))
        for placed in page.placed:
            _draw_label(canvas, page, placed, names, outlines)
        canvas.showPage()
    canvas.save()
    return stream.getvalue()


def _register(font: Font) -> str:
    """The name under which reportlab knows the font."""
    name = str(font.path)
    try:
        pdfmetrics.getFont(name)
    except KeyError:
        try:
            pdfmetrics.registerFont(TTFont(name, str(font.path)))
        except TTFError as error:
            raise MusterError(f"{font.path} cannot be embedded ({error}): choose another --font.") from None
    return name


def _draw_label(canvas: Canvas, page: Page, placed: Placed, names: dict[bool, str], outlines: bool) -> None:
    label = placed.label
    if outlines:
        canvas.setLineWidth(_OUTLINE_MM * mm)
        bottom = page.height - placed.y - label.height
        canvas.rect(placed.x * mm, bottom * mm, label.width * mm, label.height * mm)
    for text in label.texts:
        canvas.setFont(names[text.is_bold], text.size)
        canvas.drawString((placed.x + text.x) * mm, (page.height - placed.y - text.y) * mm, text.text)
    _draw_code(canvas, label.code, placed.x + label.code.x, page.height - placed.y - label.code.y)


def _draw_code(canvas: Canvas, code: Code, left: float, top: float) -> None:
    """The dark modules of each row as few rectangles; `top` counts from the lower edge of the page.

    They are one path, so no program shows a line between two of them, and exactly as large as their dots:
    some printers blacken every dot that is touched.
    """
    path = canvas.beginPath()
    side = code.module * mm
    for row, start, count in code.runs():
        path.rect(left * mm + start * side, top * mm - (row + 1) * side, count * side, side)
    canvas.drawPath(path, stroke=0, fill=1, fillMode=FILL_NON_ZERO)
