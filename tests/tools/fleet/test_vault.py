"""The key that locks the secrets of groups."""

import pytest

from muster.enrolment import secrets
from muster.errors import MusterError
from muster.registry import Registry
from muster.registry.fleet import Group


def _home_with_a_group(home):
    vault = secrets.Vault(home)
    registry = Registry(home)
    registry.groups.add(Group("room2", vault.lock("the secret"), 1.0, 1.0))
    return registry


def test_a_secret_is_read_back_and_not_stored_as_it_is(tmp_path):
    registry = _home_with_a_group(tmp_path)
    stored = registry.groups.get("room2").secret
    assert b"the secret" not in stored
    assert secrets.Vault(tmp_path).unlock(stored) == "the secret"
    assert (tmp_path / secrets.KEY_FILE).stat().st_mode & 0o777 == 0o600


def test_a_lost_key_is_not_replaced(tmp_path):
    _home_with_a_group(tmp_path)
    (tmp_path / secrets.KEY_FILE).unlink()
    with pytest.raises(MusterError, match="restore it from a backup"):
        secrets.Vault(tmp_path)
    assert not (tmp_path / secrets.KEY_FILE).exists()


def test_a_key_that_others_may_read_is_refused(tmp_path):
    _home_with_a_group(tmp_path)
    (tmp_path / secrets.KEY_FILE).chmod(0o640)
    with pytest.raises(MusterError, match="chmod 600"):
        secrets.Vault(tmp_path)


def test_another_key_says_so(tmp_path):
    registry = _home_with_a_group(tmp_path / "one")
    with pytest.raises(MusterError, match="restore the key that belongs to it"):
        secrets.Vault(tmp_path / "other").unlock(registry.groups.get("room2").secret)


def test_deleting_the_last_group_opens_no_door(tmp_path):
    registry = _home_with_a_group(tmp_path)
    assert registry.groups.delete("room2")
    assert registry.groups.were_made()
    assert not Registry(tmp_path / "fresh").groups.were_made()
