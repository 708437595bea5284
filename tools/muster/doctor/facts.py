"""The facts that a board tells about itself, taken as they are: a board that is ill may tell nonsense."""

import json
from collections.abc import Iterable
from typing import Any

from device.core import paths
from muster.board_link import BoardLink

_MARK = "~D "
_HIDDEN = (paths.PACK, f"{paths.LIB}/device")  # programs on the flash, which a frozen one hides
_ASK_S = 60  # two name servers that are silent take 26 s

# `import device.diagnose`, at a prompt where it may have run before.
_ASK = """\
import sys
import pack
pack.mount()
sys.modules.pop("device.diagnose", None)
import device.diagnose
import json, os
from device import _build
def _there(path):
    try:
        return bool(os.stat(path))
    except OSError:
        return False
frozen = not _build.__file__.startswith("/")
hidden = [path for path in {places!r} if frozen and _there(path)]
print("~D frozen " + json.dumps({{"is": frozen, "hidden": hidden}}))
"""

Facts = dict[str, Any]


def read(lines: Iterable[str]) -> Facts:
    """{name: value} of the facts in the lines of a console; other lines are passed over."""
    found: Facts = {}
    for line in lines:
        if line.startswith(_MARK):
            name, _, text = line[len(_MARK) :].strip().partition(" ")
            try:
                found[name] = json.loads(text)
            except (ValueError, RecursionError):
                found[name] = {"error": "cannot be read"}
    return found


def ask(link: BoardLink) -> Facts:
    """The facts of the board behind `link`: its program is interrupted, and started again afterwards.

    Raises MusterError when it does not answer, or has no program of Muster.
    """
    try:
        question = _ASK.format(places=_HIDDEN)
        return read(link.execute_with_program(question, timeout_s=_ASK_S).splitlines())
    finally:
        link.start()


def part(facts: Facts, name: str) -> dict[str, Any]:
    """A fact that is a JSON object; {} when it is missing, failed, or something else."""
    value = facts.get(name)
    return value if isinstance(value, dict) and "error" not in value else {}
