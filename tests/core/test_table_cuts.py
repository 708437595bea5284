"""A table after power cuts, and on a flash that fails, is full or loses bytes: nothing stored is lost."""

from device.core import paths, records
from device.core.failures import GIVE_UP, Failure
from device.core.segments import TAIL
from flash import Flash
from tables import Dice, content, document, opened, play


class _Recorder:
    """What is on the flash after each change, with what the table held and what it was to hold."""

    def __init__(self):
        self.flash = Flash(self._changed)
        self.before = {}
        self.after = {}
        self.moments = []

    def _changed(self):
        files = {path: self.flash.files[path] for path in self.flash.files}
        self.moments.append((files, self.before, self.after))

    def do(self, table, key, value):
        self.after = dict(self.before)
        if isinstance(key, dict):
            self.after.update(key)
            table.put_all(key)
        elif value is None:
            self.after.pop(key, None)
            table.delete(key)
        else:
            self.after[key] = value
            table.put(key, value)
        self.before = self.after


def _long_run(recorder, steps=260, seed=3):
    """Operations that fill, empty and clean several segments, some of them cold."""
    dice = Dice(seed)
    table = opened(recorder.flash)
    for number in range(12):
        recorder.do(table, f"cold {number}", document(dice, 200))
    for _ in range(steps):
        key = f"key {dice.below(6)}"
        choice = dice.below(8)
        if choice == 0:
            recorder.do(table, {f"key {dice.below(6)}": document(dice, 300) for _ in range(4)}, None)
        elif choice < 3:
            recorder.do(table, key, None)
        else:
            recorder.do(table, key, document(dice))
    return table


def test_a_cut_at_any_change_leaves_what_was_stored():
    recorder = _Recorder()
    _long_run(recorder)
    numbers = {path.rpartition(".")[2] for files, _, _ in recorder.moments for path in files}
    assert len(numbers) > 12, "segments were cleaned"
    seen = [0, 0]
    for files, before, after in recorder.moments:
        flash = Flash()
        flash.files = dict(files)
        flash.directories.add(paths.TABLES)
        table = opened(flash)
        found = content(table)
        assert found in (before, after) and table.damaged == 0
        seen[found == after] += 1
        table.put("next", {"n": 1})
        found["next"] = {"n": 1}
        assert content(opened(flash)) == found
    assert min(seen) > 10, seen


def test_a_flash_that_fails_at_any_change_loses_nothing():
    failed = 0
    for change in range(0, 400, 3):
        recorder = _Recorder()
        recorder.flash.fail_at(change)
        try:
            table = _long_run(recorder, 200)
        except Failure:
            failed += 1
            table = None
        if not recorder.flash.failed:
            break
        flash = recorder.flash
        found = content(opened(flash))
        assert found in (recorder.before, recorder.after)
        if table:
            assert content(table) == found, "only cleaning has failed, which is not told"
    assert failed > 30


def test_after_a_failure_the_same_table_goes_on():
    for change in range(0, 60):
        flash, model, dice = Flash(), {}, Dice(change + 1)
        table = opened(flash)
        play(table, model, dice, 30, 8)
        flash.fail_at(change)
        doubtful = {}
        for step in range(60):
            key = f"key {dice.below(8)}"
            value = document(dice)
            try:
                table.put(key, value)
                model[key] = value
                doubtful.pop(key, None)
            except Failure:
                doubtful[key] = value
            assert content(table) == model, step
        found = content(opened(flash))
        for key in doubtful:
            assert found.pop(key, None) in (model.pop(key, None), doubtful[key])
        assert found == model


def _log(flash):
    """The paths of the table's files, in the order of the log."""
    names = flash.sizes(paths.TABLES)
    found = sorted(name for name in names if not name.endswith(TAIL))
    return [paths.TABLES + "/" + name for name in found + [name for name in names if name.endswith(TAIL)]]


def test_truncated_at_every_byte_it_holds_what_comes_before():
    flash, dice, model = Flash(), Dice(5), {}
    table = opened(flash)
    states = [(0, {})]
    size = 0
    for number in range(26):
        key = f"key {dice.below(8)}"
        if number % 5 == 4 and key in model:
            del model[key]
            table.delete(key)
            size += len(records.make(records.DELETE, key))
        else:
            model[key] = document(dice, number)
            table.put(key, model[key])
            size += len(records.make(records.PUT, key, records.text(model[key])))
        states.append((size, dict(model)))
    files = _log(flash)
    whole = dict(flash.files)
    assert len(files) == 2 and sum(len(whole[path]) for path in files) == size
    for end in range(size + 1):
        copy = Flash()
        copy.directories.add(paths.TABLES)
        left = end
        for path in files:
            copy.files[path] = whole[path][:left]
            left -= len(copy.files[path])
        expected = [state for at, state in states if at <= end][-1]
        table = opened(copy)
        assert content(table) == expected, end
        assert table.damaged == (end not in [at for at, _ in states])
        table.put("next", {"n": end})
        assert content(opened(copy)) == dict(expected, next={"n": end})


def test_a_damaged_byte_costs_at_most_two_records():
    flash = Flash()
    table = opened(flash)
    model = {f"k{number}": {"n": number} for number in range(40)}
    for key in sorted(model):
        table.put(key, model[key])
    for path in _log(flash):
        whole = flash.files[path]
        for at in range(len(whole)):
            for value in (whole[at] ^ 1, 10):
                copy = Flash()
                copy.directories.add(paths.TABLES)
                copy.files = dict(flash.files)
                copy.files[path] = whole[:at] + bytes([value]) + whole[at + 1 :]
                table = opened(copy)
                found = content(table)
                assert all(model[key] == found[key] for key in found)
                assert len(found) >= 38 and (len(found) == 40 or table.damaged)


def test_damage_while_it_runs_is_skipped_counted_and_survived():
    for spoil in (b"", b"\n", b"\xff" * 700, b"\n00000000=a\t{}" * 20):
        flash, dice, model = Flash(), Dice(9), {}
        table = opened(flash)
        for number in range(60):
            model[f"key {number}"] = document(dice)
            table.put(f"key {number}", model[f"key {number}"])
        path = _log(flash)[0]
        flash.files[path] = (flash.files[path][:500] + spoil)[: len(flash.files[path])]
        found = dict(table.find())
        assert table.damaged and len(found) <= len(model)
        assert all(model[key] == found[key] for key in found) and table.count() == len(found)
        play(table, found, dice, 200, 20)
        assert content(table) == found


def test_records_with_a_right_sum_and_wrong_content_are_damage():
    bad = [
        records.make("=", "a", b"[]"),
        records.make("=", "a", b"{"),
        records.make("=", "a", b"\xff\xfe"),
        records.make("=", "a", b"[" * 600),
        records.make("=", ""),
        records.make("=", "a"),
        records.make("-", "a", b"{}"),
        records.make("?", "a", b"{}"),
        records.make("=", "k" * 70, b"{}"),
        records.make("=", "a", b'{"x":"' + b"y" * 3000 + b'"}'),
        b"\n",
        b"\nno record",
        b"\n" + bytes(3000),
        (b"\n" + bytes(600)) * 9,
    ]
    for line in bad:
        flash = Flash()
        opened(flash).put("b", {"n": 1})
        flash.append(paths.TABLES + "/readings." + TAIL, [line])
        table = opened(flash)
        assert table.get("a") is None and content(table) == {"b": {"n": 1}}, line[:20]
        assert table.damaged
        table.put("a", {"n": 2})
        assert content(opened(flash)) == {"a": {"n": 2}, "b": {"n": 1}}


def test_a_full_flash_refuses_documents_and_lets_them_be_deleted():
    flash = Flash()
    table = opened(flash)
    model = {f"k{number}": document(Dice(number + 1), 200) for number in range(40)}
    for key in model:
        table.put(key, model[key])
    flash.space = lambda: (32000, 1000000)
    failure = None
    while failure is None:
        try:
            table.put("more", document(Dice(1), 900))
            model["more"] = document(Dice(1), 900)
        except Failure as error:
            failure = error
    assert failure.kind == GIVE_UP and "flash is full" in str(failure)
    assert content(table) == model == content(opened(flash))
    before = len(flash.files)
    for key in list(model):
        assert table.delete(key)
    assert table.count() == 0 and len(flash.files) < before
    assert content(opened(flash)) == {}
