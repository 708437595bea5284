"""Devices, one at a time: created and looked up."""

import difflib

from muster.errors import NO_DEVICE, MusterError
from muster.fleet import claim_ids, groups, names
from muster.registry import Registry
from muster.registry.fleet import CREATED, Device


def existing(registry: Registry, name: str) -> Device:
    """The device of this name. Raises MusterError (no device), with the nearest name, when there is none."""
    device = registry.devices.get(names.check(name, "device"))
    if device is None:
        every = registry.devices.names()
        alike = [other for other in every if names.key(other) == names.key(name)]
        near = alike or difflib.get_close_matches(name, every, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"create it with `muster add device -g GROUP {name}`"
        raise MusterError(
            f"there is no device {name!r}: {hint} (list them with `muster get devices`)", NO_DEVICE
        )
    return device


def add(
    registry: Registry, group: str, name: str, now_s: float, dry_run: bool = False
) -> tuple[Device, bool]:
    """Add a device to a group; the device, and whether it is new (one that exists stays as it is).

    A dry run checks everything and writes nothing.
    Raises MusterError when there is no such group, or the device is in another one.
    """
    names.check(name, "device")
    with registry.transaction():
        groups.existing(registry, group)
        there = registry.devices.get(name)
        if there is not None and there.group != group:
            raise MusterError(
                f"device {name!r} exists already, in group {there.group!r}: choose another name, or delete it"
                f" first with `muster delete device {name}`"
            )
        if there is not None:
            return there, False
        alike = [other for other in registry.devices.names() if names.key(other) == names.key(name)]
        if alike:
            raise MusterError(
                f"device {name!r} exists already as {alike[0]!r}: names must differ in more than case"
            )
        device = Device(name, group, claim_ids.new(registry.devices), CREATED, {}, now_s)
        if not dry_run:
            registry.devices.add([device])
            registry.devices.note(name, "created", f"in group {group}", now_s)
    return device, True
