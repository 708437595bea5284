"""All devices of a registry, a page at a time; each page reads no more than it shows."""

import sqlite3
import time

import pytest

from muster.registry import FILE_NAME, Registry
from muster.registry.certificates import ACTIVE, REVOKED
from muster.registry.fleet import Device, Group
from muster.registry.schema import STEPS, statements
from muster.registry.things import Thing

OPERATORS = next(number for number, step in enumerate(STEPS) if "is_operator" in step)


@pytest.fixture
def registry(tmp_path):
    made = Registry(tmp_path)
    made.products.add("camera", "token", 0)
    made.groups.add(Group("north", b"x", 0, 0))
    yield made
    made.close()


def thing(registry, name: str) -> None:
    registry.things.put(Thing(name, None, {}, [], 0))


def everything(registry, limit: int, beginning: str = "") -> list[str]:
    found, after = [], ""
    for _ in range(1000):
        page = registry.overview.page(limit, after, beginning)
        assert len(page.names) <= limit
        found += page.names
        if page.rest is None:
            return found
        assert page.rest > after
        after = page.rest
    raise AssertionError("it never ends")


@pytest.mark.parametrize("limit", [1, 2, 7, 100])
def test_each_device_is_on_one_page(registry, limit) -> None:
    thing(registry, "cam-2")
    thing(registry, "both")
    registry.devices.add(
        [
            Device("both", "north", "AAAAAAAAAA", "created", {}, 0),
            Device("cam-1", "north", "BBBBBBBBBB", "created", {}, 0),
        ]
    )
    for claim_id in ("BBBBBBBBBB", "CCCCCCCCCC", "DDDDDDDDDD", "EEEEEEEEEE"):
        registry.claims.register(claim_id, "camera", "digest", 0)
    registry.claims.set_thing("DDDDDDDDDD", "cam-2")
    expected = ["CCCCCCCCCC", "EEEEEEEEEE", "both", "cam-1", "cam-2"]
    assert everything(registry, limit) == expected
    assert everything(registry, limit, "cam") == ["cam-1", "cam-2"]
    assert everything(registry, limit, "C") == ["CCCCCCCCCC"]
    assert everything(registry, limit, "x") == []


@pytest.mark.parametrize("name", ["%", "_", "*", "é\U0010ffff", "'", "a\x00b"])
def test_a_name_is_taken_as_it_is(registry, name) -> None:
    thing(registry, name + "1")
    thing(registry, "other")
    assert everything(registry, 10, name) == [name + "1"]


def test_a_page_of_a_large_fleet_costs_as_much_as_one_of_a_small(registry) -> None:
    """Counted by SQLite's own steps, on 50,000 of each kind."""
    with registry.transaction():
        write = registry._database._connection.executemany
        write("INSERT INTO things (name, created_s) VALUES (?, 0)", ((f"t{n:06}",) for n in range(50_000)))
        write(
            "INSERT INTO devices (name, group_name, claim_id, state, created_s)"
            " VALUES (?, 'north', ?, 'created', 0)",
            ((f"d{n:06}", f"D{n:09}") for n in range(50_000)),
        )
        write(
            "INSERT INTO claims (claim_id, product, key_sha256, registered_s, thing)"
            " VALUES (?, 'camera', 'x', 0, ?)",
            ((f"C{n:09}", f"t{n:06}" if n % 2 else None) for n in range(50_000)),
        )
        write(
            "INSERT INTO certificates (certificate_id, pem, status, created_s, not_after_s)"
            " VALUES (?, '', 'ACTIVE', 0, 1)",
            ((f"{n:08x}" * 8,) for n in range(50_000)),
        )
        write(
            "INSERT INTO thing_certificates (thing, certificate_id) VALUES (?, ?)",
            ((f"t{n:06}", f"{n:08x}" * 8) for n in range(50_000)),
        )
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    registry._database._connection.set_progress_handler(count, 100)
    for after, beginning in (("", ""), ("C000040000", "C"), ("d025000", ""), ("t049990", "t"), ("", "d0499")):
        steps = 0
        assert registry.overview.page(25, after, beginning).names
        assert steps < 60, (after, beginning, steps * 100)
    steps = 0
    assert registry.overview.of_certificate("0000c3", 25)
    assert steps < 60, steps * 100
    assert registry.overview.of_certificate("00000", 3) == ["t000000", "t000001", "t000002"]


def test_the_certificates_that_count_come_first(registry) -> None:
    thing(registry, "cam1")
    for number in range(40):
        state = ACTIVE if number == 3 else REVOKED
        registry.certificates.add(f"id{number:02}", "", state, number, 99)
        registry.things.attach("cam1", f"id{number:02}")
    found = [one.certificate_id for one in registry.certificates.newest_of_thing("cam1", 3)]
    assert found == ["id03", "id39", "id38"]


def test_the_last_events_come_newest_first(registry) -> None:
    registry.devices.add([Device("cam1", "north", "AAAAAAAAAA", "created", {}, 0)])
    for number in range(5):
        registry.devices.note("cam1", f"e{number}", "", number)
    assert [one.event for one in registry.devices.last_events("cam1", 2)] == ["e4", "e3"]


def test_accounts_of_an_older_muster_are_no_operators(tmp_path) -> None:
    connection = sqlite3.connect(tmp_path / FILE_NAME)
    for step in STEPS[:OPERATORS]:
        for statement in statements(step):
            connection.execute(statement)
    connection.execute("INSERT INTO accounts (name, password, created_s) VALUES ('ada', 'hash', 7)")
    connection.execute(f"PRAGMA user_version = {OPERATORS}")
    connection.commit()
    connection.close()
    registry = Registry(tmp_path)
    account = registry.accounts.get("ada")
    assert account is not None and account == ("ada", "hash", 7, 0)
    assert registry.accounts.set_operator("ada", True) and registry.accounts.get("ada").is_operator
    assert not registry.accounts.set_operator("eve", True)
    assert registry.accounts.add("bob", "hash", time.time()) and not registry.accounts.get("bob").is_operator
    registry.close()
