"""`muster get groups|devices|device` and `muster find`: what the registry knows."""

from pathlib import Path
from typing import Any

import click

from device.core import fields
from muster import cloud
from muster.cli import options, output
from muster.cloud import Deed
from muster.fleet import claim_ids, devices
from muster.registry import Registry
from muster.registry.fleet import CREATED, PROVISIONED, RETIRED, Device


@click.command()
@options.home_option
@output.output_option
def groups(home: Path, form: str) -> None:
    """List the groups, with the number of their devices and the dates of their secrets."""
    with options.reading(home) as registry:
        provisioned: dict[str, int] = {}
        for device in registry.devices.all():
            provisioned[device.group] = provisioned.get(device.group, 0) + (device.state == PROVISIONED)
        rows = [
            {
                "name": group.name,
                "devices": count,
                "provisioned": provisioned.get(group.name, 0),
                "createdAt": output.utc(group.created_s),
                "secretMadeAt": output.utc(group.refreshed_s),
            }
            for group, count in registry.groups.all()
        ]
    columns = {
        "name": "group",
        "devices": "devices",
        "provisioned": "provisioned",
        "createdAt": "created",
        "secretMadeAt": "secret created",
    }
    output.listing(form, columns, rows, f"no groups yet: create one with `{output.program()} add group NAME`")
    options.note_only_here(home, Deed.LOOK)


@click.command(name="devices")
@options.group_option(required=False)
@click.option(
    "--state", type=click.Choice([CREATED, PROVISIONED, RETIRED]), help="Only devices in this state."
)
@click.option("--last-boot", is_flag=True, help="Show when each device last published its boot status.")
@options.home_option
@output.output_option
def list_devices(group: str | None, state: str | None, last_boot: bool, home: Path, form: str) -> None:
    """List the devices, of all groups or of one, in the order they were created."""
    from muster.fleet import groups as fleet_groups

    with options.reading(home) as registry:
        if group is not None:
            fleet_groups.existing(registry, group)
        boots = _cloud(registry, home).last_boots()
        devices = [one for one in registry.devices.all(group) if state in (None, one.state)]
    rows = [{**_row(device), "lastBootAt": _moment(boots.get(device.name))} for device in devices]
    columns = {
        "name": "device",
        "group": "group",
        "state": "state",
        "claimId": "claim id",
        "createdAt": "created",
        "batch": "batch",
        **({"lastBootAt": "last boot"} if last_boot else {}),
    }
    where = group or "GROUP"
    empty = f"no devices yet: create one with `{output.program()} add device -g {where} NAME`"
    if state is not None:
        empty = f"there are no devices in the state {state}"
    output.listing(form, columns, rows, empty)
    options.note_only_here(home, Deed.LOOK)


def _cloud(registry: Registry, home: Path) -> cloud.Cloud:
    return cloud.choose(options.profile_endpoint(), home, Deed.LOOK, "")(registry, home)


def _moment(unix_s: float | None) -> str | None:
    return None if unix_s is None else output.utc(unix_s)


def _row(device: Device) -> dict[str, Any]:
    return {
        "name": device.name,
        "group": device.group,
        "state": device.state,
        "claimId": claim_ids.shown(device.claim_id),
        "createdAt": output.utc(device.created_s),
        "batch": device.batch,
        fields.PARAMETERS: device.parameters,
    }


@click.command()
@options.name_argument("device", "NAME")
@options.home_option
@output.output_option
def device(name: str, home: Path, form: str) -> None:
    """Show one device: its state, its certificates and its history."""
    with options.reading(home) as registry:
        facts = _row(devices.existing(registry, name))
        where = _cloud(registry, home)
        certificates = _certificates(where, name)
        facts["lastBootAt"] = _moment(where.last_boots().get(name))
        history = [
            {"at": output.utc(event.at_s), "event": event.event, "detail": event.detail}
            for event in registry.devices.history(name)
        ]
    options.note_only_here(home, Deed.LOOK)
    if form == output.JSON:
        output.result({**facts, "certificates": certificates, "history": history})
        return
    shown = [
        {"what": "device", "value": facts["name"]},
        {"what": "group", "value": facts["group"]},
        {"what": "state", "value": facts["state"]},
        {"what": "claim id", "value": facts["claimId"]},
        {"what": "created", "value": facts["createdAt"]},
        {"what": "batch", "value": facts["batch"]},
        {"what": "last boot", "value": facts["lastBootAt"]},
        *({"what": key, "value": value} for key, value in facts[fields.PARAMETERS].items()),
        *(
            {"what": "certificate", "value": f"{one['id']} {one['status']}, ends {one['endsAt']}"}
            for one in certificates
        ),
        *({"what": event["at"], "value": f"{event['event']}: {event['detail']}"} for event in history),
    ]
    output.listing(form, {"what": "what", "value": "value"}, shown, "")


def _certificates(where: cloud.Cloud, name: str) -> list[dict[str, Any]]:
    return [
        {
            "id": one.certificate_id,
            "status": one.status,
            "createdAt": output.utc(one.created_s),
            "endsAt": output.utc(one.not_after_s),
        }
        for one in where.certificates(name)
    ]


@click.command()
@click.argument(
    "claim_id", metavar="CLAIM-ID", help="As on the label; dashes, spaces and case do not matter."
)
@options.home_option
@output.output_option
def find(claim_id: str, home: Path, form: str) -> None:
    """Find a device by the claim ID on its label.

    O counts as 0, and I and L count as 1. If one symbol is wrong, the error says which.
    """
    with options.reading(home) as registry:
        name = claim_ids.find(registry.devices, claim_id)
        facts = _row(devices.existing(registry, name))
    if form == output.PLAIN:
        output.listing(form, {"name": "device", "group": "group", "state": "state"}, [facts], "")
    else:
        line = f"{facts['claimId']} is {name} in group {facts['group']}, {facts['state']}"
        output.done(form, [line], facts)
    options.note_only_here(home, Deed.LOOK)
