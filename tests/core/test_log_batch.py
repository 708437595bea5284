"""Batches of log lines: the time of each, also of those before the clock was known, and the limits."""

import json

from device.core import log_batch
from device.core.log import INFO, Ring

DAY_MS = 86400000
NOW_S = 1795933871
NOW_MS = NOW_S * 1000


def _ring(*runs):
    """A ring with lines at these milliseconds of each run, and what was stamped at the end of each."""
    buffer = bytearray(2048)
    ring = None
    for run, stamp in runs:
        ring = Ring(buffer)
        for ms in run:
            ring.add(ms, INFO, "app", f"said at {ms}")
            if stamp:
                ring.stamp(stamp, ms)
    return ring


def _times(ring, start):
    found = log_batch.starts(ring, start)
    return [log_batch.when(found, line[0], line[4]) for line in ring.lines()]


def test_lines_of_this_run_follow_from_the_clock_of_now():
    ring = _ring(([10, 2000, 9000], 0))
    start = log_batch.started(10000, NOW_S, None)
    assert _times(ring, start) == [NOW_MS - 9990, NOW_MS - 8000, NOW_MS - 1000]


def test_the_start_changes_with_the_clock_and_not_from_second_to_second():
    start = log_batch.started(10000, NOW_S, None)
    assert log_batch.started(11999, NOW_S + 1, start) == start
    assert log_batch.started(11999, NOW_S + 3600, start) == (NOW_S + 3600) * 1000 - 11999
    assert log_batch.started(12000, 5, start) == 5000 - 12000


def test_milliseconds_wrap_after_weeks():
    now_ms = (1 << 32) + 5000
    ring = _ring(([(1 << 32) - 1000, 2000], 0))
    assert _times(ring, log_batch.started(now_ms, NOW_S, None)) == [NOW_MS - 5000, NOW_MS - 3000]


def test_a_run_before_whose_end_is_known_has_its_own_time():
    ring = _ring(([100, 5100], NOW_S - 3600), ([50, 60], 0))
    start = log_batch.started(1000, NOW_S, None)
    end_ms = (NOW_S - 3600) * 1000
    assert _times(ring, start) == [end_ms - 5000, end_ms, start + 50, start + 60]


def test_a_run_before_ended_when_the_next_began():
    ring = _ring(([100, 5100], 0), ([70], 0), ([50], 0))
    start = log_batch.started(1000, NOW_S, None)
    assert _times(ring, start) == [start - 5070, start - 70, start, start + 50]


def test_a_clock_that_went_back_keeps_runs_in_order():
    ring = _ring(([100, 5100], NOW_S + 9999), ([50], 0))
    start = log_batch.started(1000, NOW_S, None)
    assert _times(ring, start) == [start - 5000, start, start + 50]


def test_nothing_said_since_the_start():
    buffer = bytearray(2048)
    Ring(buffer).add(5, INFO, "a", "b")
    ring = Ring(buffer)
    start = log_batch.started(1000, NOW_S, None)
    assert _times(ring, start) == [start]


def test_an_empty_ring():
    assert log_batch.starts(Ring(bytearray(2048)), 7) == [(None, 7)]


def _events(batch):
    return json.loads(bytes(batch.closed(b"]", 7)[0]))


def test_events_are_json():
    batch = log_batch.Batch(NOW_MS, 16)
    for at_ms, text in ((3, 'quote " and \n line'), (3, "caf\xe9 \U0001f41d"), (5, "later")):
        assert batch.add(NOW_MS - 100 + at_ms, text)
    payload, count, left_out, place = batch.closed(b"]", 7)
    assert (count, left_out, place) == (3, 0, 7)
    events = json.loads(bytes(payload))
    assert [event["timestamp"] for event in events] == [NOW_MS - 97, NOW_MS - 97, NOW_MS - 95]
    assert [event["message"] for event in events] == ['quote " and \n line', "caf\xe9 \U0001f41d", "later"]


def test_an_earlier_time_waits_for_the_next_batch():
    batch = log_batch.Batch(NOW_MS, 16)
    assert batch.add(NOW_MS - 5, "a") and not batch.add(NOW_MS - 6, "b") and batch.add(NOW_MS - 5, "c")
    assert [event["message"] for event in _events(batch)] == ["a", "c"]


def test_a_batch_has_limits():
    one = log_batch.Batch(NOW_MS, 1)
    assert one.add(NOW_MS, "x") and not one.add(NOW_MS, "x")
    large = log_batch.Batch(NOW_MS, 16)
    count = 0
    while large.add(NOW_MS, "\xe9" * 200):
        count += 1
    assert count == 3, "426 bytes each"
    alone = log_batch.Batch(NOW_MS, 16)
    assert alone.add(NOW_MS, "\xe9" * 5000), "a line that is too long for any batch is cut"
    assert len(_events(alone)[0]["message"]) == 1000


def test_a_batch_spans_less_than_a_day():
    batch = log_batch.Batch(NOW_MS, 16)
    assert batch.add(NOW_MS - DAY_MS - 5000, "a") and batch.add(NOW_MS - DAY_MS + 5000, "b")
    assert not batch.add(NOW_MS, "c")


def test_what_is_too_old_is_left_out_and_the_future_is_now():
    batch = log_batch.Batch(NOW_MS, 16)
    assert batch.add(NOW_MS - 14 * DAY_MS, "old") and batch.closed(b"", 0)[1:3] == (0, 1)
    batch = log_batch.Batch(NOW_MS, 16)
    assert batch.add(NOW_MS + DAY_MS, "future")
    assert _events(batch) == [{"timestamp": NOW_MS, "message": "future"}]
