"""A board at its prompt, without network and watchdog, while its files change. None of it outlives the cable.

The file `offline` keeps boot.py off the network. What it holds says for how long: with ONCE in it, boot.py
removes it, so that a board whose power goes afterwards starts as always. A board with power of its own stays
at the prompt when the cable goes: a timer resets it, unless the next step comes in time.
"""

from device.core import paths
from muster.board_link import COPY_S, BoardLink, to_make_folders

ALONE_S = COPY_S + 60  # a step may take so long, the start of its process included

_GO = """\
import os
with open({new!r}, "wb") as file:
    file.write({once!r})
os.rename({new!r}, {file!r})
"""

_REMOVE = """\
import os
try:
    os.remove({file!r})
except OSError:
    pass
"""

_WAIT = """\
import machine
try:
    _muster_timer
except NameError:
    _muster_timer = machine.Timer({timer})
_muster_timer.init(mode=machine.Timer.ONE_SHOT, period={ms}, callback=lambda timer: machine.reset())
"""


def leave(link: BoardLink, timer: int) -> None:
    """Restart the board to its prompt; `timer` is the number of one that its program uses as well."""
    code = _GO.format(new=paths.OFFLINE + paths.NEW, file=paths.OFFLINE, once=paths.ONCE)
    link.execute(to_make_folders([paths.OFFLINE]) + code)
    link.restart_to_prompt()
    link.execute(_REMOVE.format(file=paths.OFFLINE) + stay(timer))  # an older program leaves the file


def stay(timer: int) -> str:
    """Code that lets the board wait for the next step: without one it starts again after ALONE_S."""
    return _WAIT.format(timer=timer, ms=ALONE_S * 1000)


def back(link: BoardLink) -> None:
    """Start the board with its network."""
    link.start(_REMOVE.format(file=paths.OFFLINE))


def in_one(code: str) -> str:
    """`code`, which may not be cut short: if power goes in it, the board stays off the network."""
    there, removed = f"open({paths.OFFLINE!r}, 'w').close()\n", _REMOVE.format(file=paths.OFFLINE)
    return there + code + removed
