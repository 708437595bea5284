"""`muster twin certificates|things|boots`: what the registry of a twin holds."""

import time
from pathlib import Path
from typing import Any

import click

from muster.cli import options, output
from muster.registry import Registry
from muster.registry.certificates import Certificate


@click.command()
@options.home_option
@output.output_option
def certificates(home: Path, form: str) -> None:
    """List the certificates: their state, things and dates.

    An active certificate whose life has ended is shown as EXPIRED.
    """
    with options.reading(home) as registry:
        rows = [_certificate(registry, one, time.time()) for one in registry.certificates.all()]
    columns = {
        "id": "certificate id",
        "status": "state",
        "shownAs": "thing",
        "createdAt": "created",
        "endsAt": "ends",
    }
    if form == output.JSON:
        rows = [{key: value for key, value in row.items() if key != "shownAs"} for row in rows]
    output.listing(form, columns, rows, "no certificates yet: `muster twin run` creates the first")


def _certificate(registry: Registry, certificate: Certificate, now_s: float) -> dict[str, Any]:
    names = [thing.name for thing in registry.things.of_certificate(certificate.certificate_id)]
    return {
        "id": certificate.certificate_id,
        "status": certificate.state(now_s),
        "isClaim": bool(certificate.is_claim),
        "things": names,
        "shownAs": "(claim)" if certificate.is_claim else names,
        "createdAt": output.utc(certificate.created_s),
        "endsAt": output.utc(certificate.not_after_s),
    }


@click.command()
@options.home_option
@output.output_option
def things(home: Path, form: str) -> None:
    """List the things: their attributes and certificates."""
    with options.reading(home) as registry:
        found = [registry.things.get(name) for name in registry.things.names()]
        rows = [
            {
                "name": thing.name,
                "type": thing.type,
                "attributes": thing.attributes,
                "certificates": registry.things.certificates_of(thing.name),
                "createdAt": output.utc(thing.created_s),
            }
            for thing in found
            if thing is not None
        ]
    columns = {
        "name": "thing",
        "type": "type",
        "attributes": "attributes",
        "certificates": "certificates",
        "createdAt": "created",
    }
    output.listing(form, columns, rows, "no things yet: RegisterThing creates them")


@click.command()
@options.home_option
@output.output_option
def boots(home: Path, form: str) -> None:
    """List the last boot status of every thing."""
    with options.reading(home) as registry:
        rows = [
            {
                "thing": boot.thing,
                "receivedAt": output.utc(boot.received_s),
                "topic": boot.topic,
                "payload": boot.payload.decode(errors="replace"),
            }
            for boot in registry.boots.all()
        ]
    columns = {"thing": "thing", "receivedAt": "received", "topic": "topic", "payload": "payload"}
    output.listing(form, columns, rows, "no boot status was received yet")
