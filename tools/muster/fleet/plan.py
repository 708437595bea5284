"""A fleet sheet held against the registry: what would have to change, and changing it.

The sheet is a table with the columns name and group, any template parameters, and state and claim ID if
wanted (so a manifest is a sheet). The registry is the journal: what is done is not in the next plan any more.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from muster.cloud import Cloud, Wanted
from muster.errors import WRONG_USE, MusterError
from muster.fleet import batch, claim_ids, names, steps
from muster.fleet.batch_folder import CLAIM_ID, GROUP, STATE
from muster.fleet.sheet import Fault, Row, Sheet, called
from muster.registry import Registry
from muster.registry.fleet import CREATED, PROVISIONED, RETIRED, Device

CREATE = "create"
MOVE = "move"
CHANGE = "change"
RETIRE = "retire"
ACTIONS = (CREATE, MOVE, CHANGE, RETIRE)


class Change(NamedTuple):
    """One thing to do with a device, which then is in `group` and has `parameters`."""

    action: str
    name: str
    group: str
    parameters: dict[str, str]
    detail: str


class Plan(NamedTuple):
    """What the sheet asks for."""

    wanted: dict[str, list[Wanted]]  # by group: all devices of the sheet that are to be in service
    new_groups: list[str]
    changes: list[Change]  # in the order of ACTIONS, then of the sheet
    unchanged: int
    not_in_sheet: list[str]  # left alone
    retired: list[str]  # in the sheet as if in service, but retired in the registry: left alone
    faults: list[Fault]

    def count(self, action: str) -> int:
        """How many changes are of this kind."""
        return sum(change.action == action for change in self.changes)


class _Columns:
    """Which column of a sheet is what."""

    def __init__(self, columns: Sequence[str], path: Path) -> None:
        self._special = {title.casefold(): title for title in columns}
        if GROUP not in self._special:
            raise MusterError(
                f"{called(path)}: a fleet sheet has the columns name and group: add the group", WRONG_USE
            )
        special = (GROUP, STATE, CLAIM_ID.casefold())
        self.parameters = [title for title in columns if title.casefold() not in special]
        for title in self.parameters:
            batch.check_parameter(title, path)

    def cell(self, row: Row, title: str) -> str:
        """The cell below `title`, in whatever case the sheet has it; empty when there is none."""
        return row.cells.get(self._special.get(title.casefold(), ""), "")


def make(registry: Registry, sheet: Sheet, path: Path, retire_missing: bool) -> Plan:
    """Hold `sheet` (read from `path`) against the registry, which stays as it is.

    Raises MusterError (wrong use) when the columns are no good; wrong lines are in the plan's faults.
    """
    columns = _Columns(sheet.columns, path)
    known = {names.key(device.name): device for device in registry.devices.all()}
    plan = Plan({}, [], [], 0, [], [], list(sheet.faults))
    unchanged = 0
    for row in sheet.rows:
        there = known.pop(names.key(row.name), None)
        wrong = _wrong(columns, row, there)
        if wrong:
            plan.faults.append(Fault(row.line, wrong))
        elif not _plan_row(plan, columns, row, there):
            unchanged += 1
    _plan_missing(plan, [device for device in known.values() if device.state != RETIRED], retire_missing)
    existing = {group.name for group, _ in registry.groups.all()}
    plan.new_groups.extend(name for name in plan.wanted if name not in existing)
    plan.changes.sort(key=lambda change: ACTIONS.index(change.action))
    return plan._replace(unchanged=unchanged)


def _wrong(columns: _Columns, row: Row, there: Device | None) -> str | None:
    if there is not None and there.name != row.name:
        return f"{row.name} exists already as {there.name}: names must differ in more than case"
    group = columns.cell(row, GROUP)
    fault = names.fault(group, GROUP)
    if fault:
        return f"the group {group!r} {fault}" if group else "the group is missing"
    state = columns.cell(row, STATE)
    if state not in ("", CREATED, PROVISIONED, RETIRED):
        return f"the state {state!r} is unknown: leave it empty, or write {RETIRED}"
    shown = columns.cell(row, CLAIM_ID)
    actual = claim_ids.shown(there.claim_id) if there else None
    if shown and shown != actual:
        return f"the claim ID {shown} is not that of {row.name}" + (
            f", which is {actual}" if actual else " (new)"
        )
    return None


def _plan_row(plan: Plan, columns: _Columns, row: Row, there: Device | None) -> bool:
    """Add what a good row asks for to the plan; whether that is anything."""
    group = columns.cell(row, GROUP)
    before = len(plan.changes)
    if columns.cell(row, STATE) == RETIRED:
        if there is not None and there.state != RETIRED:
            plan.changes.append(_retire(there, "the sheet says so"))
        return len(plan.changes) > before
    if there is not None and there.state == RETIRED:
        plan.retired.append(row.name)
        return True
    given = {title: row.cells[title] for title in columns.parameters if title in row.cells}
    plan.wanted.setdefault(group, []).append(Wanted(row.name, given))
    if there is None:
        plan.changes.append(Change(CREATE, row.name, group, given, ""))
        return True
    others = {title: text for title, text in there.parameters.items() if title not in columns.parameters}
    parameters = {**others, **given}
    if there.group != group:
        plan.changes.append(Change(MOVE, row.name, group, parameters, f"from {there.group}"))
    if there.parameters != parameters:
        detail = _difference(there.parameters, parameters)
        plan.changes.append(Change(CHANGE, row.name, group, parameters, detail))
    return len(plan.changes) > before


def _plan_missing(plan: Plan, missing: list[Device], retire_missing: bool) -> None:
    if retire_missing:
        plan.changes.extend(_retire(device, "not in the sheet") for device in missing)
    else:
        plan.not_in_sheet.extend(device.name for device in missing)


def _retire(device: Device, why: str) -> Change:
    return Change(RETIRE, device.name, device.group, device.parameters, why)


def _difference(old: dict[str, str], new: dict[str, str]) -> str:
    titles = sorted(title for title in {**old, **new} if old.get(title) != new.get(title))
    return ", ".join(f"{title}: {old.get(title, 'none')} -> {new.get(title, 'none')}" for title in titles)


def carry_out(
    registry: Registry,
    cloud: Cloud,
    changes: Sequence[Change],
    now_s: float,
    advance: Callable[[int], None],
) -> None:
    """Move, change and retire (to create is batch.create's); `advance` is told how many more are done."""

    def do(change: Change) -> None:
        devices = registry.devices
        if devices.get(change.name) is None:
            return  # somebody else deleted it meanwhile
        if change.action == RETIRE:
            cloud.retire(change.name)
        elif change.action == MOVE:
            devices.move(change.name, change.group)
            devices.note(change.name, "moved", f"{change.detail} to {change.group}", now_s)
        else:
            devices.set_parameters(change.name, change.parameters)
            devices.note(change.name, "changed", change.detail, now_s)

    for done in steps.in_short_transactions(registry, changes, do):
        advance(done)
