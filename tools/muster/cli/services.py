"""`muster services`: which services a board has, which it is to run, and which are well."""

import contextlib
from pathlib import Path

import click

from muster.board_link import BoardLink, only_port
from muster.cli import output
from muster.errors import WRONG_USE, MusterError
from muster.image import read_image
from muster.services import Facts, of_board, of_image

_COLUMNS = {"name": "service", "built": "built in", "wanted": "wanted", "state": "healthy", "text": "why not"}


@click.command()
@click.option(
    "--image", type=click.Path(path_type=Path, dir_okay=False), help="A flash image built by `muster image`."
)
@click.option("--port", help="Serial port of a board.  [default: the one board that is plugged in]")
@output.output_option
def services(image: Path | None, port: str | None, form: str) -> None:
    """Show which services are built in, wanted and healthy.

    Of an image, or of a board on USB. A board's program is interrupted for the question, and the board is
    restarted after it. What is healthy is known only of a board whose program was running.
    """
    if image is not None and port is not None:
        raise MusterError("--image and --port name two boards: give one of them.", WRONG_USE)
    if image is not None:
        try:
            facts = of_image(read_image(image.read_bytes()))
        except OSError as error:
            raise MusterError(f"{image} cannot be read: {error.strerror}.") from None
    else:
        link = BoardLink(port or only_port())
        try:
            facts = of_board(link)
        except MusterError:
            with contextlib.suppress(MusterError):  # the first one says more
                link.start()
            raise
        link.start()
    _show(facts, form)


def _show(facts: Facts, form: str) -> None:
    for note in facts.notes:
        output.note(note)
    rows = [fact._asdict() for fact in facts.services]
    if form == output.JSON:
        head = {"board": facts.board, "build": facts.build, "version": facts.version}
        output.result({**head, "services": rows})
        return
    words = {True: "yes", False: "no"}
    shown = [{**row, "built": words[row["built"]], "wanted": words[row["wanted"]]} for row in rows]
    if form == output.TABLE:
        click.echo(f"{facts.board}, build profile {facts.build or 'unknown'}, Muster {facts.version}")
    output.listing(form, _COLUMNS, shown, "")
