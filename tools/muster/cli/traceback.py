"""`muster traceback`: a board's traceback with the names of the source."""

from typing import TextIO

import click

from muster import tracebacks


@click.command()
@click.argument("file", type=click.File("r", encoding="utf-8", errors="replace"), default="-")
def traceback(file: TextIO) -> None:
    """Put the names of the source into a board's traceback.

    FILE: what the board printed, or "-", the default, for what is piped in. On a board private functions have
    short names, to save memory. Use the same version of Muster that the board has.
    """
    for line in file:
        click.echo(tracebacks.decoded(line), nl=False)
