"""Unix seconds and calendar dates, as integers: boards count from 1970 or 2000, and have short floats."""

_DAYS_TO_1970 = 719468  # days from 1 March of year 0, where the calculation starts


def unix(year, month, day, hour=0, minute=0, second=0):
    """Seconds since 1970-01-01 UTC of a date of the Gregorian calendar (years 0 to 9999)."""
    shifted = year if month > 2 else year - 1  # the year begins in March, so that leap days come last
    era = shifted // 400
    of_era = shifted - era * 400
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    days = era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - _DAYS_TO_1970
    return days * 86400 + hour * 3600 + minute * 60 + second


def date(unix_s):
    """(year, month, day, hour, minute, second) of Unix seconds; the inverse of `unix`."""
    days = unix_s // 86400 + _DAYS_TO_1970
    rest = unix_s % 86400
    era = days // 146097
    of_era = days - era * 146097
    year = (of_era - of_era // 1460 + of_era // 36524 - of_era // 146096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    shifted_month = (5 * of_year + 2) // 153
    day = of_year - (153 * shifted_month + 2) // 5 + 1
    month = shifted_month + 3 if shifted_month < 10 else shifted_month - 9
    year += era * 400 + (1 if month <= 2 else 0)
    return year, month, day, rest // 3600, rest // 60 % 60, rest % 60


def text(unix_s):
    """Date and time as text, such as "2021-01-01 00:00 UTC"."""
    return "%04d-%02d-%02d %02d:%02d UTC" % date(unix_s)[:5]
