"""The manifest: which modules MicroPython's build freezes, and MicroPython's own word for what that comes to.

Source: MicroPython, docs/reference/manifest.rst, and tools/manifestfile.py, which evaluates manifests.
"""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

from muster import files, mpy, umqtt
from muster.errors import MusterError
from muster.frozen.tree import Tree

FILE = "manifest.py"
CLOCK_MODULE = "ntptime"  # of micropython-lib; rp2 has it in the manifests of its boards with a network only

_OPTIMISED = {mpy.DEVICE_OPTIONS: 1, mpy.KEEP_ASSERTS: None, mpy.NO_LINES: 3}
_EVALUATE_S = 60

# Runs by itself: it takes MicroPython's module from the tree. Words: folder of tools, manifest, then the
# variables of a manifest (docs/reference/manifest.rst) as NAME=path.
_EVALUATE = """\
import json, sys
sys.path.insert(0, sys.argv[1])
import manifestfile
variables = dict(word.split("=", 1) for word in sys.argv[3:])
found = manifestfile.ManifestFile(manifestfile.MODE_FREEZE, variables)
try:
    found.execute(sys.argv[2])
except manifestfile.ManifestFileError as error:
    sys.exit(str(error))
print(json.dumps([(one.target_path, one.full_path, one.opt) for one in found.files()]))
"""


class Target(NamedTuple):
    """A module in the firmware: its path there, the file that it is made of, and the optimisation level."""

    path: str
    file: Path
    opt: int | None


def evaluated(tree: Tree, manifest: Path) -> list[Target]:
    """What MicroPython freezes by `manifest`. Raises MusterError in its words when the manifest is wrong."""
    words = [f"{name}={path}" for name, path in tree.variables.items()]
    command = [sys.executable, "-I", "-c", _EVALUATE, str(tree.path / "tools"), str(manifest), *words]
    result = subprocess.run(command, capture_output=True, text=True, timeout=_EVALUATE_S)
    if result.returncode:
        why = (result.stderr.strip().splitlines() or ["it says nothing"])[-1]
        raise MusterError(f"MicroPython cannot evaluate {manifest}: {why}")
    return [Target(path, Path(file), opt) for path, file, opt in json.loads(result.stdout)]


def write(tree: Tree, sources: Sequence[mpy.Source], folder: Path) -> Path:
    """Write `sources` and a manifest with absolute paths to `folder`, which is new; return the manifest.

    It includes the manifest that the board has without it. What that one freezes already, and Muster needs as
    well, is not frozen twice: the build would define it twice. Raises MusterError when MicroPython's own
    evaluation shows that the result would not run.
    """
    place = folder / "program"
    theirs = {target.path for target in evaluated(tree, tree.manifest)}
    ours = [one for one in sources if one.name not in theirs or not one.name.startswith(umqtt.PACKAGE + "/")]
    for source in ours:
        files.write(place / source.name, source.text)
    manifest = folder / FILE
    files.write(manifest, _text(tree, ours, place, theirs).encode())
    check(evaluated(tree, manifest), place, {source.name for source in ours})
    return manifest


def _text(tree: Tree, ours: Sequence[mpy.Source], place: Path, theirs: Collection[str]) -> str:
    lines = ["# Made by `muster firmware`, for one build.", f"include({str(tree.manifest)!r})"]
    if f"{CLOCK_MODULE}.py" not in theirs:
        lines.append(f"require({CLOCK_MODULE!r})")
    for options, opt in _OPTIMISED.items():
        if names := sorted(source.name for source in ours if source.options == options):
            lines.append(f'package("", files={names!r}, base_path={str(place)!r}, opt={opt!r})')
    return "\n".join(lines) + "\n"


def check(targets: Sequence[Target], place: Path, ours: Collection[str]) -> None:
    """Raises MusterError unless each module is frozen once, and all of Muster's from `place`."""
    count = Counter(target.path for target in targets)
    if twice := sorted(path for path, number in count.items() if number > 1):
        raise MusterError(
            f"{twice[0]} would be frozen twice, which does not compile: take it out of the board's "
            "manifest in MicroPython."
        )
    from_us = {target.path for target in targets if target.file == place / target.path}
    wanted = {*ours, mpy.BUILD_MODULE}
    if missing := sorted(wanted - from_us) or sorted({f"{CLOCK_MODULE}.py"} - set(count)):
        raise MusterError(f"{missing[0]} would not be frozen, and the program cannot run without it.")
