"""From sums by the hour to the lines of a report. Pure; every store answers by this."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from operator import add

from kilonova.core.books import Grouping, UsageSum
from kilonova.core.tally import FACETS, Facet, HourSum, Tally
from kilonova.core.usage import Usage

__all__ = ["hours_at_once", "is_time_alone", "usage_sums"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_IDS = ("organisation", "project", "key", "model")
# How an hour is written where lines are apart in time, and how many hours one of them holds. A
# month is no fixed number of hours, so it is made of days.
_TIMES = {"hour": (13, 1), "day": (10, 24), "month": (7, 24)}
_ALL_HOURS = 2**40
_CURRENCY, _COST_CURRENCY = FACETS.index("currency"), FACETS.index("cost_currency")
_COUNTS = len(Usage.__struct_fields__)


def hours_at_once(grouping: tuple[Grouping, ...]) -> int:
    """How many hours may be added up before the lines of this grouping are made of them."""
    return min((_TIMES[name][1] for name in grouping if name in _TIMES), default=_ALL_HOURS)


def is_time_alone(grouping: tuple[Grouping, ...]) -> bool:
    """Whether nothing but times and currencies is told apart."""
    return all(name in _TIMES for name in grouping)


def usage_sums(sums: Iterable[HourSum], grouping: tuple[Grouping, ...]) -> list[UsageSum]:
    """Lines in the order of their groups. Amounts of different currencies never meet."""
    group_of = _group_of(grouping)
    lines: dict[tuple[tuple[str, ...], str, str], Tally] = {}
    for hour, facet, tally in sums:
        line = group_of(hour, facet), facet[_CURRENCY], facet[_COST_CURRENCY]
        before = lines.get(line)
        lines[line] = tally if before is None else tuple(map(add, before, tally))
    return [
        _usage_sum(group, (currency, cost_currency), lines[group, currency, cost_currency])
        for group, currency, cost_currency in sorted(lines)
    ]


def _group_of(grouping: tuple[Grouping, ...]) -> Callable[[int, Facet], tuple[str, ...]]:
    places = [_place(name) for name in grouping if name not in _TIMES]
    if len(places) == len(grouping):
        return lambda _hour, facet: tuple([facet[place] for place in places])
    names: dict[int, str] = {}

    def group(hour: int, facet: Facet) -> tuple[str, ...]:
        text = names.get(hour)
        if text is None:
            text = names[hour] = (_EPOCH + timedelta(hours=hour)).isoformat()
        return tuple(
            text[: _TIMES[name][0]] if name in _TIMES else facet[_place(name)] for name in grouping
        )

    return group


def _place(grouping: str) -> int:
    return FACETS.index(f"{grouping}_id" if grouping in _IDS else grouping)


def _usage_sum(group: tuple[str, ...], currencies: tuple[str, str], tally: Tally) -> UsageSum:
    requests, *counts = tally[: _COUNTS + 1]
    price, discount, shortfall, busy, marginal, direct, energy, co2 = tally[_COUNTS + 1 :]
    return UsageSum(
        group=group,
        currency=currencies[0],
        requests=requests,
        usage=Usage(**dict(zip(Usage.__struct_fields__, counts, strict=True))),
        price_nano=price,
        discount_nano=discount,
        shortfall_nano=shortfall,
        cost_currency=currencies[1],
        busy_ns=busy,
        marginal_nano=marginal,
        direct_nano=direct,
        energy_uj=energy,
        co2_ug=co2,
    )
