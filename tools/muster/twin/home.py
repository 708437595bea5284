"""A twin's home folder: created on the first run, kept on the next, used by one twin at a time."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from device.core import paths
from muster import files
from muster.errors import MusterError
from muster.registry import FILE_NAME, Registry
from muster.registry.certificates import ACTIVE
from muster.twin import defaults, pki
from muster.twin.settings import Home, Settings


def prepare(home: Path, settings: Settings) -> pki.Authority:
    """Create what is missing: CA, server certificate, claim credentials, registry with its defaults.

    Raises MusterError when the folder cannot be written; no half-written file stays.
    """
    place = Home(home)
    with _told(place):
        authority = pki.Authority(place, settings.authority_key)
        authority.ensure_server(settings.host)
        with contextlib.closing(Registry(home)) as registry:
            defaults.fill(registry, settings)
            if _has_claim(place):
                _check_claim(place, registry)
            else:
                _make_claim(place, authority, registry, settings)
    return authority


def new_claim(home: Path, settings: Settings) -> str:
    """Create a claim certificate with its policy and put it into the claim folder; its certificate id.

    The old one stays valid until it is revoked: images built with it work until then.
    Raises MusterError when there is no twin's home, or it cannot be written.
    """
    place = Home(home)
    if not (place.ca_pem.exists() and place.ca_key.exists()):
        raise MusterError(f"there is no twin in {home} yet: start one with `muster twin run --home {home}`")
    with _told(place), contextlib.closing(Registry(home)) as registry:
        defaults.fill(registry, settings)
        return _make_claim(place, pki.Authority(place, settings.authority_key), registry, settings)


def _has_claim(home: Home) -> bool:
    return all((home.claim_dir / name).exists() for name in (paths.CERTIFICATE, paths.PRIVATE_KEY))


def _check_claim(home: Home, registry: Registry) -> None:
    """Raises MusterError when boards with the claim credentials would be refused for a lost registry."""
    path = home.claim_dir / paths.CERTIFICATE
    try:
        der = x509.load_pem_x509_certificate(path.read_bytes()).public_bytes(serialization.Encoding.DER)
        is_known = registry.certificates.get(pki.certificate_id(der)) is not None
    except ValueError:
        is_known = False
    if not is_known:
        raise MusterError(
            f"{path} is not a certificate of the registry beside it: restore {FILE_NAME} from a backup, or "
            f"create another claim certificate with `muster twin claim new --home {home.root}`"
        )


def _make_claim(home: Home, authority: pki.Authority, registry: Registry, settings: Settings) -> str:
    home.claim_dir.mkdir(mode=0o700, exist_ok=True)
    key = pki.new_key(settings.claim_key)
    now_s = settings.clock()
    end_s = pki.not_after_s(now_s, None)
    certificate_id, pem = authority.issue(key.public_key(), now_s, end_s)
    with registry.transaction():
        registry.certificates.add(certificate_id, pem, ACTIVE, now_s, end_s, is_claim=True)
        registry.policies.attach(defaults.CLAIM_POLICY, certificate_id)
    try:
        files.write_together(
            [
                (home.claim_dir / paths.PRIVATE_KEY, pki.key_pem(key).encode(), files.PRIVATE),
                (home.claim_dir / paths.CERTIFICATE, pem.encode(), 0o644),
            ]
        )
    except BaseException:
        with contextlib.suppress(MusterError):
            registry.certificates.delete(certificate_id)
        raise
    return certificate_id


@contextlib.contextmanager
def _told(home: Home) -> Iterator[None]:
    """An error of the file system is raised as MusterError."""
    try:
        yield
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else str(error)
        raise MusterError(
            f"a twin cannot use the folder {home.root} ({why}): make room, check its permissions, or name "
            "another --home"
        ) from error


def locked(home: Home) -> int:
    """A handle that keeps other twins out until it is closed; makes the folder when it is missing.

    Raises MusterError when a twin is in, or the folder cannot be written.
    """
    with _told(home):
        home.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(home.lock, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise MusterError(f"a twin runs in {home.root} already: stop it, or name another --home") from error
    return handle
