"""A twin's home folder: made on the first run, kept on the next, used by one twin at a time."""

import fcntl
import os
from pathlib import Path

from device.core import paths
from muster.errors import MusterError
from muster.registry import Registry
from muster.registry.certificates import ACTIVE
from muster.twin import defaults, pki
from muster.twin.settings import Home, Settings


def prepare(home: Path, settings: Settings) -> pki.Authority:
    """Make what is missing: CA, server certificate, claim credentials, registry with its defaults."""
    files = Home(home)
    authority = pki.Authority(files, settings.authority_key)
    authority.ensure_server(settings.host)
    registry = Registry(home)
    try:
        defaults.fill(registry, settings)
        _ensure_claim(files, authority, registry, settings)
    finally:
        registry.close()
    return authority


def _ensure_claim(home: Home, authority: pki.Authority, registry: Registry, settings: Settings) -> None:
    certificate, key_file = home.claim_dir / paths.CERTIFICATE, home.claim_dir / paths.PRIVATE_KEY
    if certificate.exists() and key_file.exists():
        return
    home.claim_dir.mkdir(mode=0o700, exist_ok=True)
    key = pki.new_key(settings.claim_key)
    now_s = settings.clock()
    end_s = pki.not_after_s(now_s, None)
    certificate_id, pem = authority.issue(key.public_key(), now_s, end_s)
    with registry.transaction():
        registry.certificates.add(certificate_id, pem, ACTIVE, now_s, end_s, is_claim=True)
        registry.policies.attach(defaults.CLAIM_POLICY, certificate_id)
    pki.write_new(key_file, pki.key_pem(key), 0o600)
    pki.write_new(certificate, pem)


def locked(home: Home) -> int:
    """A handle that keeps other twins out until it is closed. Raises MusterError when one is in."""
    handle = os.open(home.lock, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise MusterError(f"a twin runs in {home.root} already: stop it, or name another --home") from error
    return handle
