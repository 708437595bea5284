"""The queue on a real LittleFS, power cut at every operation; run under MicroPython by test_queue.py."""

import gc

from small_flash import Board, cut_everywhere

from device.core import paths
from device.core.backlog import MARK_EVERY, Backlog
from device.core.queue import Queue
from device.port import store

LIMITS = (32768, 2048, 10, 3600)


def _opened():
    return Queue(LIMITS, lambda: Backlog(store), bool(store.sizes(paths.QUEUE)))


def _put(queue, numbers, size):
    for number in numbers:
        text = f"{number} ".encode()
        queue.put(f"t/{number}", text + b"x" * (size - len(text)), 0)
    queue.store(0)


def _numbers(queue, most=10000):
    found = []
    while len(found) < most:
        first = queue.first()
        if first is None:
            break
        found.append(int(first[1][2:]))
        assert first[2].startswith(f"{found[-1]} ".encode())
        queue.done(first[0])
    return found


def _cut(before, steps, size, blocks=40):
    """Cut `steps` at each operation: a number puts and stores so many, a negative one delivers so many."""
    board = Board(blocks)
    board.boot()
    queue = _opened()
    if before:
        _put(queue, range(before), size)
    board.off()
    seen = [0, 0, 0]  # stored, put, delivered

    def run():
        seen[:] = [before, before, 0]
        queue = _opened()
        for step in steps:
            if step > 0:
                seen[1] += step
                _put(queue, range(seen[1] - step, seen[1]), size)
                seen[0] = seen[1]
            else:
                for _ in range(-step):
                    first = queue.first()
                    assert int(first[1][2:]) == seen[2]
                    seen[2] += 1
                    queue.done(first[0])

    def check(copy, done):
        stored, put, delivered = seen
        copy.boot()
        gc.collect()  # files that the cut has left open
        queue = _opened()
        found = _numbers(queue)
        assert found == sorted(set(found)), found
        assert set(range(delivered, stored)) <= set(found) and (not found or found[-1] < put), (found, seen)
        assert not found or found[0] >= delivered - MARK_EVERY, (found, seen)
        if done:
            assert found[-1] == put - 1 if found else delivered == put
        assert store.sizes(paths.QUEUE) == {}, store.sizes(paths.QUEUE)
        _put(queue, [7, 8], 30)
        assert _numbers(_opened()) == [7, 8]

    return cut_everywhere(board, run, check)


def test_short_messages_cut_anywhere():
    assert _cut(0, (3, 2, -1, 4, 12, -20), 60) > 20


def test_segments_cut_anywhere():
    assert _cut(30, (10, -35, 20, 20, -45), 200) > 60


def test_long_messages_cut_anywhere():
    assert _cut(1, (1, 2, -2, 1, -3), 6000, 60) > 20


def test_the_heap_does_not_grow_with_what_waits():
    board = Board(60)
    board.boot()
    queue = Queue((131072, 2048, 10, 3600), lambda: Backlog(store), False)
    used = []
    for number in range(400):
        queue.make_room(110, number * 2000)
        queue.put(f"t/{number}", bytes(100), number * 2000)
        if number in (100, 399):
            gc.collect()
            used.append(gc.mem_alloc())
    assert queue.count() == 400 and queue._used <= 2048
    assert used[1] - used[0] < 4000, used
    board.off()


def test_a_full_flash_refuses_and_goes_on():
    board = Board(24)
    board.boot()
    queue = _opened()
    refused = 0
    for number in range(300):
        queue.make_room(200, number * 2000)
        queue.put(f"t/{number}", f"{number} ".encode() + b"x" * 190, number * 2000)
        refused = queue.dropped
    assert refused and store.space()[0] >= 20000
    found = _numbers(queue)
    assert found == sorted(set(found)) and len(found) + queue.dropped == 300
    board.off()
