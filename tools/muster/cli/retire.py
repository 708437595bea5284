"""`muster retire device` and `muster reinstate device`: out of service, and back."""

from pathlib import Path

import click

from muster import cloud
from muster.cli import options, output
from muster.cloud import Deed
from muster.fleet import devices, removal
from muster.registry.fleet import RETIRED


@click.command(name="device")
@options.name_argument("device", "NAME")
@options.endpoint_option
@options.home_option
@options.yes_option
@options.dry_run_option
@output.output_option
def retire(name: str, endpoint: str, home: Path, yes: bool, dry_run: bool, form: str) -> None:
    """Take a device out of service: revoke its certificates and refuse it from now on.

    Asks first. Its history and its claim ID stay; `reinstate device` brings it back.
    """
    make = cloud.choose(endpoint, home, Deed.RETIRE, name)
    with options.reading(home) as registry:
        found = devices.existing(registry, name)
        live = len(removal.live_certificates(registry, name))
    response = {"name": name, "stateBefore": found.state, "certificates": live}
    if found.state == RETIRED and not live:
        output.done(form, [f'Device "{name}" is retired already; nothing was changed.'], response)
        return
    revoked = output.counted(live, "certificate")
    what = f'device "{name}" of group "{found.group}" ({found.state}) and revoke {revoked}'
    if dry_run:
        output.done(form, [f"Would retire {what}"], {**response, "dryRun": True})
        return
    if not yes and options.is_interactive():
        output.note(f"this will retire {what}")
    options.confirm(f'Retire device "{name}"?', yes, "nothing was changed")
    with options.writing(home) as registry:
        gone = make(registry, home).retire(name)
    lines = [f'Retiring device "{name}"', f'Retired device "{name}" successfully']
    output.done(form, lines, {**response, "certificates": len(gone.revoked)})


@click.command(name="device")
@options.name_argument("device", "NAME")
@options.endpoint_option
@options.home_option
@options.dry_run_option
@output.output_option
def reinstate(name: str, endpoint: str, home: Path, dry_run: bool, form: str) -> None:
    """Bring a retired device back into service: its state is `created` again.

    It keeps its group, its claim ID and its label. Its old certificates stay revoked: it provisions again
    with its enrolment key.
    """
    make = cloud.choose(endpoint, home, Deed.REINSTATE, name)
    with options.reading(home) as registry:
        before = devices.existing(registry, name).state
        if not dry_run:
            make(registry, home).reinstate(name)
    response = {"name": name, "stateBefore": before}
    if before != RETIRED:
        output.done(form, [f'Device "{name}" is {before}, not retired; nothing was changed.'], response)
    elif dry_run:
        output.done(form, [f'Would reinstate device "{name}"'], {**response, "dryRun": True})
    else:
        lines = [f'Reinstating device "{name}"', f'Reinstated device "{name}" successfully']
        output.done(form, lines, response)
