"""A report of usage from the sums in the books: sought, put together by what lines stand for, and
by the time that they fall into. Pure; every line and every total is made of the same sums, so they
add up whatever is asked.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import add

from msgspec.structs import astuple, replace

from kilonova.admin import views
from kilonova.admin.schema import UsageQuery, UsageReport
from kilonova.core.books import Grouping, UsageSum
from kilonova.core.usage import Usage

__all__ = ["draw_up", "groupings"]

_SOUGHT: tuple[Grouping, ...] = ("model", "project", "key", "dialect")
_ADDED = (
    "requests", "price_nano", "shortfall_nano", "discount_nano", "busy_ns", "marginal_nano",
    "direct_nano", "energy_uj", "co2_ug",
)  # fmt: skip


def groupings(query: UsageQuery) -> tuple[Grouping, ...]:
    """What the books must tell apart for this report: its lines, its times, and what is sought."""
    line: Grouping = "key" if query.group_by == "member" else query.group_by
    sought = [name for name in _SOUGHT if getattr(query, name) is not None]
    if query.member is not None:
        sought.append("key")
    times = [] if query.interval is None else [query.interval]
    return tuple(dict.fromkeys((*times, line, *sought)))


def draw_up(
    query: UsageQuery, sums: Iterable[UsageSum], *, member_of: Callable[[str], str]
) -> UsageReport:
    """``sums`` are grouped by ``groupings(query)``. ``member_of`` is who made a key; empty: the
    operator."""
    names = groupings(query)
    sought = {name: getattr(query, name) for name in _SOUGHT}

    def is_chosen(facts: Mapping[Grouping, str]) -> bool:
        if query.member is not None and member_of(facts["key"]) != query.member:
            return False
        return all(value is None or facts[name] == value for name, value in sought.items())

    def line_of(facts: Mapping[Grouping, str]) -> tuple[str, ...]:
        line = member_of(facts["key"]) if query.group_by == "member" else facts[query.group_by]
        return (line,) if query.interval is None else (line, facts[query.interval])

    found = []
    for each in sums:
        facts = dict(zip(names, each.group, strict=True))
        if is_chosen(facts):
            found.append(replace(each, group=line_of(facts)))
    lines, totals = _together(found), _together([replace(each, group=()) for each in found])
    return UsageReport(
        group_by=query.group_by,
        interval=query.interval,
        data=tuple(map(views.show_row, lines)),
        totals=tuple(map(views.show_total, totals)),
    )


def _together(sums: Sequence[UsageSum]) -> list[UsageSum]:
    """Lines in the order of their groups. Amounts of different currencies never meet."""
    lines: dict[tuple[tuple[str, ...], str, str], UsageSum] = {}
    for each in sums:
        place = each.group, each.currency, each.cost_currency
        before = lines.get(place)
        lines[place] = each if before is None else _added(before, each)
    return [lines[place] for place in sorted(lines)]


def _added(one: UsageSum, other: UsageSum) -> UsageSum:
    counts = map(add, astuple(one.usage), astuple(other.usage))
    usage = Usage(**dict(zip(Usage.__struct_fields__, counts, strict=True)))
    amounts = {name: getattr(one, name) + getattr(other, name) for name in _ADDED}
    return replace(one, usage=usage, **amounts)
