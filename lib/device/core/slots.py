"""Slots: directories, each with one complete identity or nothing that counts.

An identity is certificate, private key, root CA, thing name and endpoint, read and written as one.
`identity.json` is written last and holds a digest of each other file, so a slot whose writing was cut
off is recognised. It is written only after a connection with the identity has worked: a sealed trial
slot is therefore always safe to promote, and `recover` needs no other record.

Promotion is two renames: active -> kept/<certificate id>, trial -> active. LittleFS does each one
completely or not at all, also for directories. Between the two there is no active slot, but a sealed trial
slot. A key whose certificate may be active is never deleted.
"""

import binascii
import hashlib
import json
from collections import namedtuple

from device.core import documents, fields, paths

RENAME = "rename"  # (RENAME, from, to); `from` may be missing
REMOVE = "remove"  # (REMOVE, path): a file or a directory tree; may be missing

FILES = paths.CREDENTIALS

# Who the board is. Its three files stay on flash and are read when a connection is made.
Identity = namedtuple("Identity", ("thing_name", "endpoint", "port", "certificate_id"))


def digest(content):
    """The SHA-256 of `content` in hexadecimal."""
    return binascii.hexlify(hashlib.sha256(content).digest()).decode()


def digests(files):
    """The digests of the three files of a slot: {name: hex}, None for a file that is not there."""
    return {name: digest(files[name]) if files.get(name) else None for name in FILES}


def match(found, expected):
    """Whether `found`, the digests of a slot, are complete and equal `expected` (untrusted)."""
    if not isinstance(expected, dict):
        return False
    for name in FILES:
        if found[name] is None or found[name] != expected.get(name):
            return False
    return True


def seal(file_digests, identity, configuration, renews=None):
    """The content of identity.json for files with these digests; writing it completes the slot.

    `configuration` is the deviceConfiguration that the template returned, kept for the application. `renews`:
    the id of the certificate that this one was requested with, if it is not a claim certificate.
    """
    value = {
        fields.VERSION: 1,
        fields.THING_NAME: identity.thing_name,
        fields.ENDPOINT: identity.endpoint,
        fields.PORT: identity.port,
        fields.CERTIFICATE_ID: identity.certificate_id,
        fields.DEVICE_CONFIGURATION: configuration,
        fields.DIGESTS: file_digests,
    }
    if renews:
        value[fields.RENEWS] = renews
    return json.dumps(value).encode()


def document(files):
    """The checked identity.json of a slot as a dict, or None when the slot is incomplete.

    `files` maps file names to contents (None or absent when missing); malformed content counts as incomplete.
    """
    raw = files.get(paths.IDENTITY)
    if raw is None:
        return None
    try:
        value = documents.loads(raw)
    except ValueError:
        return None
    if not isinstance(value, dict) or not match(digests(files), value.get(fields.DIGESTS)):
        return None
    for name in (fields.THING_NAME, fields.ENDPOINT, fields.CERTIFICATE_ID):
        if not isinstance(value.get(name), str):
            return None
    if not isinstance(value.get(fields.PORT), int):
        return None
    return value


def opened(value):
    """The Identity in the checked identity.json `value`."""
    names = (fields.THING_NAME, fields.ENDPOINT, fields.PORT, fields.CERTIFICATE_ID)
    return Identity(*[value[name] for name in names])


def adopted(files, settings):
    """The Identity in an unsealed slot, as another tool writes it with the seed's file names, or None.

    Accepted only when ento.conf says that the board is provisioned; the names come from ento.conf.
    """
    if not settings.provisioned or files.get(paths.IDENTITY) is not None:
        return None
    for name in FILES:
        if not files.get(name):
            return None
    return Identity(settings.thing_name, settings.endpoint, settings.port, digest(files[paths.CERTIFICATE]))


def kept(certificate_id):
    """The directory in which the identity with this certificate is put aside."""
    return paths.KEPT + "/" + certificate_id


def release(certificate_id):
    """The file operations that put the active identity aside, so that the board has none."""
    return [(RENAME, paths.CERT, kept(certificate_id))]


def promote(replaced):
    """The file operations that make the sealed trial slot the active one.

    `replaced` is the certificate id of the identity in the active slot, None when there is none.
    """
    aside = (REMOVE, paths.CERT) if replaced is None else (RENAME, paths.CERT, kept(replaced))
    return [aside, (RENAME, paths.TRIAL, paths.CERT)]


def replaced(files):
    """The `replaced` that `promote` needs for an active slot with these files.

    An incomplete slot is put aside under the digest of its certificate; without a key it is worthless.
    """
    if not files or not files.get(paths.PRIVATE_KEY) or not files.get(paths.CERTIFICATE):
        return None
    value = document(files)
    return value[fields.CERTIFICATE_ID] if value else digest(files[paths.CERTIFICATE])
