"""`muster twin claim`: the credentials that every board carries to get its own."""

from pathlib import Path

import click

from muster.cli import options, output
from muster.registry.certificates import ACTIVE
from muster.twin.home import new_claim
from muster.twin.settings import Home, KeyKind, Settings

key_option = click.option(
    "--claim-key",
    type=click.Choice(["rsa", "ec"]),
    default=Settings.claim_key,
    show_default=True,
    help="Kind of key for a new claim certificate.",
)


@click.command()
@key_option
@options.home_option
@output.output_option
def new(claim_key: KeyKind, home: Path, form: str) -> None:
    """Create a new claim certificate, and put it into the claim folder in place of the old one.

    The old certificate stays active until you revoke it, so that boards with images built with it can still
    provision themselves. A running twin knows the new one at once.
    """
    with options.reading(home) as registry:
        claims = [one for one in registry.certificates.all() if one.is_claim]
    still_active = [one.certificate_id for one in claims if one.status == ACTIVE]
    certificate_id = new_claim(home, Settings(claim_key=claim_key))
    folder = Home(home).claim_dir
    lines = [
        f"created claim certificate {certificate_id}",
        f"its files are in {folder}: build new images with them",
    ]
    lines += [f"still active: {one} (`muster twin revoke {one[:12]}` ends it)" for one in still_active]
    response = {"id": certificate_id, "folder": str(folder), "stillActive": still_active}
    output.done(form, lines, response)
