"""When votes of other tools were given: dates in every order, Julian dates, serials, Unix seconds."""

import math
import re
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Literal, get_args

from lensapp.core.errors import InvalidInput

DateOrder = Literal["day-first", "month-first"]
DATE_ORDERS: tuple[DateOrder, ...] = get_args(DateOrder)
NO_TIME = frozenset({"", "none", "nan", "nat", "null", "-", "--"})
YEAR_FIRST = ("%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%Y/%m/%d", "%Y-%m-%d %H:%M:%S UTC", "%Y-%m-%d_%H:%M:%S")
DAY_AND_MONTH = re.compile(r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4})(?:[ T,]+(.+))?")
TIMES_OF_DAY = ("%H:%M", "%H:%M:%S", "%H:%M:%S.%f", "%I:%M %p", "%I:%M:%S %p")
MONTHS = 12
LATEST = 1e11
EARLIEST_UNIX = 1e8  # 1973: smaller numbers count something else
DAY = 86_400.0
JD_1970, MJD_1970, SERIAL_1970 = 2_440_587.5, 40_587.0, 25_569.0
MJD_1995 = 49_718.0  # as a serial of spreadsheets this is 2036: below it numbers of days are serials
LATEST_DAYS = 47_482.0  # from 1970 to 2100
CALENDAR = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
MILLISECONDS_FROM = 1e11


def date_order(texts: Iterable[str | None]) -> DateOrder | None:
    """Return in which order a column writes day and month; None where no date tells, or they disagree.

    A date tells whose first or second number is no month. Dates with dots have the day first everywhere.
    """
    told: set[DateOrder] = set()
    for text in texts:
        date = DAY_AND_MONTH.fullmatch((text or "").strip())
        if date is None or date[2] == ".":
            continue
        if int(date[1]) > MONTHS >= int(date[3]):
            told.add("day-first")
        elif int(date[3]) > MONTHS >= int(date[1]):
            told.add("month-first")
    return told.pop() if len(told) == 1 else None


def has_two_readings(text: str | None) -> bool:
    """Return whether a date is another day with day and month exchanged."""
    date = DAY_AND_MONTH.fullmatch((text or "").strip())
    return (
        date is not None
        and date[2] != "."
        and date[1] != date[3]
        and max(int(date[1]), int(date[3])) <= MONTHS
    )


def parse_time(text: str | None, *, order: DateOrder = "day-first") -> float | None:
    """Return a time as seconds since 1970: ISO 8601 (UTC unless it says otherwise), or a number.

    A number is a calendar date (YYYYMMDD, with HHMM or HHMMSS), a Julian date, a modified one, a serial of
    spreadsheets, Unix seconds or milliseconds: whichever gives a date since 1970. Smaller numbers, such as
    1, 2, 3, are none of these. `order` is that of day and month in 05/01/2024; 13/01/2024 has but one.

    None where the file says nothing; InvalidInput for anything else.
    """
    if text is None or text.strip().casefold() in NO_TIME:
        return None
    try:
        seconds = _seconds_of(float(text), text.strip())
    except ValueError:
        moment = parse_date(text.strip(), order=order)
        seconds = math.nan if moment is None else moment.timestamp()
    if not 0 <= seconds <= LATEST:
        raise InvalidInput(f"{text!r} is no time: write 2026-01-31T12:00:00Z or Unix seconds")
    return seconds


def _seconds_of(number: float, text: str) -> float:
    """Return what a number says as seconds since 1970; NaN for one too small to be a moment.

    References
    ----------
    IAU resolution B1 (1997) on Julian dates: MJD = JD - 2400000.5; 1970 begins at MJD 40587, which
    spreadsheets count as 25569.
    """
    if text.isdecimal() and len(text) in CALENDAR:
        with suppress(ValueError):
            return datetime.strptime(text, CALENDAR[len(text)]).replace(tzinfo=UTC).timestamp()
    if JD_1970 <= number <= JD_1970 + LATEST_DAYS:
        return (number - JD_1970) * DAY
    if MJD_1995 <= number <= MJD_1970 + LATEST_DAYS:
        return (number - MJD_1970) * DAY
    if SERIAL_1970 < number < MJD_1995:
        return (number - SERIAL_1970) * DAY
    for scale in (1e9, 1e6, 1e3):
        if number > MILLISECONDS_FROM * scale / 1e3:
            return number / scale
    return number if number >= EARLIEST_UNIX else math.nan


def parse_date(text: str, *, order: DateOrder = "day-first") -> datetime | None:
    """Return a moment written as ISO 8601, or with slashes, dots or dashes; UTC unless it says otherwise."""
    with suppress(ValueError):
        moment = datetime.fromisoformat(text)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    for pattern in YEAR_FIRST:
        with suppress(ValueError):
            return datetime.strptime(text, pattern).replace(tzinfo=UTC)
    date = DAY_AND_MONTH.fullmatch(text)
    if date is None:
        return None
    first, second, year = int(date[1]), int(date[3]), int(date[4])
    month_first = order == "month-first" and date[2] != "."
    if min(first, second) <= MONTHS < max(first, second):
        month_first = second > MONTHS
    month, day = (first, second) if month_first else (second, first)
    for pattern in TIMES_OF_DAY if date[5] else ("",):
        with suppress(ValueError):
            clock = datetime.strptime(date[5] or "", pattern).replace(tzinfo=UTC)
            return clock.replace(year=year, month=month, day=day)
    return None
