"""`muster add devices` and `muster batches`."""

import time
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from muster import cloud
from muster.cli import options, output, work
from muster.cloud import Deed
from muster.errors import GOOD, PARTLY_DONE, MusterError
from muster.fleet import batch, batch_folder, groups, sheet
from muster.fleet.numbered import Numbered
from muster.registry import Registry

_NEXT = "next"


class _Start(click.ParamType):
    """A number, or `next`, which is None."""

    name = "start"
    _number = click.IntRange(0, 999_999_999_999)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | None:
        """See click.ParamType."""
        return None if value == _NEXT else self._number.convert(value, param, ctx)


@click.command()
@options.group_option(required=True)
@click.option(
    "--count", type=click.IntRange(1, 1_000_000), help="How many numbered devices to add: P1, P2, ..."
)
@click.option("--prefix", metavar="P", help="Beginning of the names.  [default: GROUP-]")
@click.option(
    "--start",
    type=_Start(),
    default=1,
    show_default=True,
    metavar="N|next",
    help="The first number; next: the one after the highest that exists.",
)
@click.option(
    "--digits",
    type=click.IntRange(1, 12),
    default=1,
    show_default=True,
    help="Least number of digits: 4 makes P0001.",
)
@click.option(
    "--from-file",
    "source",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    help="File with one name per line, or CSV: its first column is `name`, others are template parameters;"
    " `-` reads standard input.",
)
@click.option("--skip-bad", is_flag=True, help="Leave out invalid lines; the exit code is then 3.")
@click.option("--secrets", is_flag=True, help="Write the enrolment keys into the batch folder (mode 0600).")
@options.home_option
@options.dry_run_option
@output.output_option
def devices(
    group: str,
    count: int | None,
    prefix: str | None,
    start: int | None,
    digits: int,
    source: Path | None,
    skip_bad: bool,
    secrets: bool,
    home: Path,
    dry_run: bool,
    form: str,
) -> int:
    """Add many devices to a group.

    All names are checked before anything is added. Whatever stops it (Ctrl-C, a full disk, a power cut), the
    same command continues where it stopped. When all are there, it changes nothing (with --start next, it
    adds the next ones). A folder in HOME/batches lists what was added.
    """
    asked = _asked(group, count, prefix, digits, source)
    make = cloud.choose(options.profile_endpoint(), home, Deed.CREATE, group)
    with options.reading(home) as registry:
        groups.existing(registry, group)
        checked = batch.check(registry, group, _wanted(registry, group, asked, start))
        if checked.faults and not (skip_bad and checked.wanted):
            _refuse(checked, f"--count {count}" if source is None else sheet.called(source))
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


def _asked(
    group: str, count: int | None, prefix: str | None, digits: int, source: Path | None
) -> Numbered | sheet.Sheet:
    """What the options ask for, by itself."""
    if count is not None and source is None:
        return Numbered(f"{group}-" if prefix is None else prefix, count, digits)
    if source is None or count is not None:
        raise click.UsageError("Use either --count N or --from-file FILE.")
    given = click.get_current_context().get_parameter_source
    for option in ("prefix", "start", "digits"):
        if given(option) is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"--{option} belongs to --count; a file gives whole names.")
    read = sheet.read(source)
    batch.check_columns(read.columns, source)
    if not (read.rows or read.faults):
        raise MusterError(f"{sheet.called(source)} names no device; nothing was changed")
    return read


def _wanted(registry: Registry, group: str, asked: Numbered | sheet.Sheet, start: int | None) -> sheet.Sheet:
    if isinstance(asked, sheet.Sheet):
        return asked
    return asked.sheet(asked.following(registry, group) if start is None else start)


def _refuse(checked: batch.Checked, source: str) -> None:
    rest = ", or use --skip-bad to add the rest" if checked.wanted else ""
    sheet.refuse(source, checked.faults, f"{sheet.fix(checked.faults)}{rest}.")


def _notes(checked: batch.Checked) -> list[str]:
    """What a person should know beside the counts."""
    notes = []
    if checked.differing:
        notes.append(f"left as they are: {_devices(checked.differing)} with other parameters")
    if checked.retired:
        notes.append(f"left as they are: {output.counted(checked.retired, 'retired device')}")
    if checked.faults:
        notes.append(f"left out {sheet.invalid(checked.faults)}\n{sheet.listed(checked.faults)}")
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


def _devices(count: int) -> str:
    return output.counted(count, "device")


def _existing(checked: batch.Checked) -> str:
    count = len(checked.existing)
    return f", {output.number(count)} exist{'s' * (count == 1)} already" if count else ""


def _would(form: str, group: str, checked: batch.Checked) -> int:
    line = f'Would add {_devices(len(checked.missing))} to group "{group}"{_existing(checked)}'
    output.done(form, [line], {**_response(group, checked), "dryRun": True})
    for text in _notes(checked):
        output.note(text)
    return PARTLY_DONE if checked.faults else GOOD


def _say(form: str, group: str, checked: batch.Checked, made: batch.Made) -> None:
    if checked.missing:
        lines = [f'Added {_devices(len(checked.missing))} to group "{group}"{_existing(checked)}']
    else:
        lines = [f"{_existing(checked).removeprefix(', ')}; nothing to do"]
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
    """List the batches, with how many of their devices exist.

    The folder of each is HOME/batches/BATCH. A batch in the state open was stopped; run the same command
    again to continue it.
    """
    with options.reading(home) as registry:
        rows = _rows(home, registry)
    columns = {"batch": "batch", "group": "group", "devices": "devices", "of": "of", "state": "state"}
    output.listing(form, columns, rows, "there are no batches yet: create one with `muster add devices`")


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
