"""A month of the books, such as ``2026-10``: what is closed, and what an invoice is for. In UTC."""

import re
from datetime import UTC, date, datetime, timedelta

from msgspec import Struct

from kilonova.core.books import UsageFilter
from kilonova.core.errors import InvalidRequest

__all__ = ["Month", "month_of", "parse_month"]

_FORM = re.compile(r"(20\d\d)-(0[1-9]|1[0-2])")


class Month(Struct, frozen=True, order=True):
    """Starts at ``since_ms`` and ends before ``until_ms``, milliseconds since the epoch."""

    year: int
    month: int

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"

    @property
    def first_day(self) -> date:
        return date(self.year, self.month, 1)

    @property
    def last_day(self) -> date:
        return self.next.first_day - timedelta(days=1)

    @property
    def next(self) -> "Month":
        return Month(self.year + self.month // 12, self.month % 12 + 1)

    @property
    def since_ms(self) -> int:
        first = datetime(self.year, self.month, 1, tzinfo=UTC)
        return round(first.timestamp()) * 1000

    @property
    def until_ms(self) -> int:
        return self.next.since_ms

    def records(self, organisation_id: str | None = None) -> UsageFilter:
        """What belongs to it: everything, or all of one organisation."""
        return UsageFilter(
            organisation_id=organisation_id, since_ms=self.since_ms, until_ms=self.until_ms
        )


def month_of(time_ms: int) -> Month:
    """The month of a moment."""
    moment = datetime.fromtimestamp(time_ms // 1000, UTC)
    return Month(moment.year, moment.month)


def parse_month(text: str, *, param: str = "period") -> Month:
    """Raises InvalidRequest for anything but ``YYYY-MM``."""
    found = _FORM.fullmatch(text)
    if found is None:
        raise InvalidRequest(f"{param}: {text[:40]!r} is not a month such as 2026-10.", param=param)
    return Month(int(found[1]), int(found[2]))
