"""The upper part of a label sheet, drawn by the code that prints it."""

import random
from xml.etree import ElementTree

from muster.fleet.claim_ids import ALPHABET, SHORT, shown
from muster.labels import papers, sheets, svg
from muster.labels.design import Content, design, sizes
from muster.labels.fonts import Fonts
from pictures.canvas import RULE, Canvas

PAPER = "L7160"
ROWS = 3
NAMES = [f"camera-{number:04}" for number in range(1, 10)]
_SCALE = 4.0  # units for each mm
_MARGIN = 20
_SVG = "http://www.w3.org/2000/svg"


def contents() -> list[Content]:
    """Labels of devices that exist in no registry; always the same."""
    source = random.Random(20)
    codes = ["".join(source.choices(ALPHABET, k=SHORT)) for _ in NAMES]
    return [
        Content(name, shown(code), code, "Example Cameras") for name, code in zip(NAMES, codes, strict=True)
    ]


def draw() -> str:
    """The picture as SVG."""
    paper, fonts = papers.paper(PAPER), Fonts(None)
    labels, widest = contents(), sizes(contents(), fonts)
    designed = [
        design(content, paper.width, paper.height, fonts, inset=paper.inset, widest=widest)
        for content in labels
    ]
    page = next(sheets.pages(designed, paper))
    visible_mm = paper.place(0)[1] + ROWS * paper.height + 1.5
    width, height = round(page.width * _SCALE), round(visible_mm * _SCALE)
    canvas = Canvas(
        width + 2 * _MARGIN,
        height + 2 * _MARGIN,
        f"Labels on {paper.maker} {paper.name}",
        "Each label has the name of a device, its claim ID and a QR code.",
        fill="#eef1f4",
    )
    canvas.box(_MARGIN, _MARGIN, width, height, fill="#ffffff", edge=RULE, radius=2)
    place = {"x": _MARGIN, "y": _MARGIN, "width": width, "height": height}
    canvas.nested(_edges(svg.draw(page, fonts, "")), place, f"0 0 {page.width:g} {visible_mm:g}")
    return canvas.svg()


def _edges(drawing: bytes) -> str:
    """What is inside the drawing's <svg>, with faint edges round the labels."""
    ElementTree.register_namespace("", _SVG)
    ElementTree.register_namespace("xlink", "http://www.w3.org/1999/xlink")
    paper = papers.paper(PAPER)
    size = {"width": f"{paper.width:g}", "height": f"{paper.height:g}", "rx": "2"}
    look = {"fill": "none", "stroke": "#c3ccd4", "stroke-width": "0.25", "stroke-dasharray": "1 0.8"}
    root = ElementTree.fromstring(drawing)
    for label in root.iterfind(f"{{{_SVG}}}g"):
        label.insert(0, ElementTree.Element(f"{{{_SVG}}}rect", {**size, **look}))
    return "\n".join(ElementTree.tostring(child, encoding="unicode") for child in root)
