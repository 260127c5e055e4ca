"""A window of time as it is written: zone, weekdays, hours, and holidays."""

import re
from datetime import date
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct, field

from kilonova.billing.prices.error import PriceError
from kilonova.billing.prices.windows import DAY_MINUTES, Window

__all__ = ["WEEKDAYS", "WindowForm"]

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOURS = re.compile(r"^(\d\d):(\d\d)-(\d\d):(\d\d)$")


class WindowForm(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """``[windows.NAME]``. Without days or hours: all of them. ``except`` are local dates."""

    zone: str
    days: tuple[str, ...] = WEEKDAYS
    hours: tuple[str, ...] = ("00:00-24:00",)
    except_: tuple[Any, ...] = field(name="except", default=())

    def window(self, name: str, *, where: str) -> Window:
        """Raises PriceError that names the window and what it does not understand."""
        try:
            return Window(
                name=name,
                zone=_zone(self.zone),
                days=frozenset(map(_weekday, self.days)),
                spans=_spans(self.hours),
                closed=frozenset(map(_day, self.except_)),
            )
        except PriceError as error:
            raise PriceError(f"{where}: windows.{name}: {error}") from None


def _zone(key: str) -> ZoneInfo:
    try:
        return ZoneInfo(key)
    except (KeyError, ValueError, OSError):
        raise PriceError(
            f"zone: {key!r} is no time zone that this machine knows. Write a name of the IANA "
            "database such as Europe/Paris or UTC; without any on the machine: pip install tzdata"
        ) from None


def _weekday(word: str) -> int:
    if word not in WEEKDAYS:
        raise PriceError(f"days: {word!r} is no weekday; known: {', '.join(WEEKDAYS)}")
    return WEEKDAYS.index(word)


def _spans(hours: tuple[str, ...]) -> tuple[tuple[int, int], ...]:
    spans = sorted(map(_span, hours))
    for (_, end), (first, _) in pairwise(spans):
        if first < end:
            raise PriceError(f"hours: {', '.join(hours)} overlap")
    return tuple(spans)


def _span(text: str) -> tuple[int, int]:
    found = _HOURS.match(text)
    if found is None:
        raise PriceError(f"hours: {text!r} is not written like 09:00-17:30")
    hour, minute, end_hour, end_minute = map(int, found.groups())
    first, end = hour * 60 + minute, end_hour * 60 + end_minute
    if minute > 59 or end_minute > 59 or end > DAY_MINUTES:
        raise PriceError(f"hours: {text!r} is no time of the day")
    if first >= end:
        raise PriceError(
            f"hours: {text!r} ends before it begins. Past midnight, write two of them, such as "
            "22:00-24:00 and 00:00-06:00; each belongs to the days on which it lies"
        )
    return first, end


def _day(value: object) -> date:
    if type(value) is date:
        return value
    raise PriceError(f"except: {value!r} is no date such as 2026-12-25 (without quotes)")
