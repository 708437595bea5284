"""Waiting between tries: grows, has a ceiling, is never shorter than the first delay, and is jittered."""

from device.core.backoff import Backoff


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
