"""Names of groups and devices: lower-case ASCII letters and digits, words separated by single dashes.

A device's name is its serial, its client id and its thing name, so it must fit AWS IoT's ThingName too.
"""

import string

from muster.errors import WRONG_USE, MusterError

MAX_CHARACTERS = 128  # AWS IoT: ThingName
_LETTERS = string.ascii_lowercase + string.digits


def fault(name: str) -> str | None:
    """What is wrong with `name`, naming the character and its place; None when nothing is."""
    if not name:
        return "is empty"
    if len(name) > MAX_CHARACTERS:
        return f"has {len(name)} characters, the most is {MAX_CHARACTERS}"
    for place, character in enumerate(name, 1):
        if character == "-":
            if place in (1, len(name)):
                return f"{'begins' if place == 1 else 'ends'} with a dash"
            if name[place - 2] == "-":
                return f"has two dashes together at character {place}"
        elif character not in _LETTERS:
            return f"has {character!r} at character {place}"
    return None


def check(name: str, what: str) -> str:
    """Return `name`. Raises MusterError (wrong use) when it is none; `what` is "group" or "device"."""
    wrong = fault(name)
    if wrong:
        raise MusterError(
            f"the {what} name {name!r} {wrong}: use lower-case letters and digits, words separated by "
            "single dashes, as in room2-lights",
            WRONG_USE,
        )
    return name
