"""`muster firmware`: MicroPython with the program frozen in."""

from pathlib import Path

import click

from muster import files
from muster.boards import FULL, Selection, board, flashed
from muster.cli import options, output
from muster.cli.image_options import FILE, FOLDER, selection_options
from muster.cli.termination import stopped
from muster.errors import GOOD, WRONG_USE, MusterError
from muster.flashing import firmware as firmware_file
from muster.flashing.firmware import Firmware
from muster.frozen import making, manifest, toolchain
from muster.frozen.program import Program, program
from muster.frozen.tree import Tree, opened
from muster.layout import BUILD, IS_INSTALLED, command, shown

_LINE = 60  # characters of what the build does, beside the bar


@click.command()
@click.option("--board", "board_name", type=click.Choice(flashed()), required=True, help="The board.")
@click.option(
    "--micropython",
    type=FOLDER,
    envvar="MICROPYTHON",
    show_envvar=True,
    required=True,
    help="Source of MicroPython, a clone of its repository; up to 1.29.",
)
@selection_options[0]
@selection_options[1]
@click.option(
    "--out", type=FILE, help="Where to write it.  [default: firmware-BOARD-VERSION, in build/ or here]"
)
@options.dry_run_option
@output.output_option
def firmware(
    board_name: str,
    micropython: Path,
    build: str | None,
    without: tuple[str, ...],
    out: Path | None,
    dry_run: bool,
    form: str,
) -> int:
    """Build a firmware with the program frozen in.

    Frozen code is not loaded into the heap, but only replaced with the firmware. MicroPython's own build
    makes it, in a folder of its own that is removed in the end; version, board, submodules and toolchain are
    checked first. boot.py, main.py and the configuration stay on the file system: `muster image --firmware`
    builds that, and one file with both.

    The build profile is `full`, if none is named.
    """
    tree = opened(micropython, board_name)
    _check(tree)
    frozen = program(board_name, Selection(build or FULL, without))
    name = f"firmware-{board_name}-{tree.version}{tree.suffix}"
    out = (out or (Path() if IS_INSTALLED else BUILD) / name).absolute()
    if dry_run:
        with making.fresh_folder(out.parent) as folder:
            manifest.write(tree, frozen.sources, folder)
        modules = f"{len(frozen.sources)} modules"
        output.done(form, [f"{out}: would have {frozen.record} frozen in, {modules}"], {"firmware": str(out)})
        return GOOD
    made = _made(tree, frozen, out, board_name)
    response = {
        "firmware": str(out),
        "board": board_name,
        "micropython": tree.version,
        "sha256": made.sha256,
        "frozen": frozen.record._asdict(),
    }
    lines = [
        f"{out}: MicroPython {tree.version} for {board(board_name).title}, with {frozen.record} frozen in",
        f"its file system: {command()} image --board {board_name} --firmware {shown(out)}",
    ]
    output.done(form, lines, response)
    return GOOD


def _check(tree: Tree) -> None:
    """Raises MusterError when something is missing that the build needs, each thing with its command."""
    missing = toolchain.missing(tree)
    for sentence in missing[:-1]:
        output.note(sentence)
    if missing:
        raise MusterError(f"{missing[-1]}. Nothing was built.", WRONG_USE)
    for sentence in toolchain.notes(tree):
        output.note(sentence)


def _made(tree: Tree, frozen: Program, out: Path, board_name: str) -> Firmware:
    """The firmware, built, checked and written to `out`."""
    log = out.with_suffix(".log")
    with stopped("nothing was written"), making.fresh_folder(out.parent) as folder:
        with output.Progress("building the firmware", 100) as progress:

            def report(phase: str, percent: int, line: str) -> None:
                further = percent - progress.done if phase == making.FIRMWARE else 0
                progress.advance(max(further, 0), line[:_LINE])

            path = making.make(tree, frozen, folder, log, report)
        made = firmware_file.read(path, board(board_name))
        if made.frozen != frozen.record:
            raise MusterError(
                f"the firmware that MicroPython's build made does not have the program frozen in; {log} has "
                "all that it said. Nothing was written."
            )
        files.write(out, path.read_bytes())
    return made
