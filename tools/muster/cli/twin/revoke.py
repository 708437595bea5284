"""`muster twin revoke`: end a certificate before its time."""

from pathlib import Path

import click

from muster.cli import options, output
from muster.errors import MusterError
from muster.registry import Registry
from muster.registry.certificates import REVOKED, Certificate


@click.command()
@click.argument("certificate_id", help="The first digits are enough.")
@options.home_option
@options.yes_option
@output.output_option
def revoke(certificate_id: str, home: Path, yes: bool, form: str) -> None:
    """Revoke a certificate; its live connections are closed at once.

    Without the claim certificate, no board can provision itself, so the command asks before it revokes that
    one. `muster twin claim new` creates another.
    """
    with options.reading(home) as registry:
        certificate = _only(registry, certificate_id, home)
        if certificate.is_claim:
            options.confirm(
                "This is the claim certificate: every image that was built with it stops provisioning."
                " Revoke it?",
                yes,
                "nothing was revoked",
            )
        registry.certificates.set_status(certificate.certificate_id, REVOKED)
    lines = [f"revoked {certificate.certificate_id}"]
    output.done(form, lines, {"id": certificate.certificate_id, "status": REVOKED})


def _only(registry: Registry, beginning: str, home: Path) -> Certificate:
    found = registry.certificates.find(beginning) if beginning else []
    if not found:
        raise MusterError(
            f"no certificate begins with {beginning!r}: see `muster twin certificates --home {home}`"
        )
    if len(found) > 1:
        raise MusterError(f"{len(found)} certificates begin with {beginning!r}: give more digits")
    return found[0]
