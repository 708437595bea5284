"""Failures are values that keep their class; waiting between tries grows, has a ceiling, and is jittered."""

from device.core import failures
from device.core.failures import AGAIN, GIVE_UP, OVER, Backoff, Failure


def _fixed(value):
    return lambda count: value.to_bytes(4, "big")[:count]


def test_least_and_most_of_each_delay():
    least = Backoff(1000, 300000, _fixed(0))
    assert [least.next_ms() for _ in range(20)] == [1000] * 20
    for tries in range(20):
        window_ms = min(300000, 1000 << tries)
        most = Backoff(1000, 300000, _fixed(window_ms - 1))
        for _ in range(tries):
            most.next_ms()
        assert most.next_ms() == 1000 + window_ms - 1


def test_never_more_than_first_and_limit_together():
    backoff = Backoff(1000, 300000, _fixed(0xFFFFFFFF))
    assert max(backoff.next_ms() for _ in range(1000)) < 301000


def test_reset_starts_again():
    backoff = Backoff(1000, 300000, _fixed(123456789))
    first = [backoff.next_ms() for _ in range(5)]
    backoff.reset()
    assert [backoff.next_ms() for _ in range(5)] == first


def test_the_whole_window_is_used():
    class Source:
        at = 0

        def bytes(self, count):
            self.at += 1
            return (self.at * 2654435761 % (1 << 32)).to_bytes(4, "big")[:count]

    backoff = Backoff(1000, 300000, Source().bytes)
    for _ in range(9):
        backoff.next_ms()
    delays = [backoff.next_ms() for _ in range(300)]
    assert min(delays) < 31000 and max(delays) > 271000
    assert len(set(delays)) > 250
    assert 135000 < sum(delays) // len(delays) < 170000


def test_a_first_delay_above_the_limit_is_kept():
    backoff = Backoff(5000, 1000, _fixed(0xFFFFFFFF))
    assert 5000 <= backoff.next_ms() < 6000


_CLASSES = (Failure, failures.Refused, failures.Expired, failures.Lost, failures.WrongDates)


def _parts(failure):
    return failure.kind, failure.cause, failure.advice, failure.step


def test_a_step_and_an_advice_make_another_failure_of_the_same_class():
    for made in _CLASSES:
        for kind in (AGAIN, OVER, GIVE_UP):
            first = made(kind, "it broke")
            with_step = first.during("ask")
            with_both = with_step.advised("mend it")
            assert type(with_step) is type(with_both) is made
            assert _parts(first) == (kind, "it broke", "", "")
            assert _parts(with_step) == (kind, "it broke", "", "ask")
            assert _parts(with_both) == _parts(first.advised("mend it").during("ask"))
            assert _parts(with_both) == (kind, "it broke", "mend it", "ask")


def test_the_step_and_the_advice_that_are_there_stay():
    for made in _CLASSES:
        failure = made(AGAIN, "it broke", "mend it", "ask")
        assert failure.during("later") is failure and failure.advised("other") is failure
        assert _parts(failure) == (AGAIN, "it broke", "mend it", "ask")


def test_a_failure_is_one_line_of_step_cause_and_advice():
    assert str(Failure(AGAIN, "it broke")) == "it broke"
    assert str(Failure(AGAIN, "it broke.", "mend it")) == "it broke; mend it"
    assert str(Failure(AGAIN, "it broke", "", "ask")) == "ask: it broke"
    assert str(Failure(AGAIN, "it broke.", "mend it", "ask")) == "ask: it broke; mend it"


def test_every_failure_is_caught_as_one():
    for made in _CLASSES:
        try:
            raise made(GIVE_UP, "it broke")
        except Failure as failure:
            assert type(failure) is made
