"""Tracebacks of a board with the names of the source: private functions have short ones on a board."""

import re

from muster import short_names

_FRAME = re.compile(r'(File "(?P<module>device[\w.]*)", line \d+, in )(?P<name>_\w+)')


def decoded(text: str) -> str:
    """`text` with the names of the source in each line of a traceback; all else stays as it is.

    They are those of this Muster: for a board with another version they may be wrong.
    """
    return _FRAME.sub(lambda frame: frame[1] + _long(frame["module"], frame["name"]), text)


def _long(module: str, name: str) -> str:
    return short_names.long_names().get(module, {}).get(name, name)
