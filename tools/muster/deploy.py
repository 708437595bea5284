"""Put the program, and an application if wanted, onto a board that already runs MicroPython; nothing else.

Identity and configuration stay as they are. A file that is the same stays too. The others are written
beside the old ones under a temporary name, checked by hash, and take their places at the end: a cable pulled
in between leaves the old program whole, and the next run continues with what has arrived. The modules are one
file, so they change all at once.
"""

import contextlib
import hashlib
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from device.core import paths
from muster import off_network
from muster.board_link import BoardLink, Facts, folders_of, to_make_folders
from muster.boards import board, names, of_machine
from muster.errors import WRONG_USE, MusterError
from muster.program import code_files

_MPY = 6 | 3 << 8  # version and sub-version of what mpy-cross makes: MicroPython 1.23 and newer

# The program's own places: what else is in them is of an earlier version and goes.
_FILES = (paths.PACK, paths.PAGE, f"{paths.LIB}/pack.mpy", paths.BOOT, paths.MAIN)
OURS = [
    *(f"{paths.LIB}/device", f"{paths.LIB}/umqtt"),  # single modules of Muster before it packed them
    *(path + suffix for path in _FILES for suffix in ("", paths.NEW)),
]

Report = Callable[[str], None]

_ACTIVATE = """\
import os
for path in {renamed!r}:
    os.rename(path + {new!r}, path)
for path in {removed!r}:
    os.remove(path)
for path in {folders!r}:
    try:
        os.rmdir(path)
    except OSError:
        pass
"""


@dataclass
class Summary:
    """What a deployment did, as paths on the board."""

    copied: list[str] = field(default_factory=list)
    same: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)


def kind_of(facts: Facts, expected: str | None = None, with_app: bool = False) -> str:
    """The board's name. Raises MusterError when it is unknown, unfit, or not the `expected` one.

    `with_app`: there is an application to deploy, which is never frozen.
    """
    found = of_machine(facts.platform, facts.machine)
    if found is None and facts.platform == "rp2" and " W" not in facts.machine:
        raise MusterError(f"{facts.machine} has no Wi-Fi: Muster needs a Pico W.", WRONG_USE)
    if found is None:
        raise MusterError(
            f"this board calls itself {facts.machine or facts.platform!r}: Muster knows "
            f"{', '.join(board(name).title for name in names())}.",
            WRONG_USE,
        )
    kind = found.name
    if kind == "virtual" and "VfsLfs2" not in facts.root:
        raise MusterError("this is MicroPython on a computer, not a board: nothing was touched.", WRONG_USE)
    if facts.frozen and not with_app:
        raise MusterError(
            "Muster's program is frozen into this board's firmware, and a deployed one would not run: write "
            "a new firmware with `muster flash --firmware`, or deploy an application with --app.",
            WRONG_USE,
        )
    if facts.mpy not in (0, _MPY):
        raise MusterError(
            f"the MicroPython of this board takes other compiled files ({facts.mpy & 0xFF}.{facts.mpy >> 8}) "
            "than Muster makes: update it to 1.24 or newer with `muster flash --firmware`.",
            WRONG_USE,
        )
    if expected not in (None, kind):
        raise MusterError(
            f"this is a board of the kind {kind} ({facts.machine}), not {expected}: nothing was touched.",
            WRONG_USE,
        )
    return kind


def deploy(
    link: BoardLink,
    expected: str | None = None,
    report: Report = print,
    build: Callable[[str], dict[str, bytes]] = code_files,
    app: Mapping[str, bytes] | None = None,
    dry_run: bool = False,
) -> Summary:
    """Bring the program on the board behind `link` up to date, and start it.

    `expected`: refuse another kind; `report` gets a line per step; `build` makes the program of a kind (where
    it is frozen, only the application comes); `app`: {path on flash: content} of that, None to leave the
    one on the board alone. `dry_run`: write nothing; the board is interrupted for the comparison, and started
    again.
    Raises MusterError; the board then runs its old program, or the message says what it needs.
    """
    with _left_running(link):
        facts = link.facts()
        kind = kind_of(facts, expected, app is not None)
        files = {**({} if facts.frozen else build(kind)), **(app or {})}
    places = [*([] if facts.frozen else OURS), *([] if app is None else [paths.APP])]
    report(f"{kind} on {link.port}: {facts.machine}")
    if facts.frozen:
        report("the program is frozen into its firmware and stays: only the application is deployed")
    if dry_run:
        try:
            return _compare(link, files, places)[0]
        finally:
            link.start()
    timer = board(kind).timer
    try:
        off_network.leave(link, timer)
        summary = _bring(link, files, places, report, off_network.stay(timer))
    except BaseException:  # Ctrl-C too: the board must not stay without network
        _restore(link, report)
        raise
    _activate(link, files, summary)
    off_network.back(link)
    return summary


@contextlib.contextmanager
def _left_running(link: BoardLink) -> Iterator[None]:
    """A question interrupts the board's program: start it again when the block fails."""
    try:
        yield
    except BaseException:  # Ctrl-C too
        with contextlib.suppress(MusterError):
            link.start()
        raise


def _restore(link: BoardLink, report: Report) -> None:
    try:
        off_network.back(link)
    except MusterError as error:
        report(f"{error} It starts again by itself within {off_network.ALONE_S // 60} minutes.")


def _compare(
    link: BoardLink, files: Mapping[str, bytes], places: list[str]
) -> tuple[Summary, dict[str, bytes]]:
    """(what is to be done, files that have not arrived yet)."""
    there = link.files(places)
    hashes = {path: hashlib.sha256(data).hexdigest() for path, data in files.items()}
    summary = Summary()
    for path in sorted(files):
        (summary.same if there.get(path) == hashes[path] else summary.copied).append(path)
    kept = {*files, *(path + paths.NEW for path in summary.copied)}
    summary.removed = sorted(path for path in there if path not in kept)
    missing = {path: files[path] for path in summary.copied if there.get(path + paths.NEW) != hashes[path]}
    return summary, missing


def _bring(
    link: BoardLink, files: Mapping[str, bytes], places: list[str], report: Report, stay: str
) -> Summary:
    """Copy what differs to its temporary names, each after `stay`; return what is to be done with it."""
    summary, missing = _compare(link, files, places)
    if missing:
        _check_space(link.facts(), missing)
        link.execute(to_make_folders(missing))
        _copy(link, missing, report, stay)
    return summary


def _activate(link: BoardLink, files: Mapping[str, bytes], summary: Summary) -> None:
    """Let the copies take their places, and remove what is left over."""
    if not summary.copied and not summary.removed:
        return
    emptied = sorted(set(folders_of(summary.removed)) - set(folders_of(files)), reverse=True)
    renamed = sorted(
        summary.copied, key=lambda path: not path.startswith(paths.LIB)
    )  # who imports comes last
    code = _ACTIVATE.format(renamed=renamed, new=paths.NEW, removed=summary.removed, folders=emptied)
    try:
        link.execute(code if len(renamed) + len(summary.removed) == 1 else off_network.in_one(code))
    except MusterError as error:
        raise MusterError(
            f"{error} If its files are not of one version now, the board stays off the network until the "
            "same command succeeds.",
            error.code,
        ) from None


def _check_space(facts: Facts, files: Mapping[str, bytes]) -> None:
    """Old and new stand side by side for a while. Raises MusterError when the flash is too full for that."""
    needed = sum(-(-len(data) // facts.block) * facts.block for data in files.values())
    if needed > facts.free:
        raise MusterError(
            f"the board's flash is too full: {needed} bytes are needed, {facts.free} are free. Remove files "
            "of your own from it, or flash a whole image (`muster image`)."
        )


def _copy(link: BoardLink, files: Mapping[str, bytes], report: Report, stay: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "file"
        for number, (path, data) in enumerate(files.items(), 1):
            source.write_bytes(data)
            report(f"[{number}/{len(files)}] {path} ({len(data)} bytes)")
            if link.copy(source, path + paths.NEW, stay) != hashlib.sha256(data).hexdigest():
                raise MusterError(
                    f"{path} did not arrive whole: check the cable, then give the command again."
                )
