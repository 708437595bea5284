"""`muster provision`, `refresh certificate`, `deprovision`: identities made and withdrawn on the host."""

from pathlib import Path
from typing import Any, TextIO

import click

from device.core import paths
from muster import cloud
from muster.cli import options, output
from muster.cli.ttl import ttl_option
from muster.cloud import Deed, Issued
from muster.errors import MusterError
from muster.fleet import devices, removal
from muster.fleet.identity_files import Place
from muster.registry import Registry
from muster.registry.fleet import CREATED, PROVISIONED, RETIRED, Device

_FOLDER = "identities"


def _place_options(function: Any) -> Any:
    """`--out`, `--endpoint` and `--port`: where identity files go, and where the board will connect."""
    for option in (
        click.option(
            "--port", type=click.IntRange(1, 65535), default=8883, show_default=True, help="MQTT port."
        ),
        options.endpoint_option,
        click.option(
            "--out",
            type=click.Path(file_okay=False, path_type=Path),
            show_default=f"{_FOLDER} in the home folder",
            help="Where to make a folder with the files of the device (mode 0600).",
        ),
    ):
        function = option(function)
    return function


def _place(home: Path, out: Path | None, endpoint: str, port: int) -> Place:
    """Where the files go that `_place_options` describe."""
    return Place(out or home / _FOLDER, endpoint, port)


def _show_issued(form: str, verb: tuple[str, str], issued: Issued) -> None:
    """Tell of a new certificate; `verb` is ("Provisioning", "Provisioned")."""
    ends = output.utc(issued.not_after_s)
    lines = [
        f'{verb[0]} device "{issued.device}"',
        f'{verb[1]} device "{issued.device}" successfully',
        f"Certificate: {issued.certificate_id}",
        f"Ends: {ends}",
        *(f"File: {path}" for path in issued.files),
    ]
    response = {
        "name": issued.device,
        "certificate": issued.certificate_id,
        "endsAt": ends,
        "revoked": list(issued.revoked),
        "files": [str(path) for path in issued.files],
    }
    output.done(form, lines, response)


def _planned(form: str, verb: str, device: Device) -> None:
    """What a dry run says."""
    output.done(form, [f'Would {verb} device "{device.name}"'], {"name": device.name, "dryRun": True})


@click.command()
@options.name_argument("device", "DEVICE")
@_place_options
@ttl_option
@options.home_option
@options.dry_run_option
@output.output_option
def provision(
    name: str,
    out: Path | None,
    endpoint: str,
    port: int,
    ttl_h: float | None,
    home: Path,
    dry_run: bool,
    form: str,
) -> None:
    """Make an identity on this computer, for a board that cannot provision itself.

    Not recommended where the board can: its private key is made here and must be copied to the board.
    """
    make = cloud.choose(endpoint, home, Deed.PROVISION, name)
    with options.reading(home) as registry:
        if dry_run:
            _planned(form, "provision", _unprovisioned(registry, name))
            return
        issued = make(registry, home).provision(name, _place(home, out, endpoint, port), ttl_h)
    _show_issued(form, ("Provisioning", "Provisioned"), issued)
    output.note(
        "not recommended where the board can provision itself: a private key is now on this computer. Copy"
        f" the files to {paths.CERT} on the board's flash, then delete them here"
    )
    output.note(
        f"the certificate ends at {output.utc(issued.not_after_s)}: unless the board renews it itself, run"
        f" `{output.program()} refresh certificate {name}` before that"
    )


def _unprovisioned(registry: Registry, name: str) -> Device:
    device = devices.existing(registry, name)
    if device.state != CREATED:
        raise MusterError(f"{name} is {device.state}: run `{output.program()} deprovision {name}` first")
    return device


@click.command()
@options.name_argument("device", "DEVICE")
@options.endpoint_option
@options.home_option
@options.dry_run_option
@output.output_option
def deprovision(name: str, endpoint: str, home: Path, dry_run: bool, form: str) -> None:
    """Revoke the certificates of a device; it may then provision again.

    A running twin closes its connection at once. The board needs its enrolment key to provision again.
    """
    make = cloud.choose(endpoint, home, Deed.DEPROVISION, name)
    with options.reading(home) as registry:
        if dry_run:
            device = devices.existing(registry, name)
            if device.state == RETIRED:
                raise MusterError(f"{name} is retired; its certificates are revoked already")
            count = len(removal.live_certificates(registry, name))
            text = f'Would deprovision device "{name}" and revoke {output.counted(count, "certificate")}'
            output.done(form, [text], {"name": name, "certificates": count, "dryRun": True})
            return
        gone = make(registry, home).deprovision(name)
    if gone.state_before == CREATED and not gone.revoked:
        lines = [f'Device "{name}" is not provisioned; nothing was changed.']
    else:
        revoked = output.counted(len(gone.revoked), "certificate")
        lines = [
            f'Deprovisioning device "{name}"',
            f'Deprovisioned device "{name}" successfully; {revoked} revoked',
        ]
    output.done(form, lines, {"name": name, "stateBefore": gone.state_before, "revoked": list(gone.revoked)})


@click.command(name="certificate")
@options.name_argument("device", "DEVICE")
@click.option(
    "--csr",
    type=click.File(encoding="utf-8"),
    help="Signing request (PEM): the private key stays where it was made. Otherwise the key is made here.",
)
@_place_options
@ttl_option
@options.home_option
@options.dry_run_option
@output.output_option
def refresh_certificate(
    name: str,
    csr: TextIO | None,
    out: Path | None,
    endpoint: str,
    port: int,
    ttl_h: float | None,
    home: Path,
    dry_run: bool,
    form: str,
) -> None:
    """Give a provisioned device a new certificate; the old ones are revoked at once.

    The board is disconnected until it has the new files.
    """
    make = cloud.choose(endpoint, home, Deed.REFRESH, name)
    with options.reading(home) as registry:
        if dry_run:
            device = devices.existing(registry, name)
            if device.state != PROVISIONED:
                raise MusterError(f"{name} is {device.state}: it has no certificate to refresh")
            _planned(form, "refresh the certificate of", device)
            return
        request = None if csr is None else csr.read()
        where = _place(home, out, endpoint, port)
        issued = make(registry, home).refresh(name, request, where, ttl_h)
    _show_issued(form, ("Refreshing the certificate of", "Refreshed the certificate of"), issued)
