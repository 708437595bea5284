"""What goes with a device or a group that is deleted, and deleting it."""

from muster.fleet import devices, groups
from muster.registry import Registry
from muster.registry.certificates import REVOKED


def live_certificates(registry: Registry, device: str) -> list[str]:
    """The ids of the certificates of a device that are not revoked, oldest first."""
    found = registry.certificates.of_thing(device)
    return [one.certificate_id for one in found if one.status != REVOKED]


def delete_device(registry: Registry, name: str) -> None:
    """Delete a device with its history and its thing, and revoke its certificates: it is refused from now on.

    Raises MusterError when there is none.
    """
    with registry.transaction():
        devices.existing(registry, name)
        registry.certificates.revoke_of_thing(name)
        registry.things.delete(name)
        registry.devices.delete(name)


def delete_group(registry: Registry, name: str) -> None:
    """Delete a group with its devices, as `delete_device` does each. All of it or nothing.

    Raises MusterError when there is no such group.
    """
    with registry.transaction():
        groups.existing(registry, name)
        for device in registry.devices.all(group=name):
            delete_device(registry, device.name)
        registry.groups.delete(name)
