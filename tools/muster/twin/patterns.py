"""The patterns of policies: * (any characters, "/" too), ? (one), and variables, taken literally.

They are asked at every action of every client, so what a pattern means is worked out once, and without
regular expressions: to compile one for each device would cost more than its other checks together.
"""

import re
from collections.abc import Mapping
from functools import lru_cache

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_ESCAPES = ("*", "?", "$")
_ANY_ONE = "\ud800"  # stands for ? in a piece; no string in UTF-8 has this character


def like(pattern: str, value: str, variables: Mapping[str, str]) -> bool:
    """Whether `value` matches; False too when a variable of the pattern has no value."""
    values: tuple[str, ...] = ()
    if names := variables_of(pattern):
        if any(name not in variables for name in names):
            return False
        values = tuple(variables[name] for name in names)
    first, *others = _pieces(pattern, values)
    if not others:
        return len(first) == len(value) and _is_at(value, first, 0)
    *middle, last = others
    at, end = len(first), len(value) - len(last)
    if at > end or not (_is_at(value, first, 0) and _is_at(value, last, end)):
        return False
    for piece in middle:
        while not _is_at(value, piece, at):
            at += 1
            if at + len(piece) > end:
                return False
        at += len(piece)
    return at <= end


@lru_cache(maxsize=8192)
def variables_of(text: str) -> tuple[str, ...]:
    """The names of the variables in `text`."""
    return tuple(name for name in _VARIABLE.findall(text) if name not in _ESCAPES)


def resolved(text: str, variables: Mapping[str, str]) -> str | None:
    """`text` with its variables replaced, or None when one of them has no value here."""
    if any(name not in variables for name in variables_of(text)):
        return None
    return _VARIABLE.sub(lambda match: variables.get(match[1], match[1]), text)


@lru_cache(maxsize=8192)
def _pieces(pattern: str, values: tuple[str, ...]) -> tuple[str, ...]:
    """What stands between the stars of the pattern."""
    remaining = iter(values)
    pieces, position = [""], 0

    def add(text: str) -> None:
        head, *others = text.replace("?", _ANY_ONE).split("*")
        pieces[-1] += head
        pieces.extend(others)

    for match in _VARIABLE.finditer(pattern):
        add(pattern[position : match.start()])
        pieces[-1] += match[1] if match[1] in _ESCAPES else next(remaining)
        position = match.end()
    add(pattern[position:])
    return tuple(pieces)


def _is_at(value: str, piece: str, at: int) -> bool:
    """Whether the piece stands in `value` at a place."""
    if _ANY_ONE not in piece:
        return value.startswith(piece, at)
    part = value[at : at + len(piece)]
    return len(part) == len(piece) and all(
        wanted in (_ANY_ONE, found) for wanted, found in zip(piece, part, strict=True)
    )
