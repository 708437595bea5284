"""`muster demo`: see it work."""

from pathlib import Path

import click
from rich.console import Console

from device.core import fields


@click.command()
@click.option(
    "--keys",
    "key_mode",
    type=click.Choice([fields.KEYS_CLOUD, fields.KEYS_DEVICE]),
    default=fields.KEYS_CLOUD,
    show_default=True,
    help="Who makes the private key: the cloud, or the board (P-256; the key never leaves it).",
)
@click.option(
    "--app", type=click.Path(path_type=Path, file_okay=False), help="Folder of an application for the board."
)
@click.option("--web", is_flag=True, help="Keep the board on until Ctrl-C, to open its web page.")
@click.option(
    "--claim", is_flag=True, help="Show a board that nobody owns, and the page to claim it; until Ctrl-C."
)
def demo(key_mode: str, app: Path | None, web: bool, claim: bool) -> None:
    """Watch a virtual board provision itself against the twin and publish its boot status.

    With --app, the board also runs that application, until it publishes something of its own.
    """
    if claim:
        from muster import demo_claim

        demo_claim.run(Console(highlight=False))
        return
    from muster import application
    from muster import demo as script

    files = application.files_of(app) if app else None
    script.run(Console(highlight=False), key_mode, stays_on=web, app=files)
