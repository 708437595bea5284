"""The folder of a batch: what the people who build, flash and label its devices need.

    batches/NAME/manifest.csv   name, group, claim ID, parameters, state; `muster apply` takes it too
                 names.txt      one name per line
                 secrets.csv    the enrolment keys, only when they were asked for
                 README         what this is

Every file is its owner's alone (a claim ID is as good as the device) and is replaced whole.
"""

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from device.core import fields
from muster.enrolment.secrets import Vault, enrolment_key
from muster.files import forget_parts, write_private
from muster.fleet import claim_ids, sheet
from muster.registry import BATCHES, Registry
from muster.registry.batches import Batch
from muster.registry.fleet import Device

MANIFEST = "manifest.csv"
NAMES = "names.txt"
SECRETS = "secrets.csv"
README = "README"

GROUP = "group"
CLAIM_ID = "claim ID"
STATE = "state"


def path_of(home: Path, batch: Batch) -> Path:
    """The folder of a batch, whether it is there or not."""
    return home / BATCHES / batch.name


def write(home: Path, registry: Registry, batch: Batch, secrets: bool) -> Path:
    """Bring the folder of a batch up to date with the registry; the folder.

    Enrolment keys are written when `secrets`, and kept up to date once they were.
    Raises MusterError when it cannot be written.
    """
    folder = path_of(home, batch)
    devices = registry.devices.all(batch=batch.name)
    _write(folder / NAMES, "".join(f"{device.name}\n" for device in devices))
    _write(folder / MANIFEST, _manifest(devices))
    if secrets or (folder / SECRETS).exists():
        _write(folder / SECRETS, _secrets(home, registry, devices))
    _write(folder / README, _readme(batch, len(devices)))
    forget_parts(folder)
    return folder


def _write(path: Path, text: str) -> None:
    content = text.encode()
    if not (path.exists() and path.read_bytes() == content):
        write_private(path, content)


def _csv(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def _manifest(devices: list[Device]) -> str:
    titles = sorted({title for device in devices for title in device.parameters})
    return _csv(
        (sheet.NAME, GROUP, CLAIM_ID, *titles, STATE),
        (
            (
                device.name,
                device.group,
                claim_ids.shown(device.claim_id),
                *(device.parameters.get(title, "") for title in titles),
                device.state,
            )
            for device in devices
        ),
    )


def group_secrets(home: Path, registry: Registry) -> dict[str, str]:
    """The secret of each group. Raises MusterError when the key of the registry is lost or another one."""
    vault = Vault(home)
    return {group.name: vault.unlock(group.secret) for group, _ in registry.groups.all()}


def _secrets(home: Path, registry: Registry, devices: list[Device]) -> str:
    found = group_secrets(home, registry)
    rows = ((device.name, enrolment_key(found[device.group], device.name).hex()) for device in devices)
    return _csv((sheet.NAME, fields.ENROLMENT_KEY), rows)


def _readme(batch: Batch, count: int) -> str:
    noun = "device" if count == 1 else "devices"
    return (
        f"Batch {batch.name}: {count} {noun}, created for group {batch.group}. {MANIFEST} says what is known"
        f" of each, {NAMES} names them. The command that created this folder brings it up to date; --secrets"
        f" adds {SECRETS}, one enrolment key per device, to be kept as safe as the boards.\n"
    )
