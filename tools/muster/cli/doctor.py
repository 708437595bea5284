"""`muster doctor`: what is wrong with a board, and what to do."""

import time
from collections import Counter
from pathlib import Path
from typing import Any

import click

from muster import console
from muster.board_link import BoardLink, no_board
from muster.cli import output
from muster.cli.image_options import FILE
from muster.doctor import facts as board_facts
from muster.doctor import share
from muster.doctor.facts import Facts, part
from muster.doctor.rules import WRONG, Finding, findings
from muster.errors import FAILED, GOOD, MusterError
from muster.files import write_private
from muster.printable import printable

_SHOWN_LINES = 4  # of the log


@click.command()
@click.option("--port", "chosen", multiple=True, help="Serial port; repeatable.  [default: all boards]")
@click.option(
    "--share",
    "bundle",
    type=FILE,
    help="Write the facts to FILE for others: with stand-ins for names, addresses and secrets.",
)
@output.output_option
def doctor(chosen: tuple[str, ...], bundle: Path | None, form: str) -> int:
    """Say what is wrong with a board, and what to do.

    The program of the board is interrupted, asked, and started again. Looked at are: versions, flash, heap,
    clock, configuration, Wi-Fi, name server, the way to the cloud, certificates and keys, services, restarts.
    No key leaves the board. The exit code is 0 if nothing is wrong. On the board itself: `import
    device.diagnose`.
    """
    places = chosen or console.boards()
    if not places:
        raise no_board()
    if bundle is not None and len(places) > 1:
        raise click.UsageError("A bundle is of one board: choose it with --port.")
    told, found = {}, {}
    for place in places:
        told[place], found[place] = _asked(place, is_only=len(places) == 1)
    _compare(told, found)
    if form == output.JSON:
        output.result([_row(place, told[place], found[place]) for place in places])
    else:
        for place in places:
            _show(place, told[place], found[place])
    if bundle is not None:
        place = places[0]
        write_private(bundle, share.bundle(told[place], found[place]).encode())
        output.note(f"{bundle}: written; look at it before you give it away")
    return FAILED if any(one.kind == WRONG for row in found.values() for one in row) else GOOD


def _asked(place: str, is_only: bool) -> tuple[Facts, list[Finding]]:
    """The facts of a board and what they mean; of one that does not answer, that. Raises if it `is_only`."""
    try:
        facts = board_facts.ask(BoardLink(place))
    except MusterError as error:
        if is_only:
            raise
        return {}, [Finding(WRONG, str(error).rstrip("."))]
    return facts, findings(facts, time.time())


def _serial(facts: Facts) -> str:
    return str(part(facts, "cloud").get("serial") or "")


def _compare(told: dict[str, Facts], found: dict[str, list[Finding]]) -> None:
    """Boards with one name, which only all of them together show."""
    names = Counter(filter(None, map(_serial, told.values())))
    for place, facts in told.items():
        if names[_serial(facts)] > 1:
            name = _serial(facts)
            same = [other for other in told if other != place and _serial(told[other]) == name]
            others = " and ".join(same)
            text = f"the board on {others} has the same name, {name}: one throws out the other"
            found[place].insert(0, Finding(WRONG, text, "give one of them an image of its own"))


def _row(place: str, facts: Facts, found: list[Finding]) -> dict[str, Any]:
    return {"port": place, "findings": [one._asdict() for one in found], "facts": facts}


def _umqtt(path: str) -> str:
    return " with its own umqtt" if path and not path.startswith("/") else ""


def _show(place: str, facts: Facts, found: list[Finding]) -> None:
    program, memory, flash = (part(facts, name) for name in ("program", "memory", "flash"))
    about = [
        f"{place}: {_serial(facts) or 'no serial'}, {program.get('board', 'unknown board')}",
        f"Muster {program.get('muster')} ({program.get('profile')})",
        f"MicroPython {program.get('micropython')}{_umqtt(str(program.get('umqtt') or ''))}",
        f"{memory.get('free')} bytes of heap free, {flash.get('free')} of flash",
    ]
    click.echo(printable("; ".join(about)))
    for one in found:
        mark = click.style("wrong", fg="red") if one.kind == WRONG else click.style("look ", fg="yellow")
        click.echo(f"  {mark}  {one.text}{'.' if not one.text.endswith('.') else ''}")
        if one.advice:
            click.echo(f"         {one.advice}.")
    if not found:
        click.echo(f"  {click.style('good', fg='green')}   nothing is wrong that can be seen from here.")
    lines = [line for line in facts.get("log") or [] if isinstance(line, list) and len(line) == 3]
    for level, source, text in lines[:-2][-_SHOWN_LINES:] if found else []:
        click.echo(printable(f"  {level!s:5}  {source}: {' / '.join(str(text).splitlines())}"))
