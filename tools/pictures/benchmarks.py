"""The main figures of docs/benchmarks.md beside their peers, as bars."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from muster.layout import REPO
from pictures.canvas import BLUE, FAINT, GREEN, RULE, Canvas

PAGE = REPO / "docs" / "benchmarks.md"
# (heading, [(figure as the page calls it, title in the picture, whether less is better)])
GROUPS = (
    (
        "A board's first boot",
        (
            ("round trips, first SYN to PUBACK (cloud's key)", "network round trips", True),
            ("bytes on the wire, whole job (cloud's key)", "bytes on the wire", True),
            (
                "P-256 key and signing request, MicroPython, 32 bits, first",
                "making a P-256 key and its request",
                True,
            ),
            (
                "smallest heap, 32 bits, stand-ins included: main job in place, cloud's key",
                "smallest heap, modules in ROM",
                True,
            ),
            (
                "smallest heap, 32 bits, stand-ins included: main job, cloud's key",
                "smallest heap, modules in RAM",
                True,
            ),
        ),
    ),
    (
        "The twin as a broker",
        (
            ("twin: provisionings a second (CSR P-256)", "provisionings per second", False),
            ("twin: CPU for each (CSR P-256)", "CPU per provisioning", True),
        ),
    ),
    (
        "1,000 simulated boards",
        (
            ("fleet of 1000, simulated: devices a second", "boards per second", False),
            ("fleet of 1000, simulated: CPU for each, client", "client CPU per board", True),
        ),
    ),
)
PEER = "umqtt.simple"  # where a row names none

WIDTH = 900
_BAR_X, _BAR_WIDTH, _RATIO_X = 320, 310, WIDTH - 32
_TOP, _ROW, _GROUP = 84, 46, 40
_GREY = "#aab4bf"
_CELL = re.compile(r"([\d.]+)((?: [A-Za-z]+)?)(?: \((.+)\))?")


class Figure(NamedTuple):
    """One figure and its peer's, as the page writes them."""

    title: str
    is_less_better: bool
    ours: str
    peer: str
    peer_name: str
    ratio: str

    def values(self) -> tuple[float, float]:
        """Ours and the peer's as numbers, in the same unit."""
        return float(self.ours.split()[0]), float(self.peer.split()[0])


def figures(page: str) -> dict[str, list[str]]:
    """{figure: [ours, peer, ratio, ...]} of the first table of docs/benchmarks.md."""
    head = page.partition("\n## ")[0]
    rows = (line[2:-2].split(" | ") for line in head.splitlines() if line.startswith("| "))
    return {row[0]: row[1:] for row in rows}


def _figure(cells: list[str], title: str, is_less_better: bool) -> Figure | None:
    ours, peer = map(_CELL.fullmatch, cells[:2])
    if not ours or not peer or ours[2] != peer[2]:
        return None
    return Figure(title, is_less_better, ours[1] + ours[2], peer[1] + peer[2], peer[3] or PEER, cells[2])


def chosen(page: str) -> Iterator[tuple[str, list[Figure]]]:
    """(heading, figures) of the groups, as far as the page has them."""
    known = figures(page)
    for heading, members in GROUPS:
        found = [_figure(known[name], title, less) for name, title, less in members if name in known]
        if rows := [figure for figure in found if figure]:
            yield heading, rows


def draw() -> str:
    """The picture as SVG."""
    groups = list(chosen(PAGE.read_text(encoding="utf-8")))
    height = _TOP + sum(_GROUP + _ROW * len(rows) for _, rows in groups) + 12
    canvas = Canvas(
        WIDTH, height, "Benchmarks of Muster", "Figures of docs/benchmarks.md beside their peers."
    )
    canvas.text(32, 42, "Muster beside its peers", size=18, bold=True)
    canvas.text(32, 64, "green: Muster is better; blue: the peer is better", size=12, color=FAINT)
    canvas.text(_RATIO_X, 64, "Muster / peer", size=12, color=FAINT, anchor="end")
    y = _TOP
    for heading, rows in groups:
        canvas.line([(32, y), (_RATIO_X, y)], color=RULE, width=1)
        canvas.text(32, y + 26, heading, bold=True)
        y += _GROUP
        for figure in rows:
            _row(canvas, y, figure)
            y += _ROW
    return canvas.svg()


def _row(canvas: Canvas, y: float, figure: Figure) -> None:
    ours, peer = figure.values()
    color = GREEN if (ours < peer) == figure.is_less_better else BLUE
    canvas.text(32, y + 12, figure.title)
    canvas.text(
        32, y + 28, "less is better" if figure.is_less_better else "more is better", size=11, color=FAINT
    )
    bars = ((ours, figure.ours, "Muster", color, color), (peer, figure.peer, figure.peer_name, _GREY, FAINT))
    for at, (value, words, name, fill, ink) in enumerate(bars):
        top = y + 17 * at
        width = max(2, _BAR_WIDTH * value / max(ours, peer))
        canvas.box(_BAR_X, top, width, 13, fill=fill, radius=2)
        canvas.text(_BAR_X + width + 8, top + 11, f"{words}  {name}", size=11.5, color=ink)
    canvas.text(_RATIO_X, y + 20, f"{figure.ratio} ×", size=14, bold=True, color=color, anchor="end")
