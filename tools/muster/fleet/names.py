"""Names of groups, profiles and devices.

A group's has lower-case ASCII letters and digits, words separated by single dashes. A device's is its serial,
client id and thing name, so it may have whatever AWS IoT and the board take (SN_0042, AC:67:B2:01): upper
case, `_` and `:` as well.
"""

import string

from device.core import topics
from muster.errors import WRONG_USE, MusterError

DEVICE = "device"
MAX_CHARACTERS = topics.MAX_NAME
_WORDS = string.ascii_lowercase + string.digits + "-"
_NOT_AT_THE_ENDS = "-:"  # the first is taken for an option, and the file of a device would be hidden
_RULES = {
    DEVICE: "use letters, digits, _ : and single dashes, such as SN_0042",
}
_RULE = "use lower-case letters and digits, words separated by single dashes, such as room2-lights"


def fault(name: str, what: str) -> str | None:
    """What is wrong with `name`, naming the character and its place; None when nothing is.

    `what` is DEVICE, or anything else.
    """
    if not name:
        return "is empty"
    if len(name) > MAX_CHARACTERS:
        return f"has {len(name)} characters, the most is {MAX_CHARACTERS}"
    allowed = topics.NAME_SYMBOLS if what == DEVICE else _WORDS
    for place, character in enumerate(name, 1):
        if character not in allowed:
            return f"has {character!r} at character {place}"
        if character in _NOT_AT_THE_ENDS and place in (1, len(name)):
            called = "a dash" if character == "-" else repr(character)
            return f"{'begins' if place == 1 else 'ends'} with {called}"
        if name[place - 1 : place + 1] == "--":
            return f"has two dashes together at character {place + 1}"
    return None


def check(name: str, what: str) -> str:
    """Return `name`, of a `what` (DEVICE, "group", "profile"). Raises MusterError (wrong use)."""
    wrong = fault(name, what)
    if wrong:
        raise MusterError(f"the {what} name {name!r} {wrong}: {rule(what)}", WRONG_USE)
    return name


def rule(what: str) -> str:
    """How a name of a `what` must look, as the end of a sentence."""
    return _RULES.get(what, _RULE)


def key(device: str) -> str:
    """The same for names that differ only in case: people and some file systems take these for one."""
    return device.casefold()


def file_name(device: str) -> str:
    """The name of a device in names of files: no two have the same, and every file system takes it."""
    return device.replace(":", ".")  # no name has a dot
