"""From the books to a sheet: the sums of a span, its adjustments, and what resources cost in it.

A fixed cost counts from the day of the first request: before it nothing was open for business.
"""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from kilonova.billing.cost.resource import Resource, ResourceCost, resource_cost
from kilonova.billing.statement.idle import IdleTerms
from kilonova.billing.statement.sheet import CELL, Billed, ResourceCosts, Sheet, Spot, work_out
from kilonova.core.books import DAY_MS, LedgerView, UsageFilter
from kilonova.core.corrections import Adjustment
from kilonova.core.tally import HOUR_MS

__all__ = ["Span", "Terms", "opened_ms", "read_billed", "read_sheet", "resource_costs"]


class Terms(Struct, frozen=True, kw_only=True):
    """What a statement needs to know besides the books: resources by name, and who pays for idle
    time."""

    resources: Mapping[str, Resource]
    idle: IdleTerms = IdleTerms()


class Span(Struct, frozen=True):
    """From ``since_ms`` until before ``until_ms``; costs are counted until ``costed_ms``, which is
    earlier where the span is not over."""

    since_ms: int
    until_ms: int
    costed_ms: int

    @property
    def chosen(self) -> UsageFilter:
        return UsageFilter(since_ms=self.since_ms, until_ms=self.until_ms)


def opened_ms(view: LedgerView) -> int | None:
    """The first moment of the day on which the first request ended; None before it."""
    first = next(iter(view.hours()), None)
    return None if first is None else first[0] * HOUR_MS // DAY_MS * DAY_MS


def read_sheet(
    view: LedgerView, span: Span, *, terms: Terms, kept: Sequence[ResourceCost] | None = None
) -> Sheet:
    """Everything that happened in a span. ``kept`` are its costs, where they are known already."""
    sums, billed = view.usage(span.chosen, CELL), read_billed(view, span)
    costs = resource_costs(terms, span, opened=opened_ms(view))

    def kept_costs(_dynamic: Mapping[tuple[str, str], int]) -> list[ResourceCost]:
        return list(kept or ())

    return work_out(sums, billed, costs=costs if kept is None else kept_costs, terms=terms.idle)


def read_billed(view: LedgerView, span: Span) -> list[Billed]:
    """The adjustments that were booked in it, with where they belong."""
    return [Billed(_spot(view, each), each) for each in view.adjustments(span.chosen)]


def resource_costs(terms: Terms, span: Span, *, opened: int | None) -> ResourceCosts:
    """What every resource cost in a span of books that were ``opened`` then."""
    until_ms = max(span.since_ms, span.costed_ms)
    since_ms = until_ms if opened is None else min(max(span.since_ms, opened), until_ms)

    def costs(dynamic: Mapping[tuple[str, str], int]) -> list[ResourceCost]:
        return [
            resource_cost(
                resource,
                since_ms=since_ms,
                until_ms=until_ms,
                dynamic_nano=dynamic.get((resource.name, resource.currency), 0),
            )
            for resource in terms.resources.values()
        ]

    return costs


def _spot(view: LedgerView, adjustment: Adjustment) -> Spot:
    """Where the refunded request ran; else what the adjustment itself says."""
    booked = view.record(adjustment.request_id) if adjustment.request_id else None
    if booked is None:
        return Spot(adjustment.organisation_id, adjustment.project_id, adjustment.model_id)
    record = booked.record
    return Spot(record.organisation_id, record.project_id, record.model_id, record.engine)
