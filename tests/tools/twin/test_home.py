"""A twin's home folder: what cannot be written is told in a sentence; a new claim certificate."""

import contextlib
import os

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from device.core import paths
from muster import files
from muster.errors import MusterError
from muster.registry import FILE_NAME, Registry
from muster.registry.certificates import ACTIVE, REVOKED
from muster.twin import defaults, home
from muster.twin.server import Twin
from tools.twin.helpers import claim, quick


def claim_ids(folder):
    with contextlib.closing(Registry(folder)) as registry:
        return [one.certificate_id for one in registry.certificates.all() if one.is_claim]


def is_pair(folder):
    certificate = x509.load_pem_x509_certificate((folder / "claim" / paths.CERTIFICATE).read_bytes())
    key = serialization.load_pem_private_key((folder / "claim" / paths.PRIVATE_KEY).read_bytes(), None)
    return key.public_key() == certificate.public_key()


def test_a_new_claim_certificate_works_beside_the_old_one_until_that_is_revoked(twin):
    folder = twin.home.root
    (old,) = claim_ids(folder)
    with claim(twin) as by_the_old:
        new = home.new_claim(folder, quick())
        assert new != old and claim_ids(folder) == [old, new]
        assert is_pair(folder)
        assert twin.claim_key_path.stat().st_mode & 0o777 == 0o600
        assert {path.name for path in twin.claim_dir.iterdir()} == {paths.CERTIFICATE, paths.PRIVATE_KEY}
        claim(twin, "cam2").close()
        twin.registry.certificates.set_status(old, REVOKED)
        assert by_the_old.is_closed()
    claim(twin, "cam2").close()
    assert twin.registry.certificates.get(new).status == ACTIVE
    assert twin.registry.policies.of_certificate(new) == [twin.registry.policies.get(defaults.CLAIM_POLICY)]


def test_a_full_disk_leaves_the_old_claim_certificate(tmp_path, monkeypatch):
    home.prepare(tmp_path, quick())
    before = {path.name: path.read_bytes() for path in (tmp_path / "claim").iterdir()}
    opened = os.open

    def full(path, *more):
        if paths.CERTIFICATE in str(path):
            raise OSError(28, "No space left on device")
        return opened(path, *more)

    monkeypatch.setattr(os, "open", full)
    with pytest.raises(MusterError, match="No space left on device.*make room"):
        home.new_claim(tmp_path, quick())
    assert {path.name: path.read_bytes() for path in (tmp_path / "claim").iterdir()} == before
    assert len(claim_ids(tmp_path)) == 1


@pytest.mark.parametrize("lost", ["registry", "certificate"])
def test_a_claim_certificate_that_is_not_in_the_registry_is_told(tmp_path, lost):
    home.prepare(tmp_path, quick())
    home.prepare(tmp_path, quick())
    if lost == "registry":
        (tmp_path / FILE_NAME).write_bytes(b"")
    else:
        (tmp_path / "claim" / paths.CERTIFICATE).write_text("damaged")
    with pytest.raises(MusterError, match="is not a certificate of the registry.*`muster twin claim new"):
        home.prepare(tmp_path, quick())
    home.new_claim(tmp_path, quick())
    home.prepare(tmp_path, quick())


def test_a_new_claim_certificate_needs_a_home(tmp_path):
    with pytest.raises(MusterError, match="no twin in .* yet: start one with `muster twin run"):
        home.new_claim(tmp_path / "none", quick())
    assert not (tmp_path / "none").exists()


def test_a_home_that_cannot_be_written_is_told_in_a_sentence(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    with pytest.raises(MusterError, match="cannot use the folder .*Not a directory.*another --home"):
        Twin(tmp_path / "file" / "home", quick())

    def read_only(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", read_only)
    with pytest.raises(MusterError, match="cannot use the folder .*Permission denied"):
        Twin(tmp_path / "home", quick())


def test_a_full_disk_at_the_first_start_leaves_nothing_half_written(tmp_path, monkeypatch):
    monkeypatch.setattr(files.Path, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
    with pytest.raises(MusterError, match="No space left on device"):
        Twin(tmp_path, quick())
    assert [path.name for path in tmp_path.iterdir()] == ["twin.lock"]


def test_a_read_only_registry_is_not_served(tmp_path, monkeypatch):
    home.prepare(tmp_path, quick())
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(MusterError, match="is read-only"):
        Twin(tmp_path, quick())
