"""What the pictures of a statement are drawn from: its days, and the hours of its mean day."""

from collections import defaultdict
from datetime import date, timedelta

from kilonova.billing.statement.reading import Span, Terms, opened_ms, resource_costs
from kilonova.billing.statement.sheet import Billed, cost_of, revenue_nano
from kilonova.core.books import DAY_MS, Grouping, LedgerView, UsageSum
from kilonova.core.statement import Moment

__all__ = ["day_moments", "hour_moments"]

# Resources stand where the cells of a sheet have them; what stands before does not matter here.
_BY_DAY: tuple[Grouping, ...] = ("day", "day", "day", "day", "resource")


def day_moments(
    view: LedgerView, span: Span, *, terms: Terms, currency: str, billed: list[Billed]
) -> tuple[Moment, ...]:
    """Revenue and cost of each day, idle time included on the day on which it was."""
    sums: dict[str, list[UsageSum]] = defaultdict(list)
    for each in view.usage(span.chosen, _BY_DAY):
        sums[each.group[0]].append(each)
    credited: dict[int, int] = defaultdict(int)
    for entry in billed:
        if entry.adjustment.currency == currency:
            credited[entry.adjustment.booked_ms // DAY_MS] += revenue_nano(entry)
    opened = opened_ms(view)
    moments = []
    for day in range(span.since_ms // DAY_MS, -(-span.costed_ms // DAY_MS)):
        end_ms = (day + 1) * DAY_MS
        this = Span(day * DAY_MS, end_ms, min(end_ms, span.costed_ms))
        at = _iso_day(day)
        costs = cost_of(sums[at], resource_costs(terms, this, opened=opened)).values()
        sold = [each for each in sums[at] if each.currency == currency]
        moments.append(
            Moment(
                at=at,
                requests=sum(each.requests for each in sold),
                tokens=sum(each.usage.total_tokens for each in sold),
                revenue_nano=sum(each.price_nano for each in sold) + credited[day],
                cost_nano=sum(each.total_nano for each in costs if each.currency == currency),
                busy_ns=sum(each.busy_ns for each in sums[at]),
            )
        )
    return tuple(moments)


def hour_moments(view: LedgerView, span: Span, *, currency: str) -> tuple[Moment, ...]:
    """All requests of the span by the hour of the day (UTC) in which they ended, ``00`` to ``23``.

    Costs are not told apart by hours: they are 0 here."""
    hours: dict[str, list[UsageSum]] = defaultdict(list)
    for each in view.usage(span.chosen, ("hour",)):
        if each.currency == currency:
            hours[each.group[0][-2:]].append(each)
    return tuple(
        Moment(
            at=at,
            requests=sum(each.requests for each in hours[at]),
            tokens=sum(each.usage.total_tokens for each in hours[at]),
            revenue_nano=sum(each.price_nano for each in hours[at]),
            cost_nano=0,
            busy_ns=sum(each.busy_ns for each in hours[at]),
        )
        for at in (f"{hour:02}" for hour in range(24))
    )


def _iso_day(day: int) -> str:

    return (date(1970, 1, 1) + timedelta(days=day)).isoformat()
