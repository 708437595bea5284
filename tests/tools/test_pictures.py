"""docs/pictures: well-formed, true, and drawn by the code that is there."""

import re
from xml.etree import ElementTree

import pytest

from muster import demo
from muster.checks import messages
from muster.layout import LIB, REPO
from pictures import architecture, benchmarks, sheet, terminal
from pictures.__main__ import FOLDER, PICTURES, SCREENS

SVG = "{http://www.w3.org/2000/svg}"


def texts(name: str) -> list[str]:
    """What the lines of a picture say."""
    root = ElementTree.parse(FOLDER / f"{name}.svg").getroot()
    return ["".join(text.itertext()).replace("\u00a0", " ") for text in root.iter(f"{SVG}text")]


def test_every_picture_is_drawn_and_shown_in_a_document() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.svg")) == sorted(PICTURES)
    shown = "".join(path.read_text() for path in [REPO / "README.md", *(REPO / "docs").glob("*.md")])
    assert [name for name in PICTURES if f"pictures/{name}.svg" not in shown] == []
    assert sorted(path.stem for path in FOLDER.glob("*.png")) == sorted(SCREENS)
    assert [name for name in SCREENS if f"pictures/{name}.png" not in shown] == []
    assert [name for name in SCREENS if (FOLDER / f"{name}.png").stat().st_size > 120_000] == []


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_well_formed_stands_alone_and_says_what_it_is(name: str) -> None:
    text = (FOLDER / f"{name}.svg").read_text()
    root = ElementTree.fromstring(text)
    assert root.tag == f"{SVG}svg" and root.get("viewBox") and root.get("role") == "img"
    assert root.findtext(f"{SVG}title") and root.findtext(f"{SVG}desc")
    assert re.findall(r"(?:href|src|url)\W+https?://", text) == [], "nothing is loaded from a server"
    assert len(text) < 100_000


@pytest.mark.parametrize("name", [name for name in PICTURES if name != "demo"])
def test_a_picture_is_up_to_date(name: str) -> None:
    assert (FOLDER / f"{name}.svg").read_text() == PICTURES[name](), "run `make pictures`"


def test_the_architecture_has_every_package() -> None:
    def packages(folder):
        return {path.parent.name for path in folder.glob("*/__init__.py")} - {"checks", "interpreter"}

    assert {*architecture.HOST, "twin"} == packages(REPO / "tools" / "muster")
    assert architecture.DEVICE.keys() == packages(LIB / "device")


def test_the_figures_are_those_of_the_benchmarks() -> None:
    page = benchmarks.PAGE.read_text()
    groups = list(benchmarks.chosen(page))
    assert len(groups) == 3 and sum(len(rows) for _, rows in groups) >= 6
    known = benchmarks.figures(page)
    drawn = texts("benchmarks")
    for _, rows in groups:
        for row in rows:
            assert [row.ours, row.peer, row.ratio] in [
                [cells[0].partition(" (")[0], cells[1].partition(" (")[0], cells[2]]
                for cells in known.values()
            ]
            assert {f"{row.ours}  Muster", f"{row.peer}  {row.peer_name}", f"{row.ratio} ×"} <= set(drawn)


def test_the_labels_are_those_of_the_sheet() -> None:
    root = ElementTree.parse(FOLDER / "labels.svg").getroot()
    read = {line.get("aria-label") for line in root.iter()}
    for content in sheet.contents():
        assert {content.name, content.claim} <= read


def rows(svg: str) -> list[str]:
    """The lines in a picture of a terminal, from top to bottom."""
    found: dict[str, str] = {}
    for text in ElementTree.fromstring(svg).iter(f"{SVG}text"):
        place = text.get("y", "")
        found[place] = found.get(place, "") + "".join(text.itertext()).replace("\u00a0", " ")
    return [line.rstrip() for line in found.values()]


def test_the_demo_shows_what_the_demo_prints(tmp_path, monkeypatch) -> None:
    """In any order: Wi-Fi and the program race each other."""
    monkeypatch.setattr(demo, "HOME", tmp_path / "demo")
    drawn = rows((FOLDER / "demo.svg").read_text())
    assert messages.unlisted(drawn) == [] and any("PROVISION_STATUS is True" in line for line in drawn)
    assert sorted(map(without_time, drawn)) == sorted(map(without_time, rows(terminal.draw())))


def without_time(line: str) -> str:
    return re.sub(r"^ *\d+ ms  ", "", line)


def test_two_runs_of_the_demo_look_the_same() -> None:
    one = "at mqtts://localhost:46233\n\n      10 ms  network    joining\n     126 ms  network    joined\n"
    other = "at mqtts://localhost:8884\n\n       9 ms  network    joining\n      55 ms  network    joined\n"
    assert terminal.of_run(one) == terminal.of_run(other)
    assert terminal.stable(one)[2] == "       7 ms  network    joining"
