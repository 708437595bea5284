"""The log on flash, read back: records, times, texts of several lines, and damage."""

from device.core import calendar, log_text

TEXT = (
    b"# 3 100\n"
    b"1 +5ms info start began\n"
    b"2 2026-01-18T09:18:06Z warn app first\n  second\n  third\n"
    b"- 5 lines left out\n"
    b"3 2026-01-18T09:18:07Z info app caf\xc3\xa9\n"
)
AT_MS = calendar.unix(2026, 1, 18, 9, 18, 6) * 1000


def test_records():
    found = log_text.records(TEXT, True)
    assert [record[1:] for record in found] == [
        (None, "info", "start", "1 info start began"),
        (AT_MS, "warn", "app", "2 warn app first\nsecond\nthird"),
        (None, "warn", "log", "- 5 lines left out"),
        (AT_MS + 1000, "info", "app", "3 info app caf\xe9"),
    ]
    assert found[-1][0] == len(TEXT)
    for end, _, _, _, message in found:
        assert TEXT[:end].decode().rstrip().endswith(message.split("\n")[-1].split(" ")[-1])


def test_what_may_go_on_is_not_whole():
    found = log_text.records(TEXT, False)
    assert found[-1][4] == "- 5 lines left out", "the last one may have other lines"
    for cut in range(len(TEXT)):
        for end, _, _, _, message in log_text.records(TEXT[:cut], False):
            assert end <= cut and message in [record[4] for record in log_text.records(TEXT, True)]


def test_damage_is_left_out():
    found = log_text.records(b"1 +5ms info a good\n\xff\xfe\n2 +6ms info a bad" + TEXT, True)
    assert [record[4] for record in found][0] == "1 info a good"
    assert log_text.records(b"", True) == [] and log_text.records(b"no end", True) == []
    assert log_text.records(b"\n\n", True) == []
    assert log_text.records(b"1 +5ms loud a b\n", True)[0][1:] == (None, "warn", "log", "1 +5ms loud a b")


def test_times_that_are_not_known():
    assert log_text.filled([None, None, 5, None, 7, None], 9) == [5, 5, 5, 7, 7, 7]
    assert log_text.filled([None, None], 9) == [9, 9] and log_text.filled([], 9) == []


def test_times_that_are_none():
    assert log_text.unix_ms("2026-01-18T09:18:06Z") == AT_MS
    for text in ("", "+5ms", "2026-01-18 09:18:06Z", "2026-01-18T09:18:0xZ", "2026-01-18T09:18:06ZZ"):
        assert log_text.unix_ms(text) is None, text
