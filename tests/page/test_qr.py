"""The page's QR code: as another encoder draws it, and read by a decoder from the screen."""

import io
import random

import pytest
import segno
import zxingcpp
from PIL import Image

from muster.fleet.claim_ids import ALPHABET, LONG, SHORT, shown

SIZE = 21
DRAW = "texts => texts.map((text) => qr(text).map((row) => row.map(Number)))"


def texts(lengths) -> list[str]:
    chance = random.Random(8)
    return ["".join(chance.choices(ALPHABET, k=length)) for length in lengths]


@pytest.mark.parametrize(("length", "level"), [(SHORT, "H"), (LONG, "Q")])
def test_the_picture_is_that_of_another_encoder(opened, board, length, level) -> None:
    codes = texts([length] * 200)
    for code, cells in zip(codes, opened(board.url).evaluate(DRAW, codes), strict=True):
        other = segno.make(code, version=1, error=level, mode="alphanumeric", mask=3, boost_error=False)
        assert cells == [list(row) for row in other.matrix], code


def test_every_length_that_fits_is_read(opened, board) -> None:
    codes = texts([*range(1, 26)] * 8)
    for code, cells in zip(codes, opened(board.url).evaluate(DRAW, codes), strict=True):
        picture = Image.new("L", (SIZE + 8, SIZE + 8), 255)
        picture.putdata([0 if cell else 255 for row in _margin(cells) for cell in row])
        found = zxingcpp.read_barcodes(picture.resize((290, 290), Image.Resampling.NEAREST))
        assert [result.text for result in found] == [code]


def _margin(cells: list[list[int]]) -> list[list[int]]:
    empty = [[0] * (SIZE + 8)] * 4
    return [*empty, *([0] * 4 + row + [0] * 4 for row in cells), *empty]


def test_what_does_not_fit_is_not_drawn(opened, board) -> None:
    page = opened(board.url)
    assert page.evaluate("['', 'a'.repeat(5), 'A'.repeat(26), '<B>'].map(qr)") == [None] * 4


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("length", [SHORT, LONG])
def test_a_camera_reads_it_from_the_screen(opened, board, length, scheme) -> None:
    code = "JT08FFQXWQ7423FA"[:length]
    board.contract.state["claim"].update(id=code, shown=shown(code))
    page = opened(board.url, color_scheme=scheme)
    page.wait_for_selector("#qr svg")
    picture = Image.open(io.BytesIO(page.screenshot()))
    assert [result.text for result in zxingcpp.read_barcodes(picture)] == [code]
    assert page.inner_text("#claim-id") == shown(code)
    assert page.get_by_role("img", name="QR code of the claim ID").is_visible()
