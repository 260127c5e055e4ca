"""Profit-and-loss statements as the admin API shows them: decimal text, percent to one decimal."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct, field, structs

from kilonova.admin.views import decimal_text, grams, moment, watt_hours
from kilonova.core.money import format_nano
from kilonova.core.statement import (
    Amounts,
    IdlePolicy,
    Moment,
    ResourceLine,
    Segment,
    Segmentation,
    Statement,
    StatementOrder,
    growth,
    per_mille,
)

__all__ = [
    "AmountsView",
    "MomentView",
    "ResourceView",
    "SegmentView",
    "StatementList",
    "StatementQuery",
    "StatementView",
    "order_of",
    "show_statements",
]

Currency = Annotated[str, Meta(min_length=3, max_length=12)]


class StatementQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``period`` is ``2026``, ``2026-Q4``, ``2026-11``, ``2026-W47`` or ``2026-11-23``; or whole
    days ``from`` (included) ``to`` (not included). Without any: this month. ``pictures`` adds the
    days and the hours of the mean day. ``organisation`` leaves all others out, and what belongs to
    no organisation."""

    organisation: str | None = None
    by: Segmentation = "model"
    period: str | None = None
    from_: str | None = field(name="from", default=None)
    to: str | None = None
    idle: IdlePolicy | None = None
    currency: Currency | None = None
    pictures: bool = False


class AmountsView(Struct, frozen=True, kw_only=True):
    """Money is decimal text. ``revenue`` is ``list_revenue`` less ``discounts`` less ``credits``;
    ``operating_income`` is ``revenue`` less ``cost``, which is the sum of the lines before it."""

    requests: int
    requests_without_cost: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    list_revenue: str
    discounts: str
    credits: str
    revenue: str
    energy: str
    capital: str
    upkeep: str
    upstream: str
    idle: str
    platform: str
    cost: str
    operating_income: str
    margin_percent: str | None
    shortfall: str
    busy_s: str
    energy_wh: str
    co2_g: str


class SegmentView(AmountsView, frozen=True, kw_only=True):
    """Shares are of the whole statement; growth is against the period before, and a year before.
    ``run_rate`` is what a year would be. Null where there is nothing to compare with."""

    id: str
    name: str
    revenue_share_percent: str | None
    income_share_percent: str | None
    revenue_growth_percent: str | None
    income_growth_percent: str | None
    revenue_growth_year_percent: str | None
    income_growth_year_percent: str | None
    revenue_run_rate: str
    income_run_rate: str
    revenue_before: str | None
    revenue_year_before: str | None


class ResourceView(Struct, frozen=True, kw_only=True):
    """``cost`` is ``direct`` (requests ran) and ``idle``, of which ``shared`` is in the segments.
    ``is_assumed``: nobody said what it costs, so the figures are those of a typical one."""

    resource: str
    is_assumed: bool
    cost: str
    direct: str
    idle: str
    shared: str
    busy_s: str


class MomentView(Struct, frozen=True, kw_only=True):
    """A day (``2026-11-23``), or an hour of the day (``08``), in UTC."""

    at: str
    requests: int
    tokens: int
    revenue: str
    cost: str
    busy_s: str


class StatementView(Struct, frozen=True, kw_only=True):
    """Costs count from ``costs_from`` on: nobody was served before.

    ``segments`` and ``platform`` add up to ``total``. ``year`` is how many such periods a year
    has, as a fraction. ``energy_basis`` counts requests by how their energy is known; the empty one
    is not known."""

    currency: str
    by: Segmentation
    period: str
    from_: datetime = field(name="from")
    to: datetime
    is_running: bool
    costs_from: datetime
    idle: IdlePolicy
    year: tuple[int, int]
    segments: tuple[SegmentView, ...]
    platform: AmountsView
    total: SegmentView
    resources: tuple[ResourceView, ...]
    energy_basis: dict[str, int]
    days: tuple[MomentView, ...]
    hours: tuple[MomentView, ...]


class StatementList(Struct, frozen=True, kw_only=True):
    """One statement for each currency: amounts of different ones never meet."""

    data: tuple[StatementView, ...]


def order_of(query: StatementQuery, organisation_id: str | None) -> StatementOrder:
    """What billing is asked for."""
    return StatementOrder(
        organisation_id=organisation_id,
        by=query.by,
        period=query.period,
        first=query.from_,
        end=query.to,
        idle=query.idle,
        currency=query.currency,
        has_moments=query.pictures,
    )


def show_statements(statements: Sequence[Statement], names: Mapping[str, str]) -> StatementList:
    """``names`` of organisations and projects by their ids."""
    return StatementList(data=tuple(_show(each, names) for each in statements))


def _show(statement: Statement, names: Mapping[str, str]) -> StatementView:
    return StatementView(
        currency=statement.currency,
        by=statement.by,
        period=statement.period,
        from_=moment(statement.since_ms),
        to=moment(statement.until_ms),
        is_running=statement.is_running,
        costs_from=moment(max(statement.since_ms, statement.costed_from_ms)),
        idle=statement.idle,
        year=statement.year,
        segments=tuple(
            _show_segment(each, statement, name=names.get(each.id, each.id))
            for each in statement.segments
        ),
        platform=_show_amounts(statement.platform),
        total=_show_segment(statement.total, statement, name=""),
        resources=tuple(map(_show_resource, statement.resources)),
        energy_basis=statement.bases,
        days=tuple(map(_show_moment, statement.days)),
        hours=tuple(map(_show_moment, statement.hours)),
    )


def _show_segment(segment: Segment, statement: Statement, *, name: str) -> SegmentView:
    own, whole = segment.amounts, statement.total.amounts
    before, year_before = segment.before, segment.year_before
    return SegmentView(
        id=segment.id,
        name=name,
        revenue_share_percent=_percent(per_mille(own.revenue_nano, whole.revenue_nano)),
        income_share_percent=_percent(per_mille(own.income_nano, whole.income_nano)),
        revenue_growth_percent=_growth(own, before, _revenue),
        income_growth_percent=_growth(own, before, _income),
        revenue_growth_year_percent=_growth(own, year_before, _revenue),
        income_growth_year_percent=_growth(own, year_before, _income),
        revenue_run_rate=format_nano(statement.run_rate(own.revenue_nano)),
        income_run_rate=format_nano(statement.run_rate(own.income_nano)),
        revenue_before=None if before is None else format_nano(before.revenue_nano),
        revenue_year_before=(
            None if year_before is None else format_nano(year_before.revenue_nano)
        ),
        **structs.asdict(_show_amounts(own)),
    )


def _show_amounts(amounts: Amounts) -> AmountsView:
    return AmountsView(
        requests=amounts.requests,
        requests_without_cost=amounts.uncosted,
        input_tokens=amounts.input_tokens,
        cached_tokens=amounts.cached_tokens,
        output_tokens=amounts.output_tokens,
        list_revenue=format_nano(amounts.list_nano),
        discounts=format_nano(amounts.discount_nano),
        credits=format_nano(amounts.credit_nano),
        revenue=format_nano(amounts.revenue_nano),
        energy=format_nano(amounts.energy_nano),
        capital=format_nano(amounts.capital_nano),
        upkeep=format_nano(amounts.upkeep_nano),
        upstream=format_nano(amounts.upstream_nano),
        idle=format_nano(amounts.idle_nano),
        platform=format_nano(amounts.platform_nano),
        cost=format_nano(amounts.cost_nano),
        operating_income=format_nano(amounts.income_nano),
        margin_percent=_percent(amounts.margin),
        shortfall=format_nano(amounts.shortfall_nano),
        busy_s=format_nano(amounts.busy_ns),
        energy_wh=watt_hours(amounts.energy_uj),
        co2_g=grams(amounts.co2_ug),
    )


def _show_resource(line: ResourceLine) -> ResourceView:
    return ResourceView(
        resource=line.resource,
        is_assumed=line.is_assumed,
        cost=format_nano(line.total_nano),
        direct=format_nano(line.direct_nano),
        idle=format_nano(line.idle_nano),
        shared=format_nano(line.shared_nano),
        busy_s=format_nano(line.busy_ns),
    )


def _show_moment(point: Moment) -> MomentView:
    return MomentView(
        at=point.at,
        requests=point.requests,
        tokens=point.tokens,
        revenue=format_nano(point.revenue_nano),
        cost=format_nano(point.cost_nano),
        busy_s=format_nano(point.busy_ns),
    )


def _revenue(amounts: Amounts) -> int:
    return amounts.revenue_nano


def _income(amounts: Amounts) -> int:
    return amounts.income_nano


def _growth(now: Amounts, before: Amounts | None, amount: Callable[[Amounts], int]) -> str | None:
    return None if before is None else _percent(growth(amount(now), amount(before)))


def _percent(thousandths: int | None) -> str | None:
    return None if thousandths is None else decimal_text(thousandths, 1)
