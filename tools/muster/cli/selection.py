"""Which devices a command is about: named ones, a group, a batch, or all."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import click
from click.core import ParameterSource

from muster.cli import options, output
from muster.errors import MusterError
from muster.fleet import devices as fleet_devices
from muster.fleet import groups, names
from muster.registry import Registry
from muster.registry.fleet import RETIRED, Device

_F = TypeVar("_F", bound=Callable[..., Any])


class Selection(NamedTuple):
    """What the command line says: names, or one of the others."""

    names: tuple[str, ...]
    group: str | None
    batch: str | None
    everything: bool


def device_options(function: _F) -> _F:
    """DEVICE..., --group, --batch, --all, as the parameters devices, group, batch, everything."""
    for decorate in (
        click.option("--all", "everything", is_flag=True, help="Every device of the registry."),
        click.option(
            "--batch",
            metavar="BATCH",
            shell_complete=options.complete_batch,
            help="The devices that this batch created.",
        ),
        options.group_option(required=False),
        click.argument(
            "devices",
            nargs=-1,
            metavar="[DEVICE]...",
            help="Names of devices.",
            callback=lambda _, __, value: tuple(names.check(name, "device") for name in value),
            shell_complete=options.complete_device,
        ),
    ):
        function = decorate(function)
    return function


def selection(
    devices: tuple[str, ...], group: str | None, batch: str | None, everything: bool
) -> Selection | None:
    """What was chosen, or None when nothing was. A group that only the profile names does not count.

    Raises click.UsageError for two choices at once.
    """
    source = click.get_current_context().get_parameter_source("group")
    if source in (ParameterSource.DEFAULT, ParameterSource.DEFAULT_MAP):
        group = None
    ways = [bool(devices), group is not None, batch is not None, everything]
    if sum(ways) > 1:
        raise click.UsageError("Choose devices in one way: by DEVICE, --group, --batch or --all.")
    return Selection(devices, group, batch, everything) if any(ways) else None


def chosen(registry: Registry, wanted: Selection) -> tuple[list[Device], int]:
    """The devices, in the order they were named or added, and how many retired ones were left out.

    Raises MusterError when a named device does not exist or is retired, and when there are none at all.
    """
    if wanted.names:
        found = [fleet_devices.existing(registry, name) for name in dict.fromkeys(wanted.names)]
        for device in found:
            if device.state == RETIRED:
                raise MusterError(
                    f"the device {device.name!r} is retired; choose another one, or use `muster reinstate"
                    f" device {device.name}`"
                )
        return found, 0
    if wanted.group is not None:
        groups.existing(registry, wanted.group)
    everyone = registry.devices.all(wanted.group, wanted.batch)
    found = [device for device in everyone if device.state != RETIRED]
    if not found:
        raise MusterError(_none(wanted, len(everyone)))
    return found, len(everyone) - len(found)


def _none(wanted: Selection, retired: int) -> str:
    if retired:
        return (
            f"every one of the {output.counted(retired, 'chosen device')} is retired; there is nothing to do"
        )
    if wanted.batch is not None:
        return f"the batch {wanted.batch!r} has no devices; `muster batches` lists the batches"
    where = f"the group {wanted.group!r}" if wanted.group else "the registry"
    group = wanted.group or "GROUP"
    return f"there are no devices in {where} yet; create them with `muster add device -g {group} NAME`"
