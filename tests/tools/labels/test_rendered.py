"""Printed labels as a camera sees them: pages are drawn by other programs, and their codes read back.

Two decoders that share no code read them. zxing-cpp finds all codes of a page. qrdec, the algorithm of zbar,
is made for one code at a time, so it gets the picture of the page cut into labels.
"""

import io
import math
import random

import pypdfium2
import pytest
import resvg_py
import zxingcpp
from PIL import Image, ImageChops, ImageFilter

from muster.enrolment import secrets
from muster.fleet import claim_ids, devices, groups, images
from muster.labels import papers, pdf, sheets, svg
from muster.labels.contents import device_content
from muster.labels.design import design, sizes
from muster.labels.fonts import Fonts
from muster.registry import Registry

FONTS = Fonts()
DPI = 300
LONG = "room-17-" * 15 + "sensor1"  # 127 characters


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    """200 devices in a registry, some with long names; the names of the registry in their order."""
    home = tmp_path_factory.mktemp("home")
    registry = Registry(home)
    groups.add(registry, secrets.Vault(home), "lab", 0)
    with pytest.MonkeyPatch.context() as patch, registry.transaction():
        patch.setattr(claim_ids.secrets, "choice", random.Random(7).choice)  # the same codes in every run
        for number in range(200):
            devices.add(registry, "lab", LONG + str(number % 10) if number in (3, 14) else f"cam-{number}", 0)
    found = registry.devices.all()
    registry.close()
    return found


def labels_of(found, width, height, inset=(0.0, 0.0), title="", password=""):
    contents = [device_content(device, "{claim_id}", "", title, password) for device in found]
    widest = sizes(contents, FONTS)
    return [design(content, width, height, FONTS, inset, widest) for content in contents]


def pages_of(found, paper, start_at=1, **more):
    labels = labels_of(found, paper.width, paper.height, paper.inset, **more)
    return list(sheets.pages(labels, paper, start_at))


def from_pdf(content, dpi=DPI):
    """The pages of a PDF as grey pictures, drawn by PDFium."""
    return [page.render(scale=dpi / 72).to_pil().convert("L") for page in pypdfium2.PdfDocument(content)]


def from_svg(content, dpi=DPI):
    """An SVG as a grey picture, drawn by resvg."""
    png = resvg_py.svg_to_bytes(svg_string=content.decode(), dpi=dpi, background="white")
    return Image.open(io.BytesIO(bytes(png))).convert("L")


def read(picture):
    """{text: (x, y) of the middle in mm} of every code that a decoder finds in the picture."""
    found = {}
    for code in zxingcpp.read_barcodes(picture, formats=zxingcpp.BarcodeFormat.QRCode):
        place = code.position
        x, y = (place.top_left.x + place.bottom_right.x) / 2, (place.top_left.y + place.bottom_right.y) / 2
        found[code.text] = (x * 25.4 / DPI, y * 25.4 / DPI)
    return found


def read_black_and_white(picture):
    """The texts of the codes in the picture of one label."""
    deqr = pytest.importorskip("deqr", reason="deqr has wheels for Linux only")
    scanned = picture.point(lambda grey: 255 if grey > 127 else 0)
    return [code.data_entries[0].data for code in deqr.QRdecDecoder().decode(scanned)]


def cut(picture, paper, number):
    """The picture of one label out of that of its page."""
    left, top = paper.place(number)
    box = (left, top, left + paper.width, top + paper.height)
    return picture.crop(tuple(round(side * DPI / 25.4) for side in box))


def check_codes(picture, found, paper, first=0):
    """Assert that the picture holds the code of each device, and each on its own label."""
    codes = read(picture)
    assert sorted(codes) == sorted(device.claim_id for device in found)
    for number, device in enumerate(found, first):
        left, top = paper.place(number)
        x, y = codes[device.claim_id]
        assert left < x < left + paper.width and top < y < top + paper.height


@pytest.mark.parametrize("paper", papers.PAPERS.values(), ids=lambda paper: paper.name)
def test_codes_of_a_whole_sheet_are_read_back(fleet, paper):
    found = fleet[: paper.places]
    made = pages_of(found, paper)
    (picture,) = from_pdf(pdf.draw(made, FONTS, "Labels"))
    assert [side * 25.4 / DPI for side in picture.size] == pytest.approx(paper.page, abs=0.1)
    check_codes(picture, found, paper)
    for number, device in enumerate(found):
        one = cut(picture, paper, number)
        assert list(read(one)) == read_black_and_white(one) == [device.claim_id]


def shifted(picture, part):
    """The picture as a scanner gives it whose pixels begin a `part` of a dot later."""
    return picture.transform(
        picture.size, Image.Transform.AFFINE, (1, 0, part, 0, 1, part), Image.Resampling.BILINEAR
    )


@pytest.mark.parametrize("name", ["L4731", "5167", "L7651"])
def test_the_smallest_codes_are_read_wherever_a_scanners_pixels_fall(fleet, name):
    paper = papers.paper(name)
    found = fleet[: paper.places]
    (drawn,) = from_pdf(pdf.draw(pages_of(found, paper), FONTS, "Labels"))
    parts = (0.25, 0.5, 0.75)
    for first, part in enumerate(parts):
        picture = shifted(drawn, part)
        for number, device in list(enumerate(found))[first :: len(parts)]:  # each label once, in all places
            one = cut(picture, paper, number)
            assert list(read(one)) == read_black_and_white(one) == [device.claim_id]


@pytest.mark.parametrize("name", ["L7160", "L4731", "5163"])
def test_svg_shows_the_same(fleet, name):
    paper = papers.paper(name)
    found = fleet[: min(paper.places, 40)]
    made = pages_of(found, paper)
    picture = from_svg(svg.draw(made[0], FONTS, "Labels"))
    assert [side * 25.4 / DPI for side in picture.size] == pytest.approx(paper.page, abs=0.1)
    check_codes(picture, found, paper)
    (other,) = from_pdf(pdf.draw(made, FONTS, "Labels"))
    # Drawn by two programs, edges differ in grey; nothing is anywhere else, by a third of a millimetre.
    for one, two in ((picture, other.resize(picture.size)), (other.resize(picture.size), picture)):
        ink = one.point(lambda grey: 255 if grey < 100 else 0)
        near = grown(two.point(lambda grey: 255 if grey < 200 else 0), 2)
        assert not overlap(ink, near.point(lambda value: 255 - value))


def grown(mask, pixels):
    """The mask with everything thicker by `pixels`."""
    return mask.filter(ImageFilter.BoxBlur(pixels)).point(lambda value: 255 if value else 0)


def overlap(one, other):
    """Have the two masks a pixel in common?"""
    return ImageChops.multiply(one, other).getbbox() is not None


@pytest.mark.parametrize("name", ["L7160", "L7651", "L4731", "3475", "5160"])
def test_no_ink_leaves_its_label(fleet, name):
    paper = papers.paper(name)
    more = {} if name == "L4731" else {"title": "Example Cameras", "password": "k7q2-9fxd-3mzt"}
    (picture,) = from_pdf(pdf.draw(pages_of(fleet[: paper.places], paper, **more), FONTS, "Labels"))
    inside = Image.new("L", picture.size, 0)
    for number in range(paper.places):
        left, top = paper.place(number)
        x, y = (max(0.5, inset) for inset in paper.inset)
        upper = (math.floor(side * DPI / 25.4) for side in (left + x, top + y))
        lower = (left + paper.width - x, top + paper.height - y)
        inside.paste(255, (*upper, *(math.ceil(side * DPI / 25.4) for side in lower)))
    ink = picture.point(lambda grey: 255 if grey < 250 else 0)
    assert ink.getbbox() and not overlap(ink, inside.point(lambda value: 255 - value))


def test_a_begun_sheet_goes_on_at_its_place(fleet):
    paper = papers.paper("L7160")
    made = pages_of(fleet[:40], paper, start_at=5)
    assert [len(page.placed) for page in made] == [17, 21, 2]
    first, second, third = from_pdf(pdf.draw(made, FONTS, "Labels"))
    check_codes(first, fleet[:17], paper, first=4)
    check_codes(second, fleet[17:38], paper)
    check_codes(third, fleet[38:40], paper)
    assert sheets.next_place(40, paper, 5) == 3
    assert sheets.next_place(17, paper, 5) == 1


@pytest.mark.parametrize("size", [(62, 29), (29, 62), (40, 40), (25, 15), (100, 150)])
def test_single_labels_have_their_own_size(fleet, size):
    for device, label in zip(fleet[2:4], labels_of(fleet[2:4], *size), strict=True):
        page = sheets.single(label)
        (picture,) = from_pdf(pdf.draw([page], FONTS, device.name))
        assert list(read(picture)) == [device.claim_id]
        assert [side * 25.4 / DPI for side in picture.size] == pytest.approx(size, abs=0.1)
        assert list(read(from_svg(svg.draw(page, FONTS, device.name)))) == [device.claim_id]


def test_what_a_scanner_types_finds_the_device(fleet, tmp_path):
    registry = Registry(tmp_path)
    groups.add(registry, secrets.Vault(tmp_path), "lab", 0)
    registry.devices.add(fleet)
    (picture,) = from_pdf(pdf.draw([sheets.single(labels_of(fleet[5:6], 62, 29)[0])], FONTS, "x"))
    assert claim_ids.find(registry.devices, next(iter(read(picture)))) == fleet[5].name
    registry.close()


def test_same_labels_give_the_same_bytes(fleet):
    made = pages_of(fleet[:30], papers.paper("L7160"))
    assert pdf.draw(made, FONTS, "Labels") == pdf.draw(made, FONTS, "Labels")
    assert svg.draw(made[0], FONTS, "Labels") == svg.draw(made[0], FONTS, "Labels")


def test_text_can_be_searched_and_read_aloud(fleet):
    made = pages_of(fleet[:2], papers.paper("L7160"), title="Größe & <Co>")
    text = pypdfium2.PdfDocument(pdf.draw(made, FONTS, "Labels"))[0].get_textpage().get_text_bounded()
    drawn = svg.draw(made[0], FONTS, "Labels").decode()
    for device in fleet[:2]:
        assert device.name in text and claim_ids.shown(device.claim_id) in text
        assert f'aria-label="{claim_ids.shown(device.claim_id)}"' in drawn
    assert "Größe & <Co>" in text and 'aria-label="Größe &amp; &lt;Co&gt;"' in drawn


def test_a_password_is_on_the_label_only_when_asked_for(fleet):
    key = secrets.enrolment_key("s", fleet[0].name)
    for password in ("", images.web_password(key)):
        page = sheets.single(labels_of(fleet[:1], 62, 29, password=password)[0])
        text = pypdfium2.PdfDocument(pdf.draw([page], FONTS, "x"))[0].get_textpage().get_text_bounded()
        assert ("Password" in text) is bool(password) and password in text
