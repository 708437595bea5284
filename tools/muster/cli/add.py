"""`muster add group` and `muster add device`."""

import sys
import time
from pathlib import Path

import click

from muster.cli import options, output
from muster.cloud import Deed
from muster.enrolment.secrets import Vault
from muster.fleet import claim_ids, devices, groups


@click.command()
@options.name_argument("group", "NAME")
@options.home_option
@options.dry_run_option
@output.output_option
def group(name: str, home: Path, dry_run: bool, form: str) -> None:
    """Add a group and print its provisioning secret once.

    A group that exists already is not changed, which is not an error, so scripts can be run again. The secret
    stays in the registry, encrypted, and never goes onto a board.
    """
    with options.writing(home, dry_run) as registry:
        if dry_run:
            secret = None if registry.groups.get(name) else ""
        else:
            secret = groups.add(registry, Vault(home), name, time.time())
    if secret is None:
        _exists_already(name, form)
    elif dry_run:
        output.done(form, [f'Would add group "{name}"'], {"name": name, "dryRun": True})
    else:
        lines = [
            f'Adding group "{name}"',
            f'Added group "{name}" successfully',
            f"Provisioning Secret: {secret}",
        ]
        response = {"name": name, "created": True, "provisioningSecret": secret}
        output.done(form, lines, response)
    if not dry_run:
        options.note_only_here(home, Deed.CREATE)


def _exists_already(name: str, form: str) -> None:
    """Say it where it is read: on standard error too when a script sends the output to a file."""
    text = (
        f'Group "{name}" exists already; nothing was changed. Its provisioning secret is in the registry and'
        f" is not shown again; for a new one: {output.program()} refresh provision-secret {name}"
    )
    output.done(form, [text], {"name": name, "created": False})
    if not sys.stdout.isatty():
        output.note(text)


@click.command()
@options.group_option(required=True)
@options.name_argument("device", "NAME")
@options.home_option
@options.dry_run_option
@output.output_option
def device(group: str, name: str, home: Path, dry_run: bool, form: str) -> None:
    """Add a device to a group.

    The name becomes its serial, its client id and its thing name. A device that is in the group already is
    not changed, which is not an error.
    """
    with options.reading(home) as registry:
        made, is_new = devices.add(registry, group, name, time.time(), dry_run)
    response = {"name": name, "group": group, "claimId": claim_ids.shown(made.claim_id), "created": is_new}
    claim = f"Claim ID: {claim_ids.shown(made.claim_id)}"
    if not is_new:
        lines = [f'Device "{name}" exists already in group "{group}"; nothing was changed.', claim]
    elif dry_run:
        lines, response = [f'Would add device "{name}" to group "{group}"'], {"name": name, "dryRun": True}
    else:
        lines = [f'Adding device "{name}"', f'Added device "{name}" successfully', claim]
    output.done(form, lines, response)
    if not dry_run:
        options.note_only_here(home, Deed.CREATE)
