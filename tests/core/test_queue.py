"""The publish queue against a list: order, limits, what goes to the flash and when; cuts at every change."""

from check import raises
from device.core import paths
from device.core.backlog import MARK_EVERY, MAX_PAYLOAD, SEGMENT_BYTES, TAIL_BYTES, Backlog, record
from device.core.failures import Failure
from device.core.queue import DEFAULTS, Queue
from flash import Flash
from tables import Dice

LIMITS = (32768, 2048, 10, 360)


def opened(flash, limits=LIMITS):
    """The queue as the service opens it after a start."""
    return Queue(limits, lambda: Backlog(flash), bool(flash.sizes(paths.QUEUE)))


def message(number, size=40):
    text = f"{number} ".encode()
    return f"t/{number}", text + b"x" * (size - len(text))


def put_all(queue, numbers, now_ms=0, size=40):
    for number in numbers:
        topic, payload = message(number, size)
        queue.make_room(len(topic) + len(payload), now_ms)
        queue.put(topic, payload, now_ms)


def drained(queue):
    """The numbers of the messages that are delivered, in order."""
    found = []
    while True:
        first = queue.first()
        if first is None:
            return found
        number = int(first[1][2:])
        assert first[1:] == message(number, len(first[2]))
        found.append(number)
        queue.done(first[0])


def test_the_defaults_are_those_of_the_settings():
    assert DEFAULTS == LIMITS


def test_what_is_delivered_quickly_costs_no_write():
    flash = Flash()
    queue = opened(flash)
    for number in range(50):
        put_all(queue, [number], number * 1000)
        assert not queue.is_due(number * 1000 + 900, False)
        assert drained(queue) == [number] and queue.first() is None
    assert flash.files == {} and queue.facts()["writes"] == 0 and queue.count() == 0


def test_what_waits_goes_to_the_flash_in_one_write_and_is_removed_when_it_is_delivered():
    flash = Flash()
    queue = opened(flash)
    assert not queue.is_due(99999, True)
    put_all(queue, range(5), 100)
    assert not queue.is_due(10099, False) and queue.is_due(10100, False)
    assert not queue.is_due(1099, True) and queue.is_due(1100, True)
    changes = flash.changes
    queue.store(1100)
    assert flash.changes - changes <= 6, "directories, and one file"
    assert queue.facts()["writes"] == 1 and queue.count() == 5 and not queue.is_due(99999, True)
    put_all(queue, range(5, 8), 1200)
    queue = opened(flash)
    assert queue.count() == 5 and queue.last == 5, "what was in memory only is lost with the power"
    put_all(queue, range(5, 8))
    assert drained(queue) == list(range(8))
    assert flash.sizes(paths.QUEUE) == {} and not queue.is_on_flash() and queue.count() == 0
    put_all(queue, range(8, 10))
    assert drained(queue) == [8, 9]


def test_a_message_that_was_sent_while_it_went_to_the_flash_is_not_sent_again():
    flash = Flash()
    queue = opened(flash)
    put_all(queue, range(4))
    number = queue.first()[0]
    queue.store(0)
    queue.done(number)
    assert drained(queue) == [1, 2, 3]


def test_random_operations_as_on_a_list_and_after_each_start():
    for seed in range(1, 7):
        flash, model, dice, next_number, now_ms = Flash(), [], Dice(seed), 0, 0
        for _ in range(4):
            queue = opened(flash, (1048576, 2048, 10, 3600))
            for _ in range(150):
                now_ms += 1000
                choice = dice.below(10)
                if choice < 5:
                    put_all(queue, [next_number], now_ms, 8 + dice.below(400))
                    model.append(next_number)
                    next_number += 1
                elif choice < 7:
                    queue.store(now_ms)
                elif choice < 9:
                    for _ in range(dice.below(6)):
                        first = queue.first()
                        assert (int(first[1][2:]) if first else None) == (model[0] if model else None)
                        if first:
                            queue.done(first[0])
                            model.pop(0)
                assert queue.count() == len(model) and queue.dropped == 0
            queue.close(now_ms)
            sizes = flash.sizes(paths.QUEUE)
            assert not sizes or max(sizes.values()) <= SEGMENT_BYTES
            assert sizes.get("tail", 0) <= TAIL_BYTES
        assert drained(opened(flash)) == model and flash.sizes(paths.QUEUE) == {}


def test_the_oldest_is_dropped_and_counted_when_the_flash_has_its_share():
    flash = Flash()
    queue = opened(flash, (16384, 2048, 10, 3600))
    for number in range(300):
        put_all(queue, [number], number * 1000, 180)
        if number % 4 == 3:
            queue.store(number * 1000)
        assert queue.facts()["bytes"] <= 16384 + 2048
        assert sum(flash.sizes(paths.QUEUE).values()) <= 16384 + SEGMENT_BYTES
    waiting = queue.count()
    assert queue.dropped == 300 - waiting and waiting > 60
    assert drained(queue) == list(range(300 - waiting, 300))


def test_writes_are_limited_and_what_finds_no_room_is_dropped_from_memory():
    flash = Flash()
    queue = opened(flash, (32768, 512, 10, 60))
    lost = []
    for number in range(600):
        topic, payload = message(number, 100)
        lost += queue.make_room(len(topic) + len(payload), number * 1000)
        queue.put(topic, payload, number * 1000)
        if queue.is_due(number * 1000, True):
            queue.store(number * 1000)
    assert queue.facts()["writes"] <= 10 + 11, "ten at once, then one a minute"
    found = drained(queue)
    assert found == sorted(found) and queue.dropped == 600 - len(found) and queue.dropped > 400
    assert set(lost) == {number + 1 for number in range(600)} - {number + 1 for number in found}


def test_long_messages():
    flash = Flash()
    queue = opened(flash)
    for number in range(3):
        put_all(queue, [number], 0, MAX_PAYLOAD)
        assert queue.facts()["bytes"] - queue._used <= 32768
    queue.close(0)
    queue = opened(flash)
    assert drained(queue) == [0, 1, 2]


def test_who_stops_waiting_takes_it_back():
    queue = opened(Flash())
    put_all(queue, range(3))
    queue.take_back(2)
    queue.take_back(9)
    assert drained(queue) == [0, 2] and queue._used == 0
    put_all(queue, [3])
    queue.store(0)
    queue.take_back(4)
    assert drained(queue) == [3], "it was on the flash"


def test_a_full_flash_leaves_messages_in_memory():
    flash = Flash()
    queue = opened(flash)
    put_all(queue, range(4), 0, 200)
    flash.space = lambda: (30000, 1000000)
    assert "flash is full" in str(raises(Failure, queue.store, 0))
    assert queue.count() == 4
    put_all(queue, range(4, 40), 0, 200)
    assert queue.dropped > 20
    flash.space = lambda: (60000, 1000000)
    queue.store(60000)
    found = drained(queue)
    assert found == list(range(40 - len(found), 40)) and len(found) + queue.dropped == 40


class _Recorder:
    """What is on the flash after each change, with what must and what may be there."""

    def __init__(self):
        self.flash = Flash(self._changed)
        self.kept = 0  # messages up to this one are acknowledged as stored
        self.put = 0
        self.delivered = 0
        self.moments = []

    def _changed(self):
        files = {path: self.flash.files[path] for path in self.flash.files}
        self.moments.append((files, self.kept, self.put, self.delivered))


def _run(recorder, steps, seed):
    dice = Dice(seed)
    queue = opened(recorder.flash, (1048576, 2048, 10, 3600))
    for step in range(steps):
        choice = dice.below(9)
        if choice < 5:
            recorder.put += 1
            put_all(queue, [recorder.put], step * 1000, 8 + dice.below(300))
        elif choice < 7:
            queue.store(step * 1000)
            recorder.kept = recorder.put
        else:
            for _ in range(dice.below(12)):
                first = queue.first()
                if first:
                    assert int(first[1][2:]) == recorder.delivered + 1
                    recorder.delivered += 1
                    recorder.kept = max(recorder.kept, recorder.delivered)
                    queue.done(first[0])


def test_a_cut_at_any_change_loses_nothing_that_was_stored_and_keeps_the_order():
    most = 0
    for seed in (3, 4):
        recorder = _Recorder()
        _run(recorder, 300, seed)
        assert len(recorder.moments) > 100
        for files, kept, put, delivered in recorder.moments:
            flash = Flash()
            flash.files = dict(files)
            flash.directories.add(paths.QUEUE)
            queue = opened(flash)
            put_all(queue, [put + 1])
            found = drained(queue)
            assert found == sorted(set(found)), "in order, once"
            assert found[-1] == put + 1 and set(range(delivered + 1, kept + 1)) <= set(found)
            assert found[0] > delivered - MARK_EVERY - 1, "few come again"
            most = max(most, delivered + 1 - found[0])
            assert flash.sizes(paths.QUEUE) == {} and queue.damaged == 0
    assert most > 3, "some were delivered again"


def test_a_flash_that_fails_at_any_change_loses_nothing_that_was_stored():
    failed = 0
    for change in range(150):
        recorder = _Recorder()
        recorder.flash.fail_at(change)
        try:
            _run(recorder, 200, 5)
        except Failure:
            failed += 1
        found = drained(opened(recorder.flash))
        assert found == sorted(set(found)) and (not found or found[0] > recorder.delivered - MARK_EVERY - 1)
        assert set(range(recorder.delivered + 1, recorder.kept + 1)) <= set(found)
    assert failed > 50


def test_damage_costs_few_messages_and_never_the_order():
    flash = Flash()
    queue = opened(flash)
    put_all(queue, range(12), 0, 60)
    queue.close(0)
    put_all(queue, range(12, 16), 0, 60)
    queue.close(0)
    assert len(flash.sizes(paths.QUEUE)) == 2
    for name in sorted(flash.sizes(paths.QUEUE)):
        path = paths.QUEUE + "/" + name
        whole = flash.files[path]
        for at in range(len(whole)):
            copy = Flash()
            copy.directories.add(paths.QUEUE)
            copy.files = dict(flash.files)
            copy.files[path] = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
            queue = opened(copy)
            put_all(queue, [16])
            found = drained(queue)
            assert found == sorted(set(found)) and len(found) >= 15 and found[-1] == 16, (name, at, found)
            assert copy.sizes(paths.QUEUE) == {}


def test_files_of_others_and_nonsense_are_survived():
    nonsense = (b"", b"\n", b"\nQ", b"\nQ" * 3000, bytes(5000), record(0x3FFFFFFF, "t/1", b"x")[:-1])
    for name in ("tail", "0001", "done", "x.txt", "0x12", "zz"):
        for raw in nonsense:
            flash = Flash()
            flash.write(paths.QUEUE + "/" + name, raw)
            queue = opened(flash)
            put_all(queue, [1, 2])
            queue.store(0)
            assert drained(queue) == [1, 2], (name, raw[:9])
            queue = opened(flash)
            put_all(queue, [3])
            assert drained(queue) == [3]


def test_numbers_go_on_after_a_cut_between_the_last_file_and_the_mark():
    flash = Flash()
    queue = opened(flash)
    put_all(queue, range(30))
    queue.store(0)
    for _ in range(20):
        queue.done(queue.first()[0])
    mark = flash.files[paths.QUEUE + "/done"]
    assert drained(queue) == list(range(20, 30))
    flash.write(paths.QUEUE + "/done", mark)
    queue = opened(flash)
    put_all(queue, [1, 2])
    queue.store(0)
    assert drained(opened(flash)) == [1, 2]
