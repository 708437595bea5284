"""`muster twin`: run the local twin of AWS IoT Core, look into its registry, make it misbehave."""

import asyncio
import contextlib
import datetime
import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from muster.cli import options
from muster.cli.ttl import ttl_option
from muster.errors import WRONG_USE, MusterError
from muster.registry import FILE_NAME, Registry
from muster.registry.certificates import REVOKED
from muster.twin import faults, template
from muster.twin.server import Twin
from muster.twin.settings import Settings

_HOME = options.home_option


@click.group()
def twin() -> None:
    """The local twin of AWS IoT Core."""


@twin.command()
@_HOME
@click.option(
    "--mqtt-port", required=True, type=click.IntRange(0, 65535), help="MQTT over TLS; 0: a free one."
)
@click.option(
    "--https-port", type=click.IntRange(0, 65535), help="Reserved for later services; not used yet."
)
@click.option(
    "--host", default="localhost", show_default=True, help="Name or address that boards call it by."
)
@click.option("--bind", help="Address to listen on  [default: loopback for localhost, else every one]")
@click.option(
    "--hook", metavar="FUNCTION", help="Pre-provisioning hook: module:function or file.py:function."
)
@ttl_option
@click.option(
    "--open",
    "open_admission",
    is_flag=True,
    help="Let whoever holds the claim certificate register any name, although there are groups.",
)
@click.option(
    "--token-life-s",
    type=click.FloatRange(min=1),
    default=3600,
    show_default=True,
    help="How long an ownership token is good.",
)
@click.option(
    "--reuse-tokens", is_flag=True, help="Answer a repeated RegisterThing with the same token again."
)
@click.option(
    "--claim-key",
    type=click.Choice(["rsa", "ec"]),
    default="rsa",
    show_default=True,
    help="Kind of key of the claim certificate that the first run makes.",
)
@click.option(
    "--aws-connect-rate", is_flag=True, help="Allow one CONNECT a second per client id, as AWS does."
)
@click.option(
    "-v", "--verbose", is_flag=True, help="Tell of every connection and request, on standard error."
)
def run(
    home: Path,
    mqtt_port: int,
    https_port: int | None,
    host: str,
    bind: str | None,
    hook: str | None,
    ttl_h: float | None,
    open_admission: bool,
    token_life_s: float,
    reuse_tokens: bool,
    claim_key: str,
    aws_connect_rate: bool,
    verbose: bool,
) -> None:
    """Run until Ctrl-C or SIGTERM; print one line when connections are accepted.

    The first run makes ca.pem, claim/certificate.pem.crt, claim/private.pem.key and the registry in the home.
    As soon as the registry has a group, only its devices may register, each with its enrolment key.
    """
    if verbose:
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    settings = Settings(
        host=host,
        bind=bind,
        mqtt_port=mqtt_port,
        hook=hook,
        certificate_ttl_h=ttl_h,
        open_admission=open_admission,
        token_life_s=token_life_s,
        reuse_tokens=reuse_tokens,
        claim_key="ec" if claim_key == "ec" else "rsa",
        connects_per_s_and_client=1 if aws_connect_rate else None,
    )
    if open_admission:
        click.echo(
            "muster: --open: groups are not asked; whoever holds the claim certificate may register any name",
            err=True,
        )
    asyncio.run(_run(home, settings))


async def _run(home: Path, settings: Settings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    running = Twin(home, settings)
    await running.start()
    print(f"twin ready {running.url}", flush=True)
    await stop.wait()
    await running.stop()


@twin.command()
@_HOME
def certificates(home: Path) -> None:
    """List the certificates: state, thing, when made, when they end."""
    with _registry(home) as registry:
        rows = [
            (
                certificate.certificate_id,
                certificate.status,
                "(claim)"
                if certificate.is_claim
                else ", ".join(
                    thing.name for thing in registry.things.of_certificate(certificate.certificate_id)
                ),
                _date(certificate.created_s),
                _date(certificate.not_after_s),
            )
            for certificate in registry.certificates.all()
        ]
    _print_table(("certificate id", "state", "thing", "made", "ends"), rows)


@twin.command()
@click.argument("certificate_id", help="The first digits are enough.")
@_HOME
def revoke(certificate_id: str, home: Path) -> None:
    """Revoke a certificate (the first digits of its id are enough); a live connection is dropped at once."""
    with _registry(home) as registry:
        found = registry.certificates.find(certificate_id) if certificate_id else []
        if not found:
            raise MusterError(
                f"no certificate begins with {certificate_id!r}: see muster twin certificates --home {home}"
            )
        if len(found) > 1:
            raise MusterError(f"{len(found)} certificates begin with {certificate_id!r}: give more digits")
        registry.certificates.set_status(found[0].certificate_id, REVOKED)
    click.echo(f"revoked {found[0].certificate_id}")


@twin.command()
@_HOME
def boots(home: Path) -> None:
    """List the last boot status of every thing."""
    with _registry(home) as registry:
        rows = [
            (boot.thing, _date(boot.received_s), boot.topic, boot.payload.decode(errors="replace"))
            for boot in registry.boots.all()
        ]
    _print_table(("thing", "received", "topic", "payload"), rows)


@twin.command(name="template")
@click.argument("name")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--hook", metavar="FUNCTION", help="Its pre-provisioning hook: module:function or file.py:function."
)
@_HOME
def put_template(name: str, file: Path, hook: str | None, home: Path) -> None:
    """Store FILE as the provisioning template NAME; it counts from the next request on."""
    body = file.read_text()
    try:
        template.check(body)
    except template.TemplateError as error:
        raise MusterError(f"{file}: {error}") from error
    with _registry(home) as registry:
        registry.templates.put(name, body, hook)
    click.echo(f"stored template {name}")


@twin.group()
def fault() -> None:
    """Bad-day switches: they act on a running twin at once."""


def _fault_help() -> str:
    lines = "\n".join(f"  {kind:15}{what}" for kind, (what, _) in faults.KINDS.items())
    return f"Set a switch. STEP is one of {', '.join(faults.STAGES)}.\n\n\b\nFAULT is one of\n{lines}"


@fault.command(name="set", help=_fault_help())
@click.argument("step")
@click.argument("kind", metavar="FAULT")
@click.option("--code", help="errorCode of a refusal.")
@click.option("--number", type=float, help="statusCode, return code, milliseconds or answers a second.")
@click.option("--client", default="*", show_default=True, help="Only for client ids that match this pattern.")
@click.option("--count", type=click.IntRange(min=1), help="How many times  [default: for ever]")
@_HOME
def set_fault(
    step: str, kind: str, code: str | None, number: float | None, client: str, count: int | None, home: Path
) -> None:
    faults.check(step, kind, number)
    with _registry(home) as registry:
        fault_id = registry.faults.add(step, kind, code, number, client, count)
    click.echo(f"fault {fault_id} is set")


@fault.command(name="list")
@_HOME
def list_faults(home: Path) -> None:
    """List the switches that may still act."""
    with _registry(home) as registry:
        rows = [
            (
                str(entry.fault_id),
                entry.stage,
                entry.kind,
                entry.code or "",
                "" if entry.number is None else f"{entry.number:g}",
                entry.client,
                "for ever" if entry.remaining is None else str(entry.remaining),
            )
            for entry in registry.faults.all()
        ]
    _print_table(("no", "step", "fault", "code", "number", "client", "left"), rows)


@fault.command(name="clear")
@click.argument("number", type=int, required=False)
@_HOME
def clear_faults(number: int | None, home: Path) -> None:
    """Remove the switch NUMBER, or all of them."""
    with _registry(home) as registry:
        removed = registry.faults.clear(number)
    if number is not None and not removed:
        raise MusterError(f"there is no fault {number}: see muster twin fault list --home {home}")
    click.echo(f"{removed} removed")


def _registry(home: Path) -> "contextlib.closing[Registry]":
    if not (home / FILE_NAME).exists():
        raise MusterError(
            f"{home} is no home of a twin: make one with muster twin run --home {home} --mqtt-port 8883",
            WRONG_USE,
        )
    return contextlib.closing(Registry(home))


def _date(unix_s: float) -> str:
    return datetime.datetime.fromtimestamp(unix_s, datetime.timezone.utc).strftime("%Y-%m-%d %H:%M:%S")


def _print_table(columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """A table for people; tab-separated lines, whole, when the output is no terminal."""
    if not sys.stdout.isatty():
        for row in (columns, *rows):
            print("\t".join(row))
        return
    table = Table(*columns, box=None)
    for row in rows:
        table.add_row(*row)
    Console().print(table)
