"""The letters on labels: how wide they are, and their outlines.

Bitstream Vera Sans comes with reportlab and may be embedded; its letters are told apart easily. Both PDF
and SVG take widths from here, so that what fits on one fits on the other.
"""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import reportlab
from fontTools.pens.svgPathPen import SVGPathPen
from fontTools.ttLib import TTFont, TTLibError

from muster.errors import MusterError

MM_PER_POINT = 25.4 / 72
_FOLDER = Path(reportlab.__file__).parent / "fonts"


class Font:
    """One TrueType font. Sizes are points, lengths millimetres."""

    def __init__(self, path: Path) -> None:
        """Read the font. Raises MusterError when it cannot be embedded."""
        try:
            self._font: Any = TTFont(path, lazy=True)
            self._cmap: dict[int, str] = self._font.getBestCmap() or {}
            self._widths = self._font["hmtx"].metrics
            head, hhea = self._font["head"], self._font["hhea"]
            self._font["glyf"]  # reportlab embeds TrueType outlines only
        except (OSError, TTLibError, KeyError) as error:
            raise MusterError(
                f"{path} is not a TrueType font that can be embedded ({error}): choose a .ttf file."
            ) from None
        self.path = path
        self.units = head.unitsPerEm
        self.ascent = hhea.ascent / self.units  # of the size
        self.descent = -hhea.descent / self.units

    def missing(self, text: str) -> str | None:
        """The first character of `text` that the font does not have, or None."""
        return next((character for character in text if ord(character) not in self._cmap), None)

    def width(self, text: str, size: float) -> float:
        """How wide `text` is, in mm, at `size` points."""
        units = sum(self._widths[self.glyph(character)][0] for character in text)
        return units / self.units * size * MM_PER_POINT

    def height(self, size: float) -> float:
        """From the top of the highest letter to the bottom of the lowest, in mm."""
        return (self.ascent + self.descent) * size * MM_PER_POINT

    def glyph(self, character: str) -> str:
        """The name of a character's glyph in the font."""
        return self._cmap.get(ord(character), ".notdef")

    def advance(self, character: str) -> int:
        """From this character to the next, in the font's units."""
        return self._widths[self.glyph(character)][0]

    def outline(self, character: str) -> str:
        """The outline of a character as the data of an SVG path, in the font's units, y upwards."""
        glyphs = self._font.getGlyphSet()
        to_text: Callable[[float], str] = lambda number: f"{number:g}"  # noqa: E731
        pen = SVGPathPen(glyphs, ntos=to_text)
        glyphs[self.glyph(character)].draw(pen)
        return pen.getCommands()


class Fonts:
    """The two weights of a label. With a font of one's own, both are that font."""

    def __init__(self, own: Path | None = None) -> None:
        """Raises MusterError when `own` is not a font that can be embedded."""
        self.regular = _load(own or _FOLDER / "Vera.ttf")
        self.bold = _load(own or _FOLDER / "VeraBd.ttf")

    def check(self, text: str, what: str) -> str:
        """Return `text`. Raises MusterError when a character of it is in neither weight."""
        character = self.regular.missing(text) or self.bold.missing(text)
        if character is not None:
            raise MusterError(
                f"the font has no {character!r}, which is in {what}: choose another font (--font FILE.ttf)"
            )
        return text


@functools.lru_cache(maxsize=4)
def _load(path: Path) -> Font:
    return Font(path)
