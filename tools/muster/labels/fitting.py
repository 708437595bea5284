"""Text that fits: into a width, into a height, in as few lines and as large as can be."""

from typing import NamedTuple

from muster.labels.fonts import Font

_STEP = 0.25  # points between two sizes that are tried
_COMFORTABLE = 8.0  # points
_ELLIPSIS = "..."
_SLACK_MM = 0.02  # for what two renderers round differently


class Fitted(NamedTuple):
    """Lines of text at one size (points). `is_whole` is False when the middle had to be left out."""

    lines: tuple[str, ...]
    size: float
    is_whole: bool = True

    def height(self, font: Font) -> float:
        """In mm."""
        return len(self.lines) * font.height(self.size)


def wrap(font: Font, text: str, size: float, width: float) -> list[str]:
    """`text` in lines of at most `width` mm: broken after a dash or at a space, anywhere if it must be."""
    lines = [""]
    for word in _words(text):
        if font.width(lines[-1] + word.rstrip(), size) <= width:
            lines[-1] += word
            continue
        if lines[-1]:
            lines.append("")
        for character in word:
            if lines[-1] and font.width((lines[-1] + character).rstrip(), size) > width:
                lines.append("")
            lines[-1] += character
    return [line.strip() for line in lines]


def _words(text: str) -> list[str]:
    """Pieces of `text` that stay together, with the dash or space that ends them."""
    words = [""]
    for character in text:
        words[-1] += character
        if character in " -":
            words.append("")
    return [word for word in words if word]


def one_line(font: Font, text: str, width: float, largest: float) -> float:
    """The size, at most `largest`, at which `text` fits `width` in one line."""
    natural = font.width(text, 1.0)
    return min(largest, max(0.0, width - _SLACK_MM) / natural) if natural else largest


def block(font: Font, text: str, width: float, height: float, largest: float, smallest: float) -> Fitted:
    """`text` as large as it fits into `width` x `height`; below `smallest` its middle is left out.

    A single line is preferred unless it is hard to read and much smaller than several lines would be.
    """
    width -= _SLACK_MM
    single = one_line(font, text, width, largest)
    if font.height(single) > height:
        single *= height / font.height(single)
    wrapped = _largest(font, text, width, height, largest, smallest)
    if wrapped is None:
        return _shortened(font, text, width, height, smallest)
    if single >= max(smallest, min(_COMFORTABLE, 0.75 * wrapped.size)):
        return Fitted((text,), single)
    return wrapped


def _largest(
    font: Font, text: str, width: float, height: float, largest: float, smallest: float
) -> Fitted | None:
    widest = max((font.width(character, 1.0) for character in set(text)), default=0.0)
    size = largest
    while size >= smallest:
        if font.height(size) <= height and widest * size <= width:
            lines = wrap(font, text, size, width)
            if len(lines) * font.height(size) <= height:
                return Fitted(tuple(lines), size)
        size -= _STEP
    return None


def _shortened(font: Font, text: str, width: float, height: float, size: float) -> Fitted:
    """The beginning and the end of `text`; nothing at all where not even these fit."""
    kept = len(text) - 1
    while kept > 1:
        short = text[: kept - kept // 2] + _ELLIPSIS + text[len(text) - kept // 2 :]
        lines = wrap(font, short, size, width)
        if (
            len(lines) * font.height(size) <= height
            and max(font.width(line, size) for line in lines) <= width
        ):
            return Fitted(tuple(lines), size, False)
        kept -= 1
    return Fitted((), size, False)
