"""The table of label papers: its margins are the manufacturers', and everything is on the page."""

import pytest

from muster.errors import WRONG_USE, MusterError
from muster.labels import papers

# Left and top margin, horizontal and vertical pitch in mm, as the manufacturers' templates give them.
PRINTED = {
    "L7160": (7.25, 15.15, 66.0, 38.1),
    "L7159": (7.25, 12.9, 66.0, 33.9),
    "L7162": (4.65, 12.9, 101.6, 33.9),
    "L7163": (4.65, 15.15, 101.6, 38.1),
    "L7651": (4.75, 10.7, 40.6, 21.2),
    "L7654": (9.85, 21.5, 48.2, 25.4),
    "L4731": (8.6, 13.5, 27.9, 10.0),
    "L4732": (11.0, 13.3, 38.1, 16.9),
    "3422": (0.0, 8.5, 70.0, 35.0),
    "3474": (0.0, 0.5, 70.0, 37.0),
    "3475": (0.0, 4.5, 70.0, 36.0),
    "3657": (8.0, 21.5, 48.5, 25.4),
    "4201": (9.85, 13.3, 48.2, 16.9),
    "4346": (9.85, 21.3, 48.2, 21.2),
    "10003": (11.0, 13.3, 38.1, 16.9),
    "5160": (4.76, 12.7, 69.85, 25.4),
    "5161": (3.97, 12.7, 106.36, 25.4),
    "5162": (3.97, 21.17, 106.36, 33.87),
    "5163": (3.97, 12.7, 106.36, 50.8),
    "5167": (7.14, 12.7, 52.39, 12.7),
}


@pytest.mark.parametrize("paper", papers.PAPERS.values(), ids=lambda paper: paper.name)
def test_margins_are_those_of_the_manufacturer(paper):
    left, top, across, down = PRINTED[paper.name]
    assert paper.place(0) == pytest.approx((left, top), abs=0.06)
    assert paper.place(paper.columns + 1) == pytest.approx((left + across, top + down), abs=0.06)
    x, y = paper.place(paper.places - 1)
    assert x + paper.width <= paper.page[0] + 1e-6 and y + paper.height <= paper.page[1] + 1e-6


@pytest.mark.parametrize("paper", papers.PAPERS.values(), ids=lambda paper: paper.name)
def test_nothing_is_printed_at_the_edge_of_the_page(paper):
    x, y = paper.inset
    assert paper.left + x >= 4.3 - 1e-6 and paper.top + y >= 4.3 - 1e-6
    assert (x > 0) == (paper.left < 4.3)


@pytest.mark.parametrize("name", ["L7160", "l7160", "Avery L7160", "avery-l7160", "J8160"])
def test_a_paper_is_found_however_it_is_written(name):
    assert papers.paper(name).name == "L7160"


@pytest.mark.parametrize(
    ("name", "said"), [("L7161", "did you mean L7"), ("", "--list-papers"), ("zzz", "--list")]
)
def test_an_unknown_paper_is_wrong_use(name, said):
    with pytest.raises(MusterError, match=said) as caught:
        papers.paper(name)
    assert caught.value.code == WRONG_USE
