"""Many devices at once: checked first, then created, and continued after whatever stopped it.

The registry is the journal. A batch is found again by the digest of what was asked for, so that the same
command continues where it stopped, on another machine with the same home as well.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from muster.boards import OWN_PARAMETERS
from muster.cloud import Cloud, Wanted
from muster.errors import PARTLY_DONE, WRONG_USE, MusterError
from muster.fleet import batch_folder, names, sheet
from muster.fleet.sheet import Fault, Sheet
from muster.registry import Registry
from muster.registry.batches import DONE, Batch
from muster.registry.fleet import RETIRED, Device

_OF_A_FLEET_SHEET = {batch_folder.GROUP, batch_folder.CLAIM_ID.casefold(), batch_folder.STATE}
_SHOWN = 3  # names in a sentence


class Checked(NamedTuple):
    """What was asked for, held against the registry."""

    wanted: list[Wanted]  # the good ones, in their order
    missing: list[Wanted]  # of these, what is to be created
    existing: list[Device]  # of these, what is in the group already
    faults: list[Fault]

    @property
    def retired(self) -> int:
        """How many of the existing ones are retired."""
        return sum(device.state == RETIRED for device in self.existing)

    @property
    def differing(self) -> int:
        """How many of the existing ones have other parameters than those asked for."""
        asked = {one.name: one.parameters for one in self.wanted}
        return sum(device.parameters != asked[device.name] for device in self.existing)


class Made(NamedTuple):
    """What became of a batch: itself and its folder; None when there is none and nothing was missing."""

    batch: Batch | None
    folder: Path | None


def check_columns(columns: Sequence[str], path: Path) -> None:
    """Raises MusterError (wrong use) when a column cannot be a template parameter."""
    for title in columns:
        if title.casefold() in _OF_A_FLEET_SHEET:
            raise MusterError(
                f"{sheet.called(path)}: the column {title!r} belongs to a fleet sheet: use"
                f" `muster apply {path}`, or take it out",
                WRONG_USE,
            )
        check_parameter(title, path)


def check_parameter(title: str, path: Path) -> None:
    """Raises MusterError (wrong use) when the board gives the parameter `title` itself."""
    if title in OWN_PARAMETERS:
        raise MusterError(
            f"{sheet.called(path)}: the board itself gives the parameter {title!r}: take the column out",
            WRONG_USE,
        )


def check(registry: Registry, group: str, wanted_sheet: Sheet) -> Checked:
    """Hold what was asked for against the registry, which stays as it is."""
    known = {names.key(device.name): device for device in registry.devices.all()}
    checked = Checked([], [], [], list(wanted_sheet.faults))
    for row in wanted_sheet.rows:
        there = known.get(names.key(row.name))
        wanted = Wanted(row.name, row.cells)
        wrong = None if there is None else _conflict(row.name, group, there)
        if wrong:
            checked.faults.append(Fault(row.line, wrong))
            continue
        checked.wanted.append(wanted)
        if there is None:
            checked.missing.append(wanted)
        else:
            checked.existing.append(there)
    return checked


def _conflict(name: str, group: str, there: Device) -> str | None:
    """Why `name` cannot be in `group` beside `there`, which has that name in some case; or None."""
    if there.name != name:
        return f"{name} exists already as {there.name}: names must differ in more than case"
    return f"{name} exists already, in group {there.group}" if there.group != group else None


def digest(group: str, wanted: Sequence[Wanted]) -> str:
    """The same for the same devices in the same order with the same parameters."""
    text = json.dumps([group, wanted], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def create(
    registry: Registry,
    cloud: Cloud,
    home: Path,
    group: str,
    checked: Checked,
    now_s: float,
    secrets: bool,
    advance: Callable[[int], None],
) -> Made:
    """Create what is missing, then write the folder; `advance` is told how many more are there.

    May be stopped anywhere: calling it again continues. Raises MusterError when cloud or disk fail.
    """
    source = digest(group, checked.wanted)
    batch = registry.batches.of_source(source)
    if checked.missing:
        batch = registry.batches.open(group, source, len(checked.missing), now_s)
        for made in cloud.create(batch, checked.missing):
            advance(made)
        _verify(registry, group, checked.missing)
    if batch is None:
        return Made(None, None)
    folder = batch_folder.write(home, registry, batch, secrets)
    if batch.state != DONE:
        registry.batches.finish(batch.name)
    return Made(batch, folder)


def _verify(registry: Registry, group: str, missing: Sequence[Wanted]) -> None:
    """Somebody else may have added one of the names to another group, or deleted one, meanwhile."""
    there = {device.name for device in registry.devices.all(group=group)}
    lost = [one.name for one in missing if one.name not in there]
    if lost:
        shown = ", ".join(lost[:_SHOWN]) + f" and {len(lost) - _SHOWN} more" * (len(lost) > _SHOWN)
        raise MusterError(
            f"not in group {group}, because another command moved or deleted them: {shown}", PARTLY_DONE
        )
