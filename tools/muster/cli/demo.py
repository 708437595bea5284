"""`muster demo`: see it work."""

import click
from rich.console import Console

from device.core import keys


@click.command()
@click.option(
    "--keys",
    "key_mode",
    type=click.Choice([keys.KEYS_CLOUD, keys.KEYS_DEVICE]),
    default=keys.KEYS_CLOUD,
    show_default=True,
    help="Who makes the private key: the cloud, or the board itself (P-256, never leaves it).",
)
def demo(key_mode: str) -> None:
    """Watch a virtual board provision itself against the twin and publish its boot status."""
    from muster import demo as script

    script.run(Console(highlight=False), key_mode)
