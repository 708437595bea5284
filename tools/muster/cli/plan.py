"""`muster plan` and `muster apply`: one sheet is the fleet."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from muster import cloud
from muster.cli import options, output, work
from muster.cloud import Deed
from muster.enrolment.secrets import Vault
from muster.errors import WRONG_USE, MusterError
from muster.fleet import batch, batch_folder, groups, sheet
from muster.fleet import plan as fleet_plan
from muster.registry import Registry

_F = TypeVar("_F", bound=Callable[..., Any])
_DRAWN = 40  # changes in the table for people; pipes and JSON get all
_COLUMNS = {"action": "action", "device": "device", "group": "group", "detail": "detail"}
_NEW_GROUP = "create group"


def _sheet_options(function: _F) -> _F:
    for decorate in (
        output.output_option,
        options.home_option,
        click.option("--retire-missing", is_flag=True, help="Retire the devices that are not in the sheet."),
        click.argument(
            "source",
            metavar="FLEET.csv",
            type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
            help="The fleet sheet: one line for each device; `-` reads standard input.",
        ),
    ):
        function = decorate(function)
    return function


@click.command()
@_sheet_options
def plan(source: Path, retire_missing: bool, home: Path, form: str) -> None:
    """Show what a fleet sheet would change.

    FLEET.csv has the columns name and group, and optionally state (retired, or empty) and claim ID; all
    other columns are template parameters. The manifest.csv of a batch is such a sheet.
    """
    with options.writing(home, dry_run=True) as registry:
        found = _plan(registry, source, retire_missing)
    if form == output.JSON:
        output.result(_response(found))
    else:
        _show(found, form)


@click.command()
@_sheet_options
@click.option(
    "--create-groups", is_flag=True, help="Create groups that do not exist; prints their secrets once."
)
@click.option("--secrets", is_flag=True, help="Write the enrolment keys into the batch folders (mode 0600).")
@options.endpoint_option
@options.dry_run_option
@options.yes_option
def apply(
    source: Path,
    retire_missing: bool,
    endpoint: str,
    home: Path,
    form: str,
    create_groups: bool,
    secrets: bool,
    dry_run: bool,
    yes: bool,
) -> None:
    """Change the fleet to match a fleet sheet, after showing the changes.

    All lines are checked before anything is changed. Whatever stops it, the same command continues where it
    stopped. The sheet is described in `muster plan --help`.
    """
    with options.writing(home, dry_run) as registry:
        found = _plan(registry, source, retire_missing)
        make = _cloud(found, endpoint, home)
        if form != output.JSON:
            _show(found, form)
        if not dry_run:
            _agree(found, create_groups, yes)
            made = _carry_out(registry, make(registry, home), home, found, secrets, form)
    if form == output.JSON:
        output.result({**_response(found), **({"dryRun": True} if dry_run else made)})
    if found.changes and not dry_run:
        options.note_only_here(home, Deed.CREATE, endpoint)


def _plan(registry: Registry, source: Path, retire_missing: bool) -> fleet_plan.Plan:
    read = sheet.read(source)
    if not (read.rows or read.faults):
        raise MusterError(f"{sheet.called(source)} names no device; nothing was changed")
    found = fleet_plan.make(registry, read, source, retire_missing)
    sheet.refuse(sheet.called(source), found.faults, f"{sheet.fix(found.faults)}.")
    return found


def _cloud(found: fleet_plan.Plan, endpoint: str, home: Path) -> cloud.Maker:
    """The cloud at `endpoint`, refused when a device is to be retired and Muster cannot do that there."""
    retiring = next((change.name for change in found.changes if change.action == fleet_plan.RETIRE), None)
    if retiring is not None:
        return cloud.choose(endpoint, home, Deed.RETIRE, retiring)
    return cloud.choose(endpoint, home, Deed.CREATE, "")


def _rows(found: fleet_plan.Plan) -> list[dict[str, Any]]:
    rows = [
        {"action": _NEW_GROUP, "device": None, "group": name, "detail": "--create-groups"}
        for name in found.new_groups
    ]
    return rows + [
        {"action": change.action, "device": change.name, "group": change.group, "detail": change.detail}
        for change in found.changes
    ]


def _response(found: fleet_plan.Plan) -> dict[str, Any]:
    return {
        "newGroups": found.new_groups,
        "changes": [change._asdict() for change in found.changes],
        "counts": {action: found.count(action) for action in fleet_plan.ACTIONS},
        "unchanged": found.unchanged,
        "notInSheet": found.not_in_sheet,
        "retired": found.retired,
    }


def _show(found: fleet_plan.Plan, form: str) -> None:
    rows = _rows(found)
    most = _DRAWN if form == output.TABLE else len(rows)
    if rows:
        output.listing(form, _COLUMNS, rows[:most], "")
    if len(rows) > most:
        output.note(f"and {output.number(len(rows) - most)} more (all of them: -o plain)")
    counts = [(action, found.count(action)) for action in fleet_plan.ACTIONS]
    todo = ", ".join(f"{action} {output.number(count)}" for action, count in counts if count)
    output.note(f"{todo or 'nothing to change'}; {output.counted(found.unchanged, 'device')} unchanged")
    if found.not_in_sheet:
        output.note(f"{_some(found.not_in_sheet)} not in the sheet, left alone (--retire-missing retires)")
    if found.retired:
        output.note(
            f"{_some(found.retired)} retired in the registry, left alone (`{output.program()} reinstate`, or"
            " state retired in the sheet)"
        )
    if found.count(fleet_plan.MOVE):
        output.note(
            "a moved device gets another enrolment key: an image built before can no longer provision"
        )


def _some(names: list[str]) -> str:
    if len(names) == 1:
        return f"{names[0]} is"
    return f"{output.number(len(names))} ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''}) are"


def _agree(found: fleet_plan.Plan, create_groups: bool, yes: bool) -> None:
    if found.new_groups and not create_groups:
        missing = ", ".join(found.new_groups)
        raise MusterError(
            f"there is no group {missing}; nothing was changed: use --create-groups, or correct the sheet",
            WRONG_USE,
        )
    if found.changes:
        options.confirm(f"Make {output.counted(len(found.changes), 'change')}?", yes, "nothing was changed")


def _carry_out(
    registry: Registry, where: cloud.Cloud, home: Path, found: fleet_plan.Plan, secrets: bool, form: str
) -> dict[str, Any]:
    """Make the changes; returns what only that shows, as JSON: secrets of new groups, and batches."""
    if secrets:
        batch_folder.group_secrets(home, registry)  # before anything is created: the key may be lost
    now_s = time.time()
    new_groups = [
        {"name": name, "provisioningSecret": _add_group(registry, home, name, now_s, form)}
        for name in found.new_groups
    ]
    batches = []
    creates = {change.name for change in found.changes if change.action == fleet_plan.CREATE}
    with work.resumable("applying", "changes", len(found.changes)) as progress:
        for group, wanted in found.wanted.items():
            missing = [one for one in wanted if one.name in creates]
            checked = batch.Checked(wanted, missing, [], [])
            made = batch.create(registry, where, home, group, checked, now_s, secrets, progress.advance)
            if made.batch is not None:
                batches.append({"batch": made.batch.name, "group": group, "folder": str(made.folder)})
        others = [change for change in found.changes if change.action != fleet_plan.CREATE]
        fleet_plan.carry_out(registry, where, others, now_s, progress.advance)
    if form != output.JSON:
        for one in batches:
            click.echo(f"Batch {one['batch']}: {one['folder']}")
        count = output.counted(len(found.changes), "change")
        click.echo(f"Made {count}" if found.changes else "The fleet matches the sheet; nothing to do")
    return {"newGroups": new_groups, "batches": batches}


def _add_group(registry: Registry, home: Path, name: str, now_s: float, form: str) -> str | None:
    secret = groups.add(registry, Vault(home), name, now_s)
    if secret and form != output.JSON:  # at once: whatever happens later, it is not shown again
        click.echo(f'Added group "{name}", Provisioning Secret: {secret}')
    return secret
