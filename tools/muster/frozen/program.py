"""The sources that are frozen into a firmware: those of the image of the same board and profile.

They differ from an image's in two things. Private names stay long, because names in the firmware take no
heap; and pack.py is another one (firmware/frozen), because there is nothing to mount.
boot.py and main.py are not frozen: a frozen one could not be replaced on the board.
"""

import hashlib
from importlib import metadata
from typing import NamedTuple

from muster import mpy
from muster.boards import STANDARD, Selection, profile
from muster.frozen.record import NAME, Record
from muster.layout import FIRMWARE

_STAND_INS = FIRMWARE / "frozen"


class Program(NamedTuple):
    """`sources`: modules with their compiler options; `record`: what the firmware says of them."""

    sources: tuple[mpy.Source, ...]
    record: Record


def program(board: str, selection: Selection = STANDARD, build_time: int | None = None) -> Program:
    """What is frozen into a firmware for `board`.

    `build_time`: Unix seconds that the board's clock never goes below; the last commit's by default.
    Raises MusterError when there is no such board, build profile or service.
    """
    contents = profile(board, selection=selection)
    texts = {path.as_posix(): (contents.lib / path).read_text() for path in contents.modules}
    texts |= {path.name: path.read_text() for path in _STAND_INS.glob("*.py")}
    sources = [*mpy.device_sources(texts, short=False), *mpy.libraries(contents)]
    digest = _digest([*sources, mpy.build_module(contents, 0)])
    without = tuple(sorted(set(selection.without)))
    record = Record(board, contents.build, without, metadata.version("muster"), digest)
    facts = mpy.build_module(contents, mpy.default_build_time() if build_time is None else build_time)
    said = facts._replace(text=facts.text + f"{NAME} = {record.text()!r}\n".encode())
    return Program((*sources, said), record)


def _digest(sources: list[mpy.Source]) -> str:
    whole = hashlib.sha256()
    for source in sorted(sources):
        whole.update(f"{source.name}\0{len(source.text)}\0".encode() + source.text)
    return whole.hexdigest()[:16]
