"""The secrets of groups and devices.

A group's provisioning secret stays on the host, encrypted at rest: it is needed again to derive the
enrolment keys of devices that are added later. A board only ever gets its own enrolment key.

    enrolment key = HMAC-SHA256(group secret, device name)
    proof         = HMAC-SHA256(enrolment key, certificate id), given to RegisterThing

The encryption key lies beside the registry in a file of its own with mode 0600, so that a copied or
backed-up registry alone gives no secret away.
"""

import contextlib
import hashlib
import hmac
import secrets
import stat
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from muster import files
from muster.errors import MusterError
from muster.registry import KEY_FILE, Registry

_SECRET_BYTES = 32


def new_secret() -> str:
    """A fresh provisioning secret, as it is printed once: 43 characters of URL-safe base 64."""
    return secrets.token_urlsafe(_SECRET_BYTES)


def enrolment_key(group_secret: str, device: str) -> bytes:
    """The key that is put on the board (32 bytes)."""
    return hmac.digest(group_secret.encode(), device.encode(), hashlib.sha256)


def check_private(path: Path) -> None:
    """Raises MusterError when others than the owner may read `path`."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise MusterError(
            f"{path} may be read by others (mode {mode:04o}): run `chmod 600 {path}` and repeat"
        )


def _make_key(path: Path) -> None:
    """Create the key of a home that has none yet; of two processes that do so at once, one wins."""
    with contextlib.closing(Registry(path.parent)) as registry:  # creates the folder as well
        has_secrets = bool(registry.groups.all())
    if has_secrets and not path.exists():
        raise MusterError(
            f"{path} is lost, and the secrets of the groups are encrypted with it: restore it from a backup"
        )
    with contextlib.suppress(FileExistsError):
        files.write(path, Fernet.generate_key(), mode=files.PRIVATE, replace=False, sync=True)


class Vault:
    """Encrypts and decrypts what the registry of one home folder keeps secret."""

    def __init__(self, home: Path) -> None:
        """Open the key of `home`, and create it on first use.

        Raises MusterError when others may read it, or when it is lost and secrets were encrypted with it.
        """
        path = home / KEY_FILE
        if not path.exists():
            _make_key(path)
        check_private(path)
        try:
            self._fernet = Fernet(path.read_bytes())
        except ValueError as error:
            raise MusterError(
                f"{path} is not a key of a registry: restore it from a backup of this home folder"
            ) from error
        self._path = path

    def lock(self, secret: str) -> bytes:
        """`secret` as it is stored."""
        return self._fernet.encrypt(secret.encode())

    def unlock(self, stored: bytes) -> str:
        """The secret in `stored`. Raises MusterError when it was encrypted with another key."""
        try:
            return self._fernet.decrypt(stored).decode()
        except InvalidToken as error:
            raise MusterError(
                f"the registry's secrets were encrypted with another key than {self._path}: restore the key "
                "that belongs to it"
            ) from error
