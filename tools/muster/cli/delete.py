"""`muster delete device` and `muster delete group`."""

from pathlib import Path

import click

from muster import cloud
from muster.cli import options, output
from muster.cloud import Deed
from muster.fleet import devices, groups, removal
from muster.registry.fleet import PROVISIONED

_LEFT = "nothing was deleted"


@click.command()
@options.name_argument("device", "NAME")
@options.endpoint_option
@options.home_option
@options.yes_option
@options.dry_run_option
@output.output_option
def device(name: str, endpoint: str, home: Path, yes: bool, dry_run: bool, form: str) -> None:
    """Delete a device, with its history, its claim ID and its certificates.

    Shows what will be deleted, and asks. The board is refused from then on.
    """
    make = cloud.choose(endpoint, home, Deed.DELETE_DEVICE, name)
    with options.reading(home) as registry:
        found = devices.existing(registry, name)
        certificates = len(removal.live_certificates(registry, name))
    goes = (
        f'device "{name}" of group "{found.group}" ({found.state}), its history and its claim ID (a printed'
        f" label becomes useless), and revoke {output.counted(certificates, 'certificate')}"
    )
    response = {"name": name, "devices": 1, "certificates": certificates}
    if _agreed(goes, f'Delete device "{name}"?', yes, dry_run, form, response):
        with options.writing(home) as registry:
            make(registry, home).delete_device(name)
        output.done(form, [f'Deleting device "{name}"', f'Deleted device "{name}" successfully'], response)


@click.command()
@options.name_argument("group", "NAME")
@options.endpoint_option
@options.home_option
@options.yes_option
@options.dry_run_option
@output.output_option
def group(name: str, endpoint: str, home: Path, yes: bool, dry_run: bool, form: str) -> None:
    """Delete a group, with all its devices and their certificates.

    Shows what will be deleted, and asks. Its boards are refused from then on.
    """
    make = cloud.choose(endpoint, home, Deed.DELETE_GROUP, name)
    with options.reading(home) as registry:
        groups.existing(registry, name)
        members = registry.devices.all(name)
        certificates = sum(len(removal.live_certificates(registry, one.name)) for one in members)
    working = sum(one.state == PROVISIONED for one in members)
    devices_of = output.counted(len(members), "device")
    goes = (
        f'group "{name}", its provisioning secret, {devices_of} ({working} provisioned) with their history'
        " and claim IDs (printed labels become useless), and revoke"
        f" {output.counted(certificates, 'certificate')}"
    )
    response = {"name": name, "devices": len(members), "certificates": certificates}
    if _agreed(goes, f'Delete group "{name}" and {devices_of}?', yes, dry_run, form, response):
        with options.writing(home) as registry:
            make(registry, home).delete_group(name)
        output.done(form, [f'Deleting group "{name}"', f'Deleted group "{name}" successfully'], response)


def _agreed(goes: str, question: str, yes: bool, dry_run: bool, form: str, response: dict) -> bool:
    """Show what will be deleted, and ask. False for a dry run. Raises MusterError when the answer is no."""
    if dry_run:
        output.done(form, [f"Would delete {goes}"], {**response, "dryRun": True})
        return False
    if not yes and options.is_interactive():
        output.note(f"this will delete {goes}")
    options.confirm(question, yes, _LEFT)
    return True
