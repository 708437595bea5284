"""A table of the database against a dict: its calls, its searches, its limits."""

from check import raises
from device.core import paths, records
from device.core.failures import AGAIN, GIVE_UP, Failure
from device.core.segments import MAX_BATCH, SEGMENT_BYTES, TAIL, TAIL_BYTES
from flash import Flash
from tables import TWINS, Dice, content, document, opened, play


def test_put_get_delete_count_find():
    table = opened(Flash())
    assert table.get("a") is None and table.count() == 0 and not list(table.find())
    table.put("a", {"celsius": 21})
    table.put("b", {"celsius": 35, "name": "söme"})
    table.put("a", {"celsius": 22})
    assert table.get("a") == {"celsius": 22} and table.get("c") is None
    assert list(table.find()) == [("b", {"celsius": 35, "name": "söme"}), ("a", {"celsius": 22})]
    assert list(table.find(lambda key, value: value["celsius"] > 30)) == [("b", table.get("b"))]
    assert table.delete("a") and not table.delete("a") and not table.delete("never")
    assert table.get("a") is None and table.count() == 1


def test_random_operations_as_on_a_dict_and_after_each_start():
    for seed in range(1, 7):
        flash, model, dice = Flash(), {}, Dice(seed)
        for _ in range(6):
            table = opened(flash)
            assert content(table) == model and table.damaged == 0
            play(table, model, dice, 120)
            assert content(table) == model
        assert content(opened(flash)) == model
        sizes = flash.sizes(paths.TABLES)
        assert max(sizes.values()) <= SEGMENT_BYTES and len(sizes) < 12, sizes
        assert opened(flash).bytes == table.bytes


def test_the_index_takes_two_keys_of_one_hash_apart():
    assert records.key_hash(TWINS[0]) == records.key_hash(TWINS[1])
    for first, second in (TWINS, (TWINS[1], TWINS[0])):
        flash = Flash()
        table = opened(flash)
        table.put(first, {"n": 1})
        assert table.get(second) is None and not table.delete(second)
        table.put_all({second: {"n": 2}, "x": {}})
        for _ in range(2):
            assert content(table) == {first: {"n": 1}, second: {"n": 2}, "x": {}}
            table = opened(flash)
        assert table.delete(first) and content(table) == {second: {"n": 2}, "x": {}}
        table = opened(flash)
        table.put(second, {"n": 3})
        table.put(first, {"n": 4})
        assert content(opened(flash)) == {first: {"n": 4}, second: {"n": 3}, "x": {}}
        assert table.delete(second) and table.delete(first)
        assert content(opened(flash)) == {"x": {}}
    table = opened(Flash())
    table.put_all({TWINS[0]: {"n": 1}, TWINS[1]: {"n": 2}})
    assert content(table) == {TWINS[0]: {"n": 1}, TWINS[1]: {"n": 2}}


def test_what_cannot_be_stored_is_refused_and_changes_nothing():
    flash = Flash()
    table = opened(flash)
    table.put("a", {"n": 1})
    before = dict(flash.files)
    for key in ("", "k" * 65, "a\tb", "a\n", "ä", "\x7f", None, 5, b"a"):
        failure = raises(Failure, table.put, key, {})
        assert failure.kind == GIVE_UP and "key" in str(failure) and failure.advice
        raises(Failure, table.get, key)
        raises(Failure, table.delete, key)
    deep = []
    for _ in range(40):
        deep = [deep]
    for value in (None, [], "x", 5, {"n": deep}, {"n": object()}):
        failure = raises(Failure, table.put, "a", value)
        assert failure.kind == GIVE_UP and "JSON object" in str(failure)
    failure = raises(Failure, table.put, "a", {"text": "x" * 1014})
    assert "has 1025 bytes; the limit is 1024" in str(failure)
    failure = raises(Failure, table.put_all, {f"k{n}": document(Dice(1), 900) for n in range(4)})
    assert f"more than {MAX_BATCH} bytes" in str(failure)
    raises(Failure, table.put_all, {"b": {}, "c": 5})
    assert flash.files == before and content(table) == {"a": {"n": 1}}
    table.put("k" * 64, {"text": "x" * 1013})
    assert len(content(opened(flash))) == 2


def test_names_of_tables():
    for name in ("a", "readings", "a_b-9", "a" * 24):
        records.check_table(name)
    for name in ("", "A", "a.b", "../x", "a/b", "a" * 25, "ä", " a", None, 5, b"a", "a\n"):
        assert raises(Failure, records.check_table, name).kind == GIVE_UP


def test_tables_do_not_see_each_other():
    flash = Flash()
    for name in ("a", "b", "a-b"):
        opened(flash, name).put("key", {"of": name})
    for name in ("a", "b", "a-b"):
        assert content(opened(flash, name)) == {"key": {"of": name}}


def test_files_of_others_are_no_segments():
    flash = Flash()
    opened(flash).put("a", {"n": 1})
    opened(flash).put("a", {"text": "x" * 600})
    for end in ("txt", "", "0x12", "zz", "1", "0000", "-001", "00001", "000A"):
        flash.write(paths.TABLES + "/readings." + end, b"not a segment")
    table = opened(flash)
    assert content(table) == {"a": {"text": "x" * 600}} and table.damaged == 0
    for number in range(40):
        table.put("b", {"n": number, "text": "x" * 600})
    assert content(opened(flash)) == content(table) and table.count() == 2


def test_the_limits_are_asked_for_each_document():
    asked = []

    def allow(table, size, count):
        asked.append((size, count))
        if len(asked) > 3:
            raise Failure(GIVE_UP, "full")

    table = opened(Flash(), allow=allow)
    table.put("a", {"n": 1})
    table.put("a", {"n": 10})
    table.put_all({"a": {"n": 1}, "b": {"n": 2}})
    size = len(records.make("=", "a", records.text({"n": 1})))
    assert asked == [(size, 1), (1, 0), (size - 1, 1)]
    raises(Failure, table.put, "c", {})
    assert table.delete("b") and content(table) == {"a": {"n": 1}}


def test_find_gives_each_document_once_while_the_table_changes():
    for seed in range(1, 25):
        dice = Dice(seed)
        flash = Flash()
        table = opened(flash)
        model = {}
        steady = {f"steady {number}": document(dice) for number in range(20)}
        for key in steady:
            table.put(key, steady[key])
            play(table, model, dice, 3, 40)
        found = set()
        for key, value in table.find():
            assert key not in found, (seed, key)
            found.add(key)
            assert value == (steady if key in steady else model)[key]
            play(table, model, dice, dice.below(30), 40)
            for name in steady:
                if dice.below(20) == 0:
                    steady[name] = document(dice)
                    table.put(name, steady[name])
            table.put(f"new {len(found)}", {})
        assert all(key in found for key in steady), seed
        assert not any(key.startswith("new") for key in found)
        for key, _ in table.find():
            assert table.delete(key)
        assert table.count() == 0 and content(opened(flash)) == {}


def test_find_gives_the_oldest_first():
    table = opened(Flash())
    keys = [f"{number:03}" for number in range(100)]
    for key in keys:
        table.put(key, {"n": key})
    assert [key for key, _ in table.find()] == keys
    for key in keys[:60]:
        table.delete(key)
    assert [key for key, _ in table.find()] == keys[60:]


def test_searches_within_searches():
    table = opened(Flash())
    model = {f"k{number}": {"n": number} for number in range(30)}
    for key in model:
        table.put(key, model[key])
    outer = []
    for key, value in table.find():
        for other, _ in table.find():
            if other == "k3":
                break  # leaves a search that is not finished
        outer.append(key)
        assert len(dict(table.find())) == 30
        table.put(key, value)
    assert sorted(outer) == sorted(model)
    scans = [iter(table.find()) for _ in range(5)]
    for scan in scans:
        next(scan)
    assert raises(Failure, next, scans[0]).kind == AGAIN
    for scan in scans[1:]:
        assert len(list(scan)) == 29
    assert content(table) == model


def test_the_log_does_not_grow_without_end():
    flash, dice = Flash(), Dice(2)
    table = opened(flash)
    for number in range(30):
        table.put(f"cold {number}", document(dice, 250))
    most = 0
    for number in range(3000):
        table.put("hot", {"n": number})
        most = max(most, len(flash.files))
    assert most < 12 and table.count() == 31
    assert 20 < table.blocks < 60 and opened(flash).blocks == table.blocks
    assert table.written < 3000 * 900, "cleaning is rare"
    assert max(flash.sizes(paths.TABLES).values()) <= SEGMENT_BYTES
    assert len(flash.files[paths.TABLES + "/readings." + TAIL]) <= TAIL_BYTES


def test_a_table_of_a_stopped_database_does_nothing():
    flash = Flash()
    table = opened(flash)
    table.put("a", {"n": 1})
    scan = table.find()
    table.close()
    for call in (
        lambda: table.put("a", {}),
        lambda: table.get("a"),
        lambda: table.delete("a"),
        scan.__next__,
    ):
        failure = raises(Failure, call)
        assert failure.kind == AGAIN and "stopped" in str(failure)
    assert table.count() == 0 and content(opened(flash)) == {"a": {"n": 1}}
