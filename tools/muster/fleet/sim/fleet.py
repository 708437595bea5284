"""Which devices a simulated fleet has: numbered ones, or those of a group with their enrolment keys."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from device.core import fields, paths, settings, topics
from device.core.failures import Failure
from muster import image
from muster.enrolment import secrets
from muster.errors import WRONG_USE, MusterError
from muster.fleet import groups
from muster.fleet.sim.run import Device
from muster.registry import Registry
from muster.registry.fleet import CREATED

PREFIX = "sim"


@dataclass(frozen=True)
class Cloud:
    """Where the boards go, and what they claim with: flash path -> PEM."""

    endpoint: str
    port: int
    claim: Mapping[str, bytes]
    template: str = topics.DEFAULT_TEMPLATE
    key_mode: str = fields.KEYS_DEVICE
    topic_prefix: str = topics.DEFAULT_PREFIX


def check(cloud: Cloud) -> None:
    """Raises MusterError (wrong use) when the boards would refuse these settings: endpoint, template."""
    try:
        settings.read(_device(cloud, f"{PREFIX}-1").files[paths.CONF])
    except Failure as failure:
        cause = failure.cause.removeprefix(f"{paths.CONF}: ")
        raise MusterError(f"a board refuses these settings: {cause}", WRONG_USE) from failure


def credentials(claim: Path, ca: Path) -> dict[str, bytes]:
    """The claim credentials of a folder and the root CA. Raises MusterError when one is missing or wrong."""
    return image.read_claim(claim, ca)


def numbered(cloud: Cloud, count: int) -> list[Device]:
    """sim-1 to sim-COUNT."""
    return [_device(cloud, f"{PREFIX}-{number}") for number in range(1, count + 1)]


def of_group(cloud: Cloud, registry: Registry, home: Path, group: str, count: int | None) -> list[Device]:
    """The first `count` devices of a group (None: all) that are not provisioned yet.

    Raises MusterError when there is no such group, or no such device in it.
    """
    secret = secrets.Vault(home).unlock(groups.existing(registry, group).secret)
    waiting = [device for device in registry.devices.all(group) if device.state == CREATED]
    if not waiting:
        raise MusterError(
            f"no device of the group {group!r} waits for its certificate: add some with `muster add device"
            f" -g {group} NAME`, or let them start again with `muster deprovision`"
        )
    return [
        _device(cloud, device.name, secrets.enrolment_key(secret, device.name), device.parameters)
        for device in waiting[:count]
    ]


def _device(
    cloud: Cloud,
    name: str,
    enrolment_key: bytes | None = None,
    parameters: Mapping[str, str] | None = None,
) -> Device:
    provisioning: dict[str, Any] = {fields.TEMPLATE: cloud.template, fields.KEYS: cloud.key_mode}
    if enrolment_key is not None:
        provisioning[fields.ENROLMENT_KEY] = enrolment_key.hex()
    if parameters:
        provisioning[fields.PARAMETERS] = dict(parameters)
    conf = {
        fields.DEVICE: {
            fields.SERIAL_ID: name,
            fields.ENDPOINT_URL: cloud.endpoint,
            fields.PROVISION_STATUS: fields.FALSE,
        },
        fields.MQTT: {fields.PORT: cloud.port, fields.TOPIC_PREFIX: cloud.topic_prefix},
        fields.PROVISIONING: provisioning,
    }
    return Device(name, {**cloud.claim, paths.CONF: json.dumps(conf).encode()})
