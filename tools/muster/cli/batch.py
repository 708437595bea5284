"""`muster add devices` and `muster batches`."""

import time
from pathlib import Path
from typing import Any

import click

from muster import cloud
from muster.cli import options, output, work
from muster.cloud import Deed
from muster.errors import GOOD, PARTLY_DONE, MusterError
from muster.fleet import batch, batch_folder, groups, sheet
from muster.registry import Registry

_MEND = "mend them, or say --skip-bad to make the others"


@click.command()
@options.group_option(required=True)
@click.option("--count", type=click.IntRange(1, 1_000_000), help="Make so many numbered devices: P1, P2, ...")
@click.option("--prefix", metavar="P", help="What their names begin with  [default: GROUP-]")
@click.option(
    "--from-file",
    "source",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File with one name per line, or CSV: its first column is `name`, others are template parameters.",
)
@click.option("--skip-bad", is_flag=True, help="Pass over lines that are wrong; the exit code is 3 then.")
@click.option("--secrets", is_flag=True, help="Write the enrolment keys into the batch folder (mode 0600).")
@options.home_option
@options.dry_run_option
@output.output_option
def devices(
    group: str,
    count: int | None,
    prefix: str | None,
    source: Path | None,
    skip_bad: bool,
    secrets: bool,
    home: Path,
    dry_run: bool,
    form: str,
) -> int:
    """Add many devices to a group.

    All names are checked before anything is made. Whatever stops it (Ctrl-C, a full disk, a dead computer),
    the same command goes on where it stopped; run again after that, it changes nothing. What was made is
    listed in a folder below HOME/batches.
    """
    wanted = _wanted(group, count, prefix, source)
    make = cloud.choose(options.profile_endpoint(), home, Deed.CREATE, group)
    with options.writing(home, dry_run) as registry:
        groups.existing(registry, group)
        checked = batch.check(registry, group, wanted)
        if checked.faults and not (skip_bad and checked.wanted):
            hint = "mend them" if skip_bad else _MEND
            sheet.refuse(str(source) if source else f"--count {count}", checked.faults, hint)
        if secrets:
            batch_folder.group_secrets(home, registry)  # before anything is created: the key may be lost
        if dry_run:
            return _would(form, group, checked)
        total = len(checked.wanted)
        with work.resumable("adding devices", "devices", total, len(checked.existing)) as progress:
            now_s = time.time()
            made = batch.create(
                registry, make(registry, home), home, group, checked, now_s, secrets, progress.advance
            )
    _say(form, group, checked, made)
    options.note_only_here(home, Deed.CREATE)
    return PARTLY_DONE if checked.faults else GOOD


def _wanted(group: str, count: int | None, prefix: str | None, source: Path | None) -> sheet.Sheet:
    if count is not None and source is None:
        return batch.numbered(f"{group}-" if prefix is None else prefix, count)
    if source is None or count is not None:
        raise click.UsageError("Say either --count N or --from-file FILE.")
    if prefix is not None:
        raise click.UsageError("--prefix belongs to --count; a file gives whole names.")
    wanted = sheet.read(source)
    batch.check_columns(wanted.columns, source)
    if not (wanted.rows or wanted.faults):
        raise MusterError(f"{source} names no device: nothing was done")
    return wanted


def _notes(checked: batch.Checked) -> list[str]:
    """What a person should know beside the counts."""
    notes = []
    if checked.differing:
        notes.append(f"{work.number(checked.differing)} exist with other parameters and keep them")
    if checked.retired:
        notes.append(f"{work.number(checked.retired)} of those that exist are retired and stay so")
    if checked.faults:
        count = work.number(len(checked.faults))
        notes.append(f"{count} wrong ones are passed over\n{sheet.listed(checked.faults)}")
    return notes


def _response(group: str, checked: batch.Checked) -> dict[str, Any]:
    return {
        "group": group,
        "created": len(checked.missing),
        "existing": len(checked.existing),
        "differing": checked.differing,
        "retired": checked.retired,
        "skipped": [fault._asdict() for fault in checked.faults],
    }


def _existing(checked: batch.Checked) -> str:
    return f", {work.number(len(checked.existing))} exist already" if checked.existing else ""


def _would(form: str, group: str, checked: batch.Checked) -> int:
    line = f'Would add {work.number(len(checked.missing))} devices to group "{group}"{_existing(checked)}'
    output.done(form, [line], {**_response(group, checked), "dryRun": True})
    for text in _notes(checked):
        output.note(text)
    return PARTLY_DONE if checked.faults else GOOD


def _say(form: str, group: str, checked: batch.Checked, made: batch.Made) -> None:
    if checked.missing:
        lines = [f'Added {work.number(len(checked.missing))} devices to group "{group}"{_existing(checked)}']
    else:
        lines = [f"{work.number(len(checked.existing))} exist already, nothing to do"]
    name = made.batch.name if made.batch else None
    if name:
        lines.append(f"Batch {name}: {made.folder}")
    folder = str(made.folder) if made.folder else None
    output.done(form, lines, {**_response(group, checked), "batch": name, "folder": folder})
    for text in _notes(checked):
        output.note(text)


@click.command()
@options.home_option
@output.output_option
def batches(home: Path, form: str) -> None:
    """List the batches: what was asked for at once, and how much of it is made.

    The folder of each is HOME/batches/BATCH. One that is open was stopped: the command that began it goes on.
    """
    with options.reading(home) as registry:
        rows = _rows(home, registry)
    columns = {"batch": "batch", "group": "group", "devices": "devices", "of": "of", "state": "state"}
    output.listing(form, columns, rows, "there are no batches yet: make one with `muster add devices`")


def _rows(home: Path, registry: Registry) -> list[dict[str, Any]]:
    return [
        {
            "batch": one.name,
            "group": one.group,
            "devices": made,
            "of": one.size,
            "state": one.state,
            "created": output.utc(one.created_s),
            "folder": str(folder) if (folder := batch_folder.path_of(home, one)).exists() else None,
        }
        for one, made in registry.batches.all()
    ]
