"""`muster refresh provision-secret`."""

import time
from pathlib import Path

import click

from muster.cli import options, output
from muster.cloud import Deed
from muster.enrolment.secrets import Vault
from muster.fleet import groups
from muster.registry.fleet import CREATED


@click.command(name="provision-secret")
@options.name_argument("group", "GROUP")
@options.home_option
@options.dry_run_option
@output.output_option
def provision_secret(name: str, home: Path, dry_run: bool, form: str) -> None:
    """Give a group a new provisioning secret and print it once.

    Provisioned devices stay provisioned. The others get new enrolment keys: a board whose image was built
    before is refused until its image is built again.
    """
    with options.reading(home) as registry:
        groups.existing(registry, name)
        waiting = sum(device.state == CREATED for device in registry.devices.all(name))
        secret = None if dry_run else groups.refresh_secret(registry, Vault(home), name, time.time())
    response = {"name": name, "notProvisioned": waiting}
    if secret is None:
        text = f'Would give group "{name}" a new provisioning secret; {_stale(waiting)}'
        output.done(form, [text], {**response, "dryRun": True})
        return
    lines = [
        f'Refreshing the provisioning secret of group "{name}"',
        f'Refreshed the provisioning secret of group "{name}" successfully',
        f"Provisioning Secret: {secret}",
    ]
    output.done(form, lines, {**response, "provisioningSecret": secret})
    if waiting:
        output.note(_stale(waiting))
    options.note_only_here(home, Deed.CHANGE_SECRET)


def _stale(waiting: int) -> str:
    if not waiting:
        return "no image is affected"
    devices = output.counted(waiting, "unprovisioned device")
    return f"images built for its {devices} are refused from now on: build them again"
