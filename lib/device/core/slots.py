"""Slots: a directory that holds one whole identity, or nothing that counts.

An identity is certificate, private key, root CA, thing name and endpoint, read and written as one.
`identity.json` is written last and carries a digest of each other file, so a slot that was cut off
while being written is recognised. It is written only after a connection with the identity has worked:
a sealed trial slot is therefore always worth promoting, and `recover` needs no further record.

Promotion is two renames (active -> old, trial -> active). LittleFS makes each of them whole or not at
all, also for directories. Between the two there is no active slot, but a sealed trial one.
"""

import binascii
import hashlib
import json

from device.core import documents, fields, paths

RENAME = "rename"  # (RENAME, from, to)
REMOVE = "remove"  # (REMOVE, path): a file or a whole directory; nothing there is fine

FILES = (paths.ROOT_CA, paths.CERTIFICATE, paths.PRIVATE_KEY)


class Identity:
    """What a board needs to connect as itself: three PEM texts (bytes), names and the server's address."""

    def __init__(self, files, thing_name, endpoint, port, certificate_id=""):
        self.root_ca = files[paths.ROOT_CA]
        self.certificate = files[paths.CERTIFICATE]
        self.private_key = files[paths.PRIVATE_KEY]
        self.thing_name = thing_name
        self.endpoint = endpoint
        self.port = port
        self.certificate_id = certificate_id

    def without_files(self):
        """The same names without the PEM texts, which take 4 KB and are only needed to connect."""
        self.root_ca = self.certificate = self.private_key = None
        return self


def digest(content):
    """The SHA-256 of `content` in hexadecimal."""
    return binascii.hexlify(hashlib.sha256(content).digest()).decode()


def digests(files):
    """The digests of the three files of a slot: {name: hex}."""
    return {name: digest(files[name]) for name in FILES}


def match(files, expected):
    """Whether the three files of a slot are there and have these digests."""
    if not isinstance(expected, dict):
        return False
    for name in FILES:
        if files.get(name) is None or digest(files[name]) != expected.get(name):
            return False
    return True


def seal(files, thing_name, endpoint, port, certificate_id, configuration):
    """The content of identity.json for these three files: the slot is whole once this is written.

    `configuration` is the deviceConfiguration that the template returned, kept for the application.
    """
    return json.dumps(
        {
            fields.VERSION: 1,
            fields.THING_NAME: thing_name,
            fields.ENDPOINT: endpoint,
            fields.PORT: port,
            fields.CERTIFICATE_ID: certificate_id,
            fields.DEVICE_CONFIGURATION: configuration,
            fields.DIGESTS: digests(files),
        }
    ).encode()


def document(files):
    """The checked identity.json of a slot as a dict, or None when the slot is not whole.

    `files` maps file names to contents (None or absent when missing); hostile content is "not whole".
    """
    raw = files.get(paths.IDENTITY)
    if raw is None:
        return None
    try:
        value = documents.loads(raw)
    except ValueError:
        return None
    if not isinstance(value, dict) or not match(files, value.get(fields.DIGESTS)):
        return None
    for name in (fields.THING_NAME, fields.ENDPOINT, fields.CERTIFICATE_ID):
        if not isinstance(value.get(name), str):
            return None
    if not isinstance(value.get(fields.PORT), int):
        return None
    return value


def opened(files):
    """The Identity in a slot, or None when the slot is not whole."""
    value = document(files)
    if value is None:
        return None
    return Identity(
        files,
        value[fields.THING_NAME],
        value[fields.ENDPOINT],
        value[fields.PORT],
        value[fields.CERTIFICATE_ID],
    )


def adopted(files, settings):
    """The Identity in a slot without a seal, as another tool writes it by the seed's names, or None.

    Only taken when ento.conf says that the board is provisioned; the names then come from ento.conf.
    """
    if not settings.provisioned or files.get(paths.IDENTITY) is not None:
        return None
    for name in FILES:
        if not files.get(name):
            return None
    return Identity(files, settings.thing_name, settings.endpoint, settings.port)


def promote(active_exists):
    """The file operations that make the sealed trial slot the active one."""
    operations = []
    if active_exists:
        operations = [(REMOVE, paths.OLD), (RENAME, paths.CERT, paths.OLD)]
    return operations + [(RENAME, paths.TRIAL, paths.CERT), (REMOVE, paths.OLD)]


def recover(active_exists, active_whole, trial_sealed, old_whole):
    """The file operations that put the slots in order after any power cut; [] when nothing is to be done."""
    if trial_sealed:
        return promote(active_exists)
    if not active_exists and old_whole:
        return [(RENAME, paths.OLD, paths.CERT)]
    if active_whole and old_whole is not None:
        return [(REMOVE, paths.OLD)]
    return []
