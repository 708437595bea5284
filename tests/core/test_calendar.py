"""Dates and Unix seconds, against known pairs and CPython-independent rules."""

from device.core import calendar

_KNOWN = (
    (0, (1970, 1, 1, 0, 0, 0)),
    (946684800, (2000, 1, 1, 0, 0, 0)),
    (951782399, (2000, 2, 28, 23, 59, 59)),
    (951782400, (2000, 2, 29, 0, 0, 0)),
    (951868800, (2000, 3, 1, 0, 0, 0)),
    (1234567890, (2009, 2, 13, 23, 31, 30)),
    (1609459200, (2021, 1, 1, 0, 0, 0)),
    (2147483647, (2038, 1, 19, 3, 14, 7)),
    (2147483648, (2038, 1, 19, 3, 14, 8)),
    (2524607999, (2049, 12, 31, 23, 59, 59)),
    (4102444800, (2100, 1, 1, 0, 0, 0)),
    (4107542400, (2100, 3, 1, 0, 0, 0)),
    (253402300799, (9999, 12, 31, 23, 59, 59)),
    (-1, (1969, 12, 31, 23, 59, 59)),
    (-2208988800, (1900, 1, 1, 0, 0, 0)),
)
_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def test_known_pairs_in_both_directions():
    for seconds, date in _KNOWN:
        assert calendar.date(seconds) == date
        assert calendar.unix(*date) == seconds


def test_every_day_follows_the_one_before():
    number = calendar.unix(1999, 1, 1) // 86400
    for year in range(1999, 2102):
        leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
        for month in range(1, 13):
            for day in range(1, _DAYS[month - 1] + (leap and month == 2) + 1):
                assert calendar.unix(year, month, day) == number * 86400
                assert calendar.date(number * 86400 + 86399)[:3] == (year, month, day)
                number += 1


def test_text_for_people():
    assert calendar.text(1609459200) == "2021-01-01 00:00 UTC"
    assert calendar.text(2524607999) == "2049-12-31 23:59 UTC"
