"""The registry's file: its mode, several users at once, and being told what it is not."""

import json
import sqlite3
import subprocess
import sys
import threading

import pytest

from muster.errors import MusterError
from muster.registry import FILE_NAME, Registry
from muster.registry.certificates import ACTIVE, PENDING_ACTIVATION
from muster.registry.documents import PolicyError
from muster.registry.schema import STEPS

EMPTY = '{"Statement": []}'


def test_only_its_owner_can_read_it(tmp_path):
    registry = Registry(tmp_path / "home")
    registry.policies.put("p", EMPTY)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "home").iterdir()}
    assert set(modes.values()) == {0o600}
    assert FILE_NAME in modes
    assert (tmp_path / "home").stat().st_mode & 0o777 == 0o700


def test_a_change_by_another_process_is_seen(tmp_path):
    registry = Registry(tmp_path)
    changes = registry.changes(lambda _: None)
    assert not changes.by_others()
    code = (
        "import sys, pathlib; from muster.registry import Registry;"
        " Registry(pathlib.Path(sys.argv[1])).policies.put('p', sys.argv[2])"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path), EMPTY], check=True)
    assert changes.by_others()
    assert registry.policies.get("p") == EMPTY


def test_many_writers_at_once(tmp_path):
    def write(number):
        registry = Registry(tmp_path)
        for turn in range(50):
            with registry.transaction():
                registry.policies.put(f"p{number}-{turn}", EMPTY)
                registry.policies.put("shared", EMPTY + " " * turn)
        registry.close()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    registry = Registry(tmp_path)
    assert all(registry.policies.get(f"p{number}-{turn}") for number in range(6) for turn in range(50))


def test_a_transaction_is_all_or_nothing(tmp_path):
    registry = Registry(tmp_path)
    with pytest.raises(RuntimeError), registry.transaction():
        registry.policies.put("a", EMPTY)
        with registry.transaction():
            registry.policies.put("b", EMPTY)
        raise RuntimeError
    assert registry.policies.get("a") is registry.policies.get("b") is None
    registry.policies.put("c", EMPTY)
    assert Registry(tmp_path).policies.get("c") == EMPTY


def test_a_counted_fault_acts_exactly_so_often(tmp_path):
    first, second = Registry(tmp_path), Registry(tmp_path)
    first.faults.add("connect", "reject", count=3)
    assert sum(len(registry.faults.take("connect", "x")) for registry in (first, second) * 4) == 3


def test_a_counted_fault_acts_exactly_so_often_for_many_at_once(tmp_path):
    Registry(tmp_path).faults.add("connect", "reject", count=100)
    taken = []

    def take():
        registry = Registry(tmp_path)
        taken.extend(fault for _ in range(60) for fault in registry.faults.take("connect", "x"))

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 100


def test_tokens_are_not_stored(tmp_path):
    registry = Registry(tmp_path)
    registry.certificates.add("id", "pem", PENDING_ACTIVATION, 0, 1)
    registry.certificates.add_token("the-secret-token", "id", 100)
    assert registry.certificates.token("the-secret-token").certificate_id == "id"
    registry.close()
    assert b"the-secret-token" not in (tmp_path / FILE_NAME).read_bytes()


def test_only_unclaimed_pending_certificates_are_deleted(tmp_path):
    certificates = Registry(tmp_path).certificates
    for name, status, is_claim in (
        ("pending", PENDING_ACTIVATION, False),
        ("used", PENDING_ACTIVATION, False),
        ("active", ACTIVE, False),
        ("claim", PENDING_ACTIVATION, True),
    ):
        certificates.add(name, "pem", status, 0, 1, is_claim)
        certificates.add_token(name, name, 100)
    certificates.use_token("used", 50)
    assert certificates.delete_unclaimed(99) == 0
    assert certificates.delete_unclaimed(100) == 1
    assert [row.certificate_id for row in certificates.all()] == ["used", "active", "claim"]


def test_a_file_that_is_no_registry(tmp_path):
    (tmp_path / FILE_NAME).write_bytes(b"not a database at all, but long enough to be looked at" * 10)
    with pytest.raises(MusterError, match="not a registry"):
        Registry(tmp_path)


def test_a_registry_of_a_newer_muster(tmp_path):
    Registry(tmp_path).close()
    connection = sqlite3.connect(tmp_path / FILE_NAME)
    connection.execute(f"PRAGMA user_version = {len(STEPS) + 1}")
    connection.close()
    with pytest.raises(MusterError, match="newer"):
        Registry(tmp_path)


def test_a_policy_is_parsed_when_it_is_put(tmp_path):
    policies = Registry(tmp_path).policies
    with pytest.raises(PolicyError, match="unsupported condition operator IpAddress"):
        policies.put("p", _conditioned({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}))
    with pytest.raises(PolicyError, match="not JSON"):
        policies.put("p", "[" * 100_000)
    assert policies.get("p") is None


def _conditioned(condition):
    return json.dumps(
        {"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": condition}}
    )
