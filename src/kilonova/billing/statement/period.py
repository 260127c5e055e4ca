"""Periods of a statement: days, weeks, months, quarters, years, and any whole days. UTC."""

import re
from datetime import UTC, date, datetime, timedelta

from msgspec import Struct

from kilonova.core.errors import InvalidRequest

__all__ = ["Period", "period_between", "period_named"]

_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_YEARS = {"day": (365, 1), "month": (12, 1), "quarter": (4, 1), "year": (1, 1), "week": (365, 7)}
_EARLIEST, _LATEST = 1970, 9000


class Period(Struct, frozen=True, kw_only=True):
    """From the first moment of ``first`` until before ``end``; ``kind`` says what comes before."""

    name: str
    kind: str
    first: date
    end: date

    @property
    def since_ms(self) -> int:
        return _ms(self.first)

    @property
    def until_ms(self) -> int:
        return _ms(self.end)

    @property
    def year(self) -> tuple[int, int]:
        """How many of them a year has, as a fraction."""
        return _YEARS.get(self.kind) or (365, (self.end - self.first).days)

    def before(self) -> "Period":
        """The one that ends where this begins."""
        if self.kind in _MONTHS:
            return _of_months(self.kind, _later(self.first, -_MONTHS[self.kind]))
        return period_of(self.kind, self.first - (self.end - self.first), self.first)

    def year_before(self) -> "Period":
        """The same one a year earlier; a week is compared with the one of the same number."""
        if self.kind in _MONTHS:
            return _of_months(self.kind, _later(self.first, -12))
        if self.kind == "week":
            return period_of(
                "week", self.first - timedelta(weeks=52), self.end - timedelta(weeks=52)
            )
        length = self.end - self.first
        first = _later(self.first, -12)
        return period_of(self.kind, first, first + length)


def period_named(text: str) -> Period:
    """``2026``, ``2026-Q4``, ``2026-11``, ``2026-W47`` or ``2026-11-23``. Raises InvalidRequest."""
    try:
        if re.fullmatch(r"\d{4}", text):
            return _of_months("year", date(int(text), 1, 1))
        if re.fullmatch(r"\d{4}-Q[1-4]", text):
            return _of_months("quarter", date(int(text[:4]), int(text[6]) * 3 - 2, 1))
        if re.fullmatch(r"\d{4}-\d{2}", text):
            return _of_months("month", date(int(text[:4]), int(text[5:]), 1))
        if re.fullmatch(r"\d{4}-W\d{2}", text):
            monday = date.fromisocalendar(int(text[:4]), int(text[6:]), 1)
            return period_of("week", monday, monday + timedelta(weeks=1))
        day = date.fromisoformat(text)
        return period_of("day", day, day + timedelta(days=1))
    except (ValueError, OverflowError):
        raise InvalidRequest(
            f"period: {text[:40]!r} is no year (2026), quarter (2026-Q4), month (2026-11), week "
            "(2026-W47) or day (2026-11-23).",
            param="period",
        ) from None


def period_between(first: str, end: str) -> Period:
    """Whole days, the last one excluded. Raises InvalidRequest."""
    began, ended = _day(first, "from"), _day(end, "to")
    if ended <= began:
        raise InvalidRequest(f"to: {end} does not come after {first}.", param="to")
    return period_of("days", began, ended)


def period_of(kind: str, first: date, end: date) -> Period:
    """A day, a week, or any days."""
    if not (first.year >= _EARLIEST and end.year <= _LATEST):
        raise InvalidRequest(f"There are no statements for the year {first.year}.", param="period")
    name = first.isoformat()
    if kind == "week":
        year, week, _ = first.isocalendar()
        name = f"{year}-W{week:02}"
    elif kind != "day":
        name = f"{first} - {end - timedelta(days=1)}"
    return Period(name=name, kind=kind, first=first, end=end)


def _of_months(kind: str, first: date) -> Period:
    if not _EARLIEST <= first.year < _LATEST:
        raise InvalidRequest(f"There are no statements for the year {first.year}.", param="period")
    names = {"year": f"{first.year}", "month": f"{first:%Y-%m}"}
    name = names.get(kind, f"{first.year}-Q{(first.month + 2) // 3}")
    return Period(name=name, kind=kind, first=first, end=_later(first, _MONTHS[kind]))


def _later(day: date, months: int) -> date:
    """So many months later (or earlier); a day that the month does not have is its last."""
    at = day.year * 12 + day.month - 1 + months
    for last in range(day.day, 27, -1):
        try:
            return date(at // 12, at % 12 + 1, last)
        except ValueError:
            continue
    return date(at // 12, at % 12 + 1, min(day.day, 28))


def _day(text: str, param: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidRequest(
            f"{param}: {text[:40]!r} is no date such as 2026-11-23. Statements are of whole days.",
            param=param,
        ) from None


def _ms(day: date) -> int:
    return round(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1000
