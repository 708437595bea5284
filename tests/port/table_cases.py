"""The database on a real LittleFS; run under MicroPython by test_table.py."""

import asyncio
import gc
import os

from small_flash import Board, cut_everywhere

from check import raises
from device.core import paths
from device.core.failures import AGAIN, GIVE_UP, Failure
from device.port import clock, store
from device.services.database import Database
from device.web import facts as page
from tables import Dice, content, document, opened


class Console:
    """The board port, as far as the database uses it."""

    def __init__(self):
        self.lines = []

    def say(self, name, text, level=None):
        self.lines.append(text)

    def free_memory(self):
        return 100000

    def largest_piece(self):
        return 50000


class Settings:
    """As of an ento.conf: three tables, 20000 bytes each, 100 documents."""

    database = [3, 20000, 100]


class Ports:
    """The ports that the database uses."""

    SERVICES = ()  # of its build

    def __init__(self, board):
        self.board = board
        self.build = self
        self.clock = clock
        self.store = store


class State:
    """What the service is given."""

    def __init__(self, settings=Settings):
        self.console = Console()
        self.ports = Ports(self.console)
        self.settings = settings


def with_database(work, state=None):
    """Start the service, call `await work(service)`, stop it; returns the console."""

    async def main():
        service = Database("database", state)
        task = asyncio.create_task(service.run())
        while not service.ready.is_set() and not task.done():
            await asyncio.sleep_ms(0)
        await work(service)
        task.cancel()
        try:  # noqa: SIM105 (MicroPython has no contextlib)
            await task
        except asyncio.CancelledError:
            pass
        return service

    state = state or State()
    service = asyncio.run(main())
    return service, state.console.lines


def _board(fill=(), blocks=40):
    """A board on which `fill` puts documents: (key, document)."""
    board = Board(blocks)
    board.boot()
    table = opened(store)
    for key, value in fill:
        table.put(key, value)
    board.off()
    return board


def _cut(fill, work, blocks=40):
    """Cut `work(put, delete, put_all)` at each operation of the flash; what was acknowledged is there."""
    board = _board(fill, blocks)
    states = [None]

    def run():
        table = opened(store)
        states[:] = [dict(table.find())]

        def do(call, *args):
            states.append(
                dict(states[-1])
            )  # at the last place is what a call may leave, before it what it must
            if call == "delete":
                states[-1].pop(args[0], None)
            elif call == "put":
                states[-1][args[0]] = args[1]
            else:
                states[-1].update(args[0])
            getattr(table, call)(*args)
            states[:-1] = states[-1:]

        work(do)

    def check(copy, done):
        copy.boot()
        gc.collect()
        table = opened(store)
        found = content(table)
        assert found == states[-1] if done else found in states[-2:], (found, states)
        assert table.damaged == 0
        table.put("next", {"n": 1})
        found["next"] = {"n": 1}
        assert content(opened(store)) == found

    return cut_everywhere(board, run, check)


def test_documents_cut_anywhere():
    dice = Dice(4)

    def work(do):
        dice = Dice(7)
        for number in range(3):
            do("put", f"key {number}", document(dice, 60))
        do("delete", "key 1")
        do("put", "key 2", document(dice, 600))  # moves the tail
        do("put_all", {f"key {number}": document(dice, 50) for number in range(4)})
        do("put_all", {f"key {number}": document(dice, 150) for number in range(4)})
        do("delete", "key 3")
        do("delete", "old 3")

    assert _cut([(f"old {number}", document(dice, 40)) for number in range(5)], work) > 40


def test_cleaning_cut_anywhere():
    dice = Dice(5)
    cold = [(f"cold {number}", document(dice, 300)) for number in range(6)]
    hot = [("hot", document(dice, 900)) for _ in range(13)]
    numbers = []

    def work(do):
        numbers[:] = [sorted(store.sizes(paths.TABLES))]
        for number in range(6):
            do("put", "hot", document(dice, 900 + number))
        numbers.append(sorted(store.sizes(paths.TABLES)))

    assert _cut(cold + hot, work) > 10
    assert numbers[0][0] != numbers[1][0], "the oldest segment was cleaned"


def test_the_first_document_cut_anywhere():
    assert _cut([], lambda do: do("put", "a", {"n": 1})) > 3


def test_a_full_flash_loses_nothing_and_goes_on_when_there_is_room():
    board = _board([(f"key {number}", document(Dice(number + 1), 300)) for number in range(20)], 32)
    board.boot()
    table = opened(store)
    model = content(table)
    number = 0
    try:
        for number in range(1000):
            with open(f"/filler{number}", "wb") as file:
                file.write(bytes(3000))
    except OSError:
        pass
    for _ in range(4):
        number -= 1
        os.remove(f"/filler{number}")
    failures = 0
    for step in range(12):
        before = board.flash.operations
        try:
            table.put("more", {"n": step, "text": "y" * 900})
            model["more"] = {"n": step, "text": "y" * 900}
        except Failure as failure:
            assert failure.kind == GIVE_UP and "flash is full" in str(failure)
            assert board.flash.operations == before, "a refusal does not wear the flash"
            failures += 1
        assert content(table) == model
    assert failures
    assert content(opened(store)) == model
    for name in range(number):
        os.remove(f"/filler{name}")
    table.put("more", {"n": 5})
    model["more"] = {"n": 5}
    assert table.delete("key 3")
    model.pop("key 3")
    board.off()
    board.boot()
    assert content(opened(store)) == model


def test_a_flash_that_fails_is_a_failure_and_loses_nothing():
    board = _board([(f"key {number}", document(Dice(number + 1), 200)) for number in range(20)])
    board.boot()
    table = opened(store)
    model = content(table)
    board.flash.broken = True
    for size in (20, 900):
        failure = raises(Failure, table.put, "key 1", document(Dice(1), size))
        assert failure.kind == AGAIN and "flash error" in str(failure)
    raises(Failure, table.delete, "key 1")
    assert content(table) == model
    board.flash.broken = False
    table.put("key 1", {"n": 1})
    model["key 1"] = {"n": 1}
    assert content(table) == model == content(opened(store))


def test_the_service_opens_what_is_there():
    _board([("a", {"n": 1})]).boot()
    store.write(paths.TABLES + "/no table", b"x")
    store.write(paths.TABLES + "/No.tail", b"x")
    store.write(paths.TABLES + "/damaged.tail", b"\n12345678=a\t{}")

    async def work(service):
        assert service.counts() == {"damaged": 0, "readings": 1}
        table = service.table("readings")
        assert table is service.table("readings") and table.get("a") == {"n": 1}
        found = []
        async for key, value in table.find():
            found.append((key, value))
        assert found == [("a", {"n": 1})]
        service.table("new").put("b", {})
        service.state.services = {"database": service}
        assert page._memory(service.state)["tables"] == {"damaged": 0, "readings": 1, "new": 1}
        facts = service.facts()
        assert facts["tables"] == {"damaged": 0, "readings": 1, "new": 1}
        assert facts["damaged"] == 1 and facts["bytes"] > 20 and facts["written"] > 10

    service, lines = with_database(work)
    assert lines == ["damaged: 1 damaged records were skipped", "2 tables, 1 documents"]
    assert raises(Failure, service.table, "readings").kind == AGAIN


def test_the_service_has_limits():
    _board().boot()

    async def work(service):
        for name in ("a", "b", "c"):
            service.table(name).put("first", {})
        failure = raises(Failure, service.table, "d")
        assert failure.kind == GIVE_UP and "3 tables already" in str(failure)
        assert raises(Failure, service.table, "../d").kind == GIVE_UP
        table = service.table("a")
        for number in range(97):
            table.put(f"k{number}", {})
        failure = raises(Failure, service.table("b").put, "k", {})
        assert "the database is full (100 documents)" in str(failure)
        table.put("k1", {"n": 1})
        assert table.delete("k2") and service.table("b").put("k", {}) is None
        failure = None
        for number in range(3, 97):
            try:
                table.put(f"k{number}", {"text": "x" * 700})
            except Failure as error:
                failure = error
                break
        assert "the table a is full" in str(failure) and failure.advice
        assert table.bytes <= 20000
        table.put("first", {})

    with_database(work)


def test_a_table_that_was_kept_does_nothing_after_the_service_was_stopped():
    _board().boot()
    kept = []

    async def work(service):
        kept.append(service.table("a"))
        kept[0].put("k", {"n": 1})

    with_database(work, State(None))
    assert raises(Failure, kept[0].put, "k", {}).kind == AGAIN

    async def again(service):
        assert service.table("a").get("k") == {"n": 1}

    with_database(again, State(None))


def test_a_search_lets_other_tasks_run():
    _board([(f"key {number}", {"n": number}) for number in range(50)]).boot()
    turns = []

    async def other():
        while True:
            turns.append(1)
            await asyncio.sleep_ms(0)

    async def work(service):
        task = asyncio.create_task(other())
        async for _ in service.table("readings").find(lambda key, value: False):
            pass
        task.cancel()

    with_database(work)
    assert len(turns) >= 50
