"""What the flash images of many devices hold: each its own name, keys and labels' codes.

The program, the claim credentials and the networks are the same on all of them; ento.conf, device.json
and web.json are a device's own. Nothing random and no time goes in: the same registry and the same
options give the same bytes, whoever builds them, in any order.
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from device.core import board_config, fields, paths
from muster import image
from muster import web_password as web_passwords
from muster.enrolment import secrets
from muster.errors import MusterError
from muster.fleet import claim_ids, names
from muster.registry import Registry
from muster.registry.fleet import Device

_WEB_PASSWORD = b"muster web password 1"
_WEB_SALT = b"muster web salt 1"


class Recipe(NamedTuple):
    """What all images of one run have in common.

    `files`: {path on flash: content} of program, claim credentials, networks and additions.
    `conf`: ento.conf without a serial.
    `about`, `web`: what device.json and web.json hold beside a device's own values.
    """

    board: str
    files: dict[str, bytes]
    conf: dict[str, Any]
    about: dict[str, Any]
    web: dict[str, Any]
    uf2: bool = False


class Job(NamedTuple):
    """One image: the device's own files, and where the image goes."""

    device: str
    files: dict[str, bytes]
    path: Path


def web_password(enrolment_key: bytes) -> str:
    """The password of a device's own web page: xxxx-xxxx-xxxx, 60 bits.

    It follows from the enrolment key, so it is stored nowhere on the host (on the board: a hash), and is the
    same on every label of the device, until the group's secret is refreshed.
    """
    number = int.from_bytes(hmac.digest(enrolment_key, _WEB_PASSWORD, hashlib.sha256)[:8], "big")
    return web_passwords.spelled(number)


def enrolment_keys(registry: Registry, vault: secrets.Vault, devices: Iterable[Device]) -> dict[str, bytes]:
    """{name of device: its enrolment key}. The groups' secrets stay here."""
    opened: dict[str, str] = {}
    found = {}
    for device in devices:
        if device.group not in opened:
            group = registry.groups.get(device.group)
            if group is None:
                raise MusterError(f"the group {device.group} was deleted meanwhile: run the command again.")
            opened[device.group] = vault.unlock(group.secret)
        found[device.name] = secrets.enrolment_key(opened[device.group], device.name)
    return found


def device_files(device: Device, key: bytes, recipe: Recipe) -> dict[str, bytes]:
    """The device's own files {path on flash: content}; `key` is its enrolment key.

    Raises MusterError, naming the device, when the board would refuse its configuration.
    """
    changes: dict[tuple[str, str], Any] = {
        (fields.DEVICE, fields.SERIAL_ID): device.name,
        (fields.PROVISIONING, fields.ENROLMENT_KEY): key.hex(),
        (fields.PROVISIONING, fields.PARAMETERS): device.parameters or None,
    }
    try:
        address, _ = board_config.builder(recipe.files.get(paths.CONFIG))
        conf = image.ento_conf(recipe.conf, changes, bool(address))
    except MusterError as error:
        raise MusterError(f"{device.name}: {error}") from None
    surplus = set(conf[fields.PROVISIONING].get(fields.PARAMETERS, {})) - set(device.parameters)
    if surplus:
        raise MusterError(
            f"{device.name}: the configuration gives the template parameter {min(surplus)}, which the "
            "registry does not have for this device, so the board would not be admitted: take it out, or "
            "give it to the device."
        )
    documents = {
        paths.CONF: conf,
        paths.DEVICE: {fields.TEST: 0, **recipe.about, fields.CLAIM: claim_ids.shown(device.claim_id)},
        paths.WEB: {**recipe.web, fields.PASSWORD: _password_hash(key)},
    }
    return {path: image.strict_json(document) for path, document in documents.items()}


def _password_hash(key: bytes) -> str:
    """The hash of the device's web password; its salt follows from the enrolment key."""
    salt = hmac.digest(key, _WEB_SALT, hashlib.sha256)
    return web_passwords.hashed(web_password(key), salt)


def jobs_of(
    devices: Iterable[Device], enrolment: Mapping[str, bytes], recipe: Recipe, folder: Path
) -> list[Job]:
    """The images of `devices`, one file each in `folder`. `enrolment`: what `enrolment_keys` returned."""
    return [
        Job(
            device.name,
            device_files(device, enrolment[device.name], recipe),
            folder / f"{names.file_name(device.name)}-{recipe.board}.img",
        )
        for device in devices
    ]
