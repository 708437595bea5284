"""`muster traceback`: a board's traceback with the names of the source."""

from typing import BinaryIO

import click

from muster import tracebacks


@click.command()
@click.argument("file", type=click.File("rb"), default="-")
def traceback(file: BinaryIO) -> None:
    """Put the names of the source into a board's traceback.

    FILE: what the board printed, or "-", the default, for what is piped in. On a board private functions have
    short names, to save memory. Use the same version of Muster that the board has.
    """
    for line in file:
        text = tracebacks.decoded(line.decode(errors="surrogateescape"))
        click.echo(text.encode(errors="surrogateescape"), nl=False)
