"""Whatever the name, every text is within its label and off its QR code."""

import itertools
import math

import pytest
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

from muster.errors import WRONG_USE, MusterError
from muster.fleet.names import MAX_CHARACTERS
from muster.labels import papers, sheets
from muster.labels.design import DOT_MM, Content, design, sizes
from muster.labels.fonts import MM_PER_POINT, Fonts

FONTS = Fonts()
NAMES = {
    "short": "x",
    "usual": "test-device-123",
    "widest": "w" * MAX_CHARACTERS,
    "narrowest": "i" * MAX_CHARACTERS,
    "words": ("warehouse-north-aisle-17-" * 6)[: MAX_CHARACTERS - 1] + "9",
    "two words": "m" * 63 + "-" + "m" * 64,
    "many words": "-".join("a" * 64),
}
CLAIMS = {10: ("7423F-FA8DT", "7423FFA8DT"), 16: ("WWWW-WWWW-WWWW-WWWM", "WWWWWWWWWWWWWWWM")}
SINGLE = {"62x29": (62, 29), "29x62": (29, 62), "40x40": (40, 40), "100x150": (100, 150), "30x12": (30, 12)}
SIZES = {name: (paper.width, paper.height, paper.inset) for name, paper in papers.PAPERS.items()}
SIZES |= {name: (*size, (0.0, 0.0)) for name, size in SINGLE.items()}
# (size, symbols): what is too small for a title and a password besides, and says so.
LOW = {("L4731", 10), ("L4731", 16), ("30x12", 16)}


def reportlab_width(text, size, is_bold):
    font = FONTS.bold if is_bold else FONTS.regular
    name = font.path.stem
    if name not in pdfmetrics.getRegisteredFontNames():
        pdfmetrics.registerFont(TTFont(name, str(font.path)))
    return pdfmetrics.stringWidth(text, name, size) * MM_PER_POINT


def boxes(label):
    """(left, top, right, bottom) of each text, letters and all."""
    for text in label.texts:
        font = FONTS.bold if text.is_bold else FONTS.regular
        size = text.size * MM_PER_POINT
        right = text.x + reportlab_width(text.text, text.size, text.is_bold)
        yield text.x, text.y - font.ascent * size, right, text.y + font.descent * size


def check(label, inset):
    """Assert that nothing leaves the label or lies on anything else."""
    left, top = max(0.6, inset[0]) - 1e-6, max(0.6, inset[1]) - 1e-6
    right, bottom = label.width - left, label.height - top
    found = list(boxes(label))
    for box in found:
        assert left <= box[0] and box[2] <= right and top <= box[1] and box[3] <= bottom
    code, quiet = label.code, 4 * label.code.module - 1e-6  # ISO/IEC 18004
    assert left <= code.x and code.x + code.side <= right and top <= code.y and code.y + code.side <= bottom
    white = (code.x - quiet, code.y - quiet, code.x + code.side + quiet, code.y + code.side + quiet)
    assert white[0] >= -1e-6 and white[1] >= -1e-6
    assert white[2] <= label.width + 1e-6 and white[3] <= label.height + 1e-6
    for one, other in itertools.combinations([*found, white], 2):
        is_apart = one[2] <= other[0] + 1e-6 or other[2] <= one[0] + 1e-6
        assert is_apart or one[3] <= other[1] + 1e-6 or other[3] <= one[1] + 1e-6


def joined(label, wanted):
    """Do the lines of the label, in their order, give `wanted` somewhere?"""
    return wanted in "".join(text.text for text in label.texts)


@pytest.mark.parametrize("symbols", CLAIMS)
@pytest.mark.parametrize("extras", [("", ""), ("Example Cameras & Sons", "k7q2-9fxd-3mzt")])
@pytest.mark.parametrize("size", SIZES)
def test_every_text_fits(size, extras, symbols):
    width, height, inset = SIZES[size]
    claim, code = CLAIMS[symbols]
    contents = [Content(name, claim, code, *extras) for name in NAMES.values()]
    widest = sizes(contents, FONTS)
    if (size, symbols) in LOW and extras[1]:
        with pytest.raises(MusterError, match="use a larger one") as caught:
            design(contents[0], width, height, FONTS, inset, widest)
        assert caught.value.code == WRONG_USE
        return
    for content in contents:
        label = design(content, width, height, FONTS, inset, widest)
        check(label, inset)
        assert joined(label, claim)
        assert joined(label, content.name) is label.is_whole
        assert not content.password or joined(label, content.password)
        assert all(text.size >= 3 for text in label.texts if text.is_bold)
        assert label.is_whole or (width * height < 1000 and "..." in "".join(t.text for t in label.texts))


def test_a_usual_name_is_large_and_in_one_line():
    label = design(Content("test-device-123", *CLAIMS[10]), 63.5, 38.1, FONTS)
    name = next(text for text in label.texts if text.text == "test-device-123")
    assert name.size > 10


def test_codes_of_all_labels_have_the_same_size():
    contents = [Content(name, claim, "X") for name, claim in (("a", "11111-11111"), ("b", "WWWWW-MMMMM"))]
    widest = sizes(contents, FONTS)
    for width, height in ((63.5, 38.1), (25.4, 10)):
        labels = [design(content, width, height, FONTS, widest=widest) for content in contents]
        shown = [[text.size for text in label.texts if text.text[0] in "1WM"] for label in labels]
        assert shown[0] and shown[0] == shown[1]


def test_a_longer_code_is_larger_or_refused():
    content = Content("a", "7423F-FA8DT", "https://example.org/claim/" + 40 * "x")
    assert len(design(content, 62, 29, FONTS).code.rows) > 21
    with pytest.raises(MusterError, match="too small for a QR code of 3. x 3."):
        design(content, 25.4, 10, FONTS)


def is_whole(dots):
    return math.isclose(dots, round(dots), abs_tol=1e-6)


def test_modules_are_whole_dots_of_a_printer():
    for width, height, inset in SIZES.values():
        module = design(Content("a", *CLAIMS[10]), width, height, FONTS, inset).code.module
        assert is_whole(module / DOT_MM) and module >= 4 * DOT_MM - 1e-6


@pytest.mark.parametrize("paper", papers.PAPERS.values(), ids=lambda paper: paper.name)
def test_modules_begin_on_whole_dots_of_the_page(paper):
    label = design(Content("a", *CLAIMS[10]), paper.width, paper.height, FONTS, paper.inset)
    (page,) = sheets.pages([label] * paper.places, paper)
    for placed in page.placed:
        code = placed.label.code
        assert is_whole((placed.x + code.x) / DOT_MM) and is_whole((placed.y + code.y) / DOT_MM)
        assert math.dist((code.x, code.y), (label.code.x, label.code.y)) < DOT_MM
        check(placed.label, paper.inset)


def test_widths_are_those_of_the_pdf_library():
    for text in (*NAMES.values(), "Claim ID", "Größe 1 €"):
        for font, is_bold in ((FONTS.regular, False), (FONTS.bold, True)):
            assert font.width(text, 10) == pytest.approx(reportlab_width(text, 10, is_bold), rel=1e-3)


def test_a_letter_that_the_font_lacks_is_named(tmp_path):
    with pytest.raises(MusterError, match="no 'Ж', which is in --title"):
        FONTS.check("aЖ", "--title")
    (tmp_path / "bad.ttf").write_bytes(b"no font")
    with pytest.raises(MusterError, match=r"bad.ttf is not a TrueType font"):
        Fonts(tmp_path / "bad.ttf")
    assert Fonts(FONTS.regular.path).bold.path == FONTS.regular.path
