"""The ring of log lines: what it keeps, over a reset at any byte too, and how much a source may say."""

from check import raises
from device.core import log_format, log_reader
from device.core.log import ERROR, INFO, WARN, Quota, Ring
from device.core.secret import Secret

SIZE = 1024


def _filled(count, buffer=None, save=None):
    ring = Ring(buffer if buffer is not None else bytearray(SIZE), save)
    for number in range(1, count + 1):
        ring.add(number * 10, INFO, "network", f"line {number}")
    return ring


def test_lines_come_back_in_their_order_with_numbers():
    ring = Ring(bytearray(SIZE))
    assert ring.lines() == [] and ring.last() == 0
    ring.add(7, INFO, "network", "joined")
    ring.add(8, WARN, "mqtt", "caf\xe9 \U0001f41d")
    assert ring.lines() == [
        (1, "info", "network", "joined", 7),
        (2, "warn", "mqtt", "caf\xe9 \U0001f41d", 8),
    ]
    assert ring.lines(1) == ring.lines()[1:] and ring.lines(2) == []
    assert ring.lines(0, 1) == ring.lines()[:1]
    assert ring.last() == 2


def test_the_oldest_make_room_and_numbers_go_on():
    ring = _filled(500)
    lines = ring.lines()
    assert 20 < len(lines) < 60 and lines[-1][0] == ring.last() == 500
    assert [line[0] for line in lines] == list(range(501 - len(lines), 501))
    assert all(line[3] == f"line {line[0]}" for line in lines)


def test_a_reset_keeps_the_lines_and_power_off_does_not():
    buffer = bytearray(SIZE)
    before = _filled(300, buffer).lines()
    again = Ring(buffer)
    assert again.lines() == before and again.earlier == 300
    again.add(1, ERROR, "start", "the watchdog")
    assert again.lines() == before[-len(again.lines()) + 1 :] + [(301, "error", "start", "the watchdog", 1)]
    assert Ring(bytearray(SIZE)).earlier == 0


def test_how_the_run_before_ended_and_when():
    buffer = bytearray(SIZE)
    ring = _filled(3, buffer)
    assert not Ring(bytearray(buffer)).was_orderly
    ring.stamp(1750000000, 20)
    ring.add(5020, INFO, "a", "b")
    assert Ring(bytearray(buffer)).last_unix_s == 1750000005
    ring.close()
    again = Ring(buffer)
    assert again.was_orderly and again.earlier == 4
    assert not Ring(buffer).was_orderly, "it runs again"


def test_a_reset_between_two_writes_costs_one_line_at_most():
    states = []
    _filled(40, bytearray(200), lambda buffer: states.append(bytes(buffer)))
    assert len(states) > 40
    for state in states:
        lines = Ring(bytearray(state)).lines()
        assert all(line[3] == f"line {line[0]}" for line in lines)
        assert len(lines) >= 4 or not lines or lines[0][0] == 1


def test_any_damaged_byte_is_noticed():
    buffer = bytearray(200)
    good = _filled(40, buffer).lines()
    for at in range(len(buffer)):
        for flip in (1, 0x80, 0xFF):
            damaged = bytearray(buffer)
            damaged[at] ^= flip
            lines = Ring(damaged).lines()
            assert lines == good[: len(lines)], at


def test_a_ring_that_is_damaged_while_it_is_used_goes_on():
    for at in range(log_format.HEAD_BYTES, 400, 7):
        for value in (0, 0xFF):
            buffer = bytearray(400)
            ring = _filled(40, buffer)
            for place in range(at, min(at + 4, 400)):
                buffer[place] = value
            for number in range(41, 100):
                ring.add(number, INFO, "network", f"line {number}")
            lines = ring.lines()
            assert lines[-1][:1] + lines[-1][3:4] == (99, "line 99"), (at, value)


def test_noise_is_no_ring():
    state = 1
    noise = bytearray(SIZE)
    for start in range(20):
        for at in range(SIZE):
            state = (state * 1103515245 + 12345 + start) & 0x7FFFFFFF
            noise[at] = state >> 16 & 0xFF
        assert Ring(bytearray(noise)).lines() == []
        noise[:4] = log_format.MAGIC
        assert not log_reader.found(noise)
    assert not log_reader.found(noise[:10]) and not log_reader.found(b"")


def test_a_long_text_keeps_its_begin_and_its_end():
    ring = Ring(bytearray(2048))
    ring.add(1, INFO, "bug", "Traceback" + 1000 * "x" + "ZeroDivisionError")
    text = ring.lines()[0][3]
    assert text.startswith("Traceback") and text.endswith("ZeroDivisionError") and len(text) == 320
    small = Ring(bytearray(200))
    for symbol in ("x", "\U0001f41d"):
        small.add(1, INFO, "a-source-with-a-very-long-name", symbol * 5000)
        assert small.lines()[-1][2] == "a-source-with-a-"
        assert 1 <= len(small.lines()[-1][3].encode()) <= 50


def test_a_source_that_floods_is_held_back_and_the_others_are_not():
    quota = Quota()
    taken = [quota.take("app", now) for now in range(10000)]
    passed = [left_out for left_out in taken if left_out >= 0]
    assert 60 <= len(passed) <= 60 + 20
    assert quota.take("mqtt", 10000) == 0
    passed.append(quota.take("app", 10500))
    assert len(passed) + sum(passed) == 10001, "it is told how many were left out"
    assert quota.take("app", 99999) == 0
    for number in range(1000):
        quota.take(f"source {number}", 0)
    assert len(quota._sources) <= 24


def test_a_quota_never_grows_past_its_burst_and_survives_a_long_silence():
    quota = Quota()
    quota.take("app", 0)
    assert sum(quota.take("app", 10**9) >= 0 for _ in range(1000)) == 60


def test_a_secret_shows_itself_to_nobody():
    for value in ("marker-1", b"marker-1"):
        secret = Secret(value)
        assert secret.reveal() == value
        for shown in (str(secret), repr(secret), f"{secret}", f"{secret!r}", str([secret])):
            assert "marker" not in shown and "***" in shown
        assert secret == Secret(value) and secret != Secret("other") and secret != value
    raises(TypeError, lambda: "a" + Secret("marker-1"))


def test_what_is_exported_is_remembered_as_long_as_the_lines():
    buffer = bytearray(SIZE)
    ring = _filled(3, buffer)
    assert ring.exported == 0
    ring.mark(2)
    ring.add(5, INFO, "a", "b")
    ring.stamp(1750000000, 20)
    again = Ring(buffer)
    assert again.exported == 2 and not again.was_orderly and again.last_unix_s == 1750000000
    again.close()
    assert Ring(bytearray(buffer)).was_orderly and Ring(buffer).exported == 2
    assert Ring(bytearray(SIZE)).exported == 0, "new memory"


def test_a_mark_beyond_the_lines_does_not_count():
    buffer = bytearray(SIZE)
    ring = _filled(3, buffer)
    ring.mark(3)
    lines = ring.lines()
    damaged = buffer.find(lines[2][3].encode())
    buffer[damaged] ^= 1
    again = Ring(buffer)
    assert again.last() == 2 and again.exported == 2, "what is said now is exported"
