"""Strings from devices, made safe to show."""


def printable(text: str) -> str:
    r"""`text` on one line, its control characters as escapes (\x1b): for everything that devices send.

    Otherwise a device could clear an operator's terminal, or forge lines of a log.
    """
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def printable_lines(text: str) -> str:
    """The same for a text of several lines."""
    return "\n".join(map(printable, text.split("\n")))
