"""The registry's file when it cannot be used as usual: locked, read-only, damaged, emptied, full."""

import asyncio
import os
import sqlite3
from pathlib import Path
from types import SimpleNamespace

import pytest

from muster.errors import MusterError
from muster.registry import BATCHES, FILE_NAME, KEY_FILE, Registry, failures
from muster.registry.certificates import ACTIVE
from muster.registry.database import Database
from muster.registry.failures import BusyError, RegistryError
from muster.registry.schema import STEPS, statements
from muster.registry.things import Thing
from tools.twin.other_process import OtherProcess


def thing(name):
    return Thing(name, None, {}, [], 0)


def test_a_write_while_another_process_writes_is_refused_in_a_sentence(tmp_path):
    registry = Registry(tmp_path, busy_ms=1)
    with OtherProcess(tmp_path):
        with pytest.raises(BusyError, match="locked by another process: wait"):
            registry.things.put(thing("a"))
        assert registry.things.names() == []  # reading waits for nobody


def test_who_waits_for_another_process_lets_others_work(tmp_path):
    registry = Registry(tmp_path, busy_ms=1)

    async def run():
        tried = asyncio.Event()

        def put():
            tried.set()
            registry.things.put(thing("a"))

        waiting = asyncio.create_task(registry.patiently(put))
        await tried.wait()  # this task runs although `put` has to wait
        assert registry.is_awaited
        assert registry.things.get("a") is None
        other.let_go()
        await waiting
        assert not registry.is_awaited

    with OtherProcess(tmp_path) as other:
        asyncio.run(run())
    assert registry.things.get("a") is not None


def test_who_asked_first_writes_first_and_nobody_waits_for_ever(tmp_path):
    registry = Registry(tmp_path, busy_ms=1)
    order = []

    async def run():
        def put(name):
            registry.things.put(thing(name))
            order.append(name)

        with pytest.raises(BusyError):
            await registry.patiently(lambda: put("late"), limit_s=0)
        names = [f"t{number}" for number in range(5)]
        tasks = [asyncio.create_task(registry.patiently(lambda name=name: put(name))) for name in names]
        await asyncio.sleep(0)
        other.let_go()
        await asyncio.gather(*tasks)
        assert order == names

    with OtherProcess(tmp_path) as other:
        asyncio.run(run())


class Failing:
    """A connection whose COMMIT fails, as on a full disk."""

    def __init__(self, connection, error):
        self._connection, self._error = connection, error

    def execute(self, sql, values=()):
        if sql == "COMMIT" and self._error is not None:
            raise self._error
        return self._connection.execute(sql, values)

    def __getattr__(self, name):
        return getattr(self._connection, name)


def test_a_commit_that_fails_leaves_no_transaction_behind(tmp_path):
    database = Database(tmp_path / FILE_NAME)
    good = database._connection
    database._connection = Failing(good, sqlite3.OperationalError("database or disk is full"))
    with pytest.raises(RegistryError, match="make room"), database.transaction():
        database.write("INSERT INTO policies VALUES ('a', '{}')")
    database._connection = good
    with database.transaction():
        database.write("INSERT INTO policies VALUES ('b', '{}')")
    assert database.rows("SELECT name FROM policies") == [("b",)]


def test_a_transaction_that_sqlite_has_ended_itself_is_told_with_its_reason(tmp_path):
    database = Database(tmp_path / FILE_NAME)
    with pytest.raises(RuntimeError, match="the reason"), database.transaction():
        database.write("INSERT INTO policies VALUES ('a', '{}')")
        database._connection.execute("ROLLBACK")  # as SQLite does by itself when the disk is full
        raise RuntimeError("the reason")
    with database.transaction():
        database.write("INSERT INTO policies VALUES ('b', '{}')")


@pytest.mark.parametrize(
    ("script", "count"),
    [
        ("CREATE TABLE a (x);\n-- one; two\nCREATE TABLE b (x)", 2),
        ("INSERT INTO a VALUES ('x;y');", 1),
        ("CREATE TRIGGER t AFTER INSERT ON a BEGIN DELETE FROM b; DELETE FROM a; END;\nSELECT 1;", 2),
        ("/* ; */ SELECT 1;\n    ", 1),
    ],
)
def test_a_migration_is_split_into_statements(script, count):
    found = [text for text in statements(script) if text.strip(" \n;")]
    assert len(found) == count
    connection = sqlite3.connect(":memory:")
    for name in "ab":
        if f"CREATE TABLE {name}" not in script:
            connection.execute(f"CREATE TABLE {name} (x)")
    for statement in statements(script):
        connection.execute(statement)


def test_one_damaged_in_the_middle(tmp_path):
    registry = Registry(tmp_path)
    for number in range(1000):  # many, so that the second half holds nothing else
        registry.certificates.add(f"{number:064}", "x" * 500, ACTIVE, 0, 1)
    registry.close()
    with open(tmp_path / FILE_NAME, "r+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(size // 2)
        file.write(b"\xff" * (size // 2))
    damaged = Registry(tmp_path)
    with pytest.raises(RegistryError, match="is damaged .*restore it from a backup"):
        damaged.certificates.all()


@pytest.mark.parametrize("beside", [KEY_FILE, BATCHES])
def test_one_that_was_emptied(tmp_path, beside):
    (tmp_path / FILE_NAME).touch()
    Registry(tmp_path).close()  # an empty file alone is a new registry
    (tmp_path / FILE_NAME).write_bytes(b"")
    (tmp_path / beside).mkdir()
    with pytest.raises(MusterError, match=f"was emptied: {beside} beside it"):
        Registry(tmp_path)


def test_a_home_that_cannot_be_made():
    with pytest.raises(MusterError, match="the folder /proc/x cannot be used"):
        Registry(Path("/proc/x"))


@pytest.mark.parametrize("left", ["closed", "wal", "open"])
def test_a_read_only_home_is_read(tmp_path, left, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, _: os.path.basename(path) != FILE_NAME)
    writer = _writer(tmp_path, monkeypatch)
    writer.things.put(thing("a"))
    home = tmp_path / "home"
    if left == "closed":
        writer.close()
    elif left == "wal":  # what a killed process left, as a backup has it
        home = tmp_path / "backup"
        home.mkdir()
        for suffix in ("", "-wal"):
            name = FILE_NAME + suffix
            (home / name).write_bytes((tmp_path / "home" / name).read_bytes())
    registry = Registry(home)
    assert registry.is_read_only
    assert registry.things.names() == ["a"]
    with pytest.raises(RegistryError, match="is read-only: change its permissions, or copy its folder"):
        registry.things.put(thing("b"))


def _writer(tmp_path, monkeypatch):
    with monkeypatch.context() as usual:
        usual.setattr(os, "access", lambda *_: True)
        return Registry(tmp_path / "home")


def test_a_read_only_registry_of_an_older_muster_is_read(tmp_path, monkeypatch):
    connection = sqlite3.connect(tmp_path / FILE_NAME)
    for statement in statements(STEPS[0]):
        connection.execute(statement)
    connection.execute("PRAGMA user_version = 1")
    connection.close()
    before = (tmp_path / FILE_NAME).read_bytes()
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert Registry(tmp_path).groups.all() == []
    assert (tmp_path / FILE_NAME).read_bytes() == before


@pytest.mark.parametrize(("free", "said"), [(0, "the disk is full.*make room"), (10**9, "disk I/O error")])
def test_an_error_of_the_disk_is_told_as_full_where_it_is(tmp_path, monkeypatch, free, said):
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=free))
    found = failures.of(tmp_path / FILE_NAME, sqlite3.OperationalError("disk I/O error"))
    with pytest.raises(RegistryError, match=said):
        raise found
