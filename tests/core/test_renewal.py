"""When a certificate is renewed: the window, a time for each board, further tries, wrong clocks."""

from device.core import renewal

_DAY_S = 86400
_FROM_S = 1750000000


def _seeds(count):
    return [b"camera-%04d" % number for number in range(count)]


def test_it_is_due_in_the_last_part_of_its_life():
    for life_s in (60, 300, 3600, 7 * _DAY_S, 90 * _DAY_S, 24 * 365 * _DAY_S):
        for window in (1, 33, 100):
            for seed in _seeds(50):
                due_s = renewal.due_s(_FROM_S, _FROM_S + life_s, window, seed)
                assert life_s * (100 - window) // 100 <= due_s - _FROM_S <= life_s


def test_further_tries_fit_into_what_is_left():
    latest = [max(renewal.due_s(0, life_s, 33, seed) for seed in _seeds(1000)) for life_s in (60, 300, 9000)]
    assert latest[0] <= 60 - 4 and latest[1] <= 300 - 9 and latest[2] <= 9000 - 297


def test_a_board_has_a_time_of_its_own_that_stays():
    seeds = _seeds(1000)
    found = [renewal.due_s(0, 90 * _DAY_S, 33, seed) for seed in seeds]
    assert found == [renewal.due_s(0, 90 * _DAY_S, 33, seed) for seed in seeds]
    assert len(set(found)) > 990


def test_a_thousand_boards_that_were_provisioned_at_once_do_not_come_at_once():
    """Half an hour with certificates of five minutes: no tenth of a life has three times the mean."""
    life_s, end_s, bucket_s = 300, 1800, 30
    buckets = [0] * (end_s // bucket_s)
    for seed in _seeds(1000):
        made_s, number = 0, 0
        while True:
            made_s = renewal.due_s(made_s, made_s + life_s, 33, seed + b"%d" % number)
            number += 1
            if made_s >= end_s:
                break
            buckets[made_s // bucket_s] += 1
    mean = sum(buckets) / len(buckets)
    assert mean > 100 and max(buckets) < 3 * mean, (mean, buckets)
    later = buckets[len(buckets) // 2 :]
    assert max(later) < 2 * sum(later) / len(later), "they spread further each time"


def test_lives_without_a_length_are_due_at_once():
    assert renewal.due_s(100, 100, 33, b"") == 100
    assert renewal.due_s(100, 50, 33, b"") == 50


def test_tries_come_closer_together_as_the_end_does():
    for byte in (b"\0", b"\xff"):
        left_s, tries = 30 * _DAY_S, 0
        while left_s > 0:
            wait_s = renewal.retry_s(left_s, lambda count: byte * count)  # noqa: B023
            assert 5 <= wait_s <= max(10, min(left_s // 4, _DAY_S)), (left_s, wait_s)
            left_s, tries = left_s - wait_s, tries + 1
        assert 30 < tries < 200, tries


def test_after_the_end_it_is_tried_every_few_minutes():
    assert renewal.retry_s(0, bytes) == 300 == renewal.retry_s(-5, bytes)
    assert renewal.retry_s(-5, lambda count: b"\xff" * count) < 600


def test_a_clock_before_the_certificate_is_wrong():
    assert "before" in renewal.clock_fault(1000, 5000, 9000, True)
    assert renewal.clock_fault(4900, 5000, 9000, True) == ""


def test_a_clock_after_a_certificate_that_works_is_wrong():
    assert "ended" in renewal.clock_fault(9001, 5000, 9000, True)
    assert renewal.clock_fault(9001, 5000, 9000, False) == "", "it has ended while renewing failed"
    assert renewal.clock_fault(9000, 5000, 9000, True) == ""


def test_a_new_certificate_that_is_old_by_the_clock_is_not_renewed():
    year_s = 365 * _DAY_S
    assert "new" in renewal.clock_fault(_FROM_S + 300 * _DAY_S, _FROM_S, _FROM_S + year_s, True, 0)
    assert "new" in renewal.clock_fault(_FROM_S + 310 * _DAY_S, _FROM_S, _FROM_S + year_s, False, 10 * _DAY_S)
    assert renewal.clock_fault(_FROM_S + 300 * _DAY_S, _FROM_S, _FROM_S + year_s, False, 300 * _DAY_S) == ""
    assert renewal.clock_fault(_FROM_S + 170, _FROM_S, _FROM_S + 180, True, 0) == "", "made to begin earlier"


def test_a_life_in_words():
    found = [renewal.life_text(left_s) for left_s in (-1, 0, 119, 120, 7200, 172799, 172800, 90 * _DAY_S)]
    assert found == [
        "no longer",
        "0 seconds",
        "119 seconds",
        "2 minutes",
        "2 hours",
        "47 hours",
        "2 days",
        "90 days",
    ]
