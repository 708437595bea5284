"""A small SVG canvas: boxes, texts and arrows on a light card, which reads on light and dark pages alike."""

from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape, quoteattr

SANS = "ui-sans-serif, system-ui, 'Segoe UI', Helvetica, Arial, 'DejaVu Sans', sans-serif"
MONO = "ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace"

INK = "#1f2933"
FAINT = "#5b6875"
RULE = "#d5dbe1"
PAPER = "#ffffff"
BLUE, BLUE_WASH = "#1d5fa8", "#eaf2fb"
GREEN, GREEN_WASH = "#1c7a4f", "#e9f6ef"
AMBER, AMBER_WASH = "#96590b", "#fdf3e2"

Point = tuple[float, float]


class Canvas:
    """An SVG picture of `width` x `height` units; `title` and `summary` are for screen readers."""

    def __init__(self, width: int, height: int, title: str, summary: str, fill: str = PAPER) -> None:
        self._heads: set[str] = set()
        self._body: list[str] = []
        self._open = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}"'
            f' height="{height}" role="img" font-family="{SANS}">\n'
            f"<title>{escape(title)}</title>\n<desc>{escape(summary)}</desc>\n"
        )
        self.box(0.5, 0.5, width - 1, height - 1, fill=fill, edge=RULE, radius=10)

    def box(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        *,
        fill: str,
        edge: str = "none",
        radius: float = 6,
    ) -> None:
        """A rectangle with round corners."""
        self._body.append(
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="{radius:g}"'
            f' fill="{fill}" stroke="{edge}"/>'
        )

    def text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        size: float = 13,
        color: str = INK,
        bold: bool = False,
        mono: bool = False,
        anchor: str = "start",
    ) -> None:
        """One line of text with its baseline at `y`; `anchor` is start, middle or end."""
        font = f" font-family={quoteattr(MONO)}" if mono else ""
        weight = ' font-weight="600"' if bold else ""
        self._body.append(
            f'<text x="{x:g}" y="{y:g}" font-size="{size:g}" fill="{color}" text-anchor="{anchor}"'
            f"{weight}{font}>{escape(words)}</text>"
        )

    def line(
        self, points: Sequence[Point], *, color: str = FAINT, width: float = 1.5, dashed: bool = False
    ) -> None:
        """A line through `points`."""
        self._path(points, color, width, dashed, "")

    def arrow(
        self, points: Sequence[Point], *, color: str = FAINT, both: bool = False, dashed: bool = False
    ) -> None:
        """The same with a head at its end, or at `both`."""
        self._heads.add(color)
        head = f"url(#head-{color[1:]})"
        start = f' marker-start="{head}"' if both else ""
        self._path(points, color, 1.5, dashed, f'{start} marker-end="{head}"')

    def _path(self, points: Sequence[Point], color: str, width: float, dashed: bool, ends: str) -> None:
        way = " L".join(f"{x:g} {y:g}" for x, y in points)
        dashes = ' stroke-dasharray="4 4"' if dashed else ""
        self._body.append(
            f'<path d="M{way}" fill="none" stroke="{color}" stroke-width="{width:g}"{dashes}{ends}/>'
        )

    def nested(self, elements: str, place: Mapping[str, float], view: str) -> None:
        """Elements of another picture, whose part `view` fills the `place` (x, y, width, height)."""
        attributes = " ".join(f'{name}="{value:g}"' for name, value in place.items())
        self._body.append(f'<svg {attributes} viewBox="{view}">\n{elements}\n</svg>')

    def svg(self) -> str:
        """The whole picture."""
        heads = "".join(
            f'<marker id="head-{color[1:]}" viewBox="0 0 8 8" refX="7" refY="4" orient="auto-start-reverse"'
            f' markerWidth="7" markerHeight="7"><path d="M0 0 L8 4 L0 8 z" fill="{color}"/></marker>\n'
            for color in sorted(self._heads)
        )
        definitions = f"<defs>\n{heads}</defs>\n" if heads else ""
        return self._open + definitions + "\n".join(self._body) + "\n</svg>\n"
