"""Records added up: by the hour in which they ended, and by everything that reports tell apart.

The durable store keeps these sums beside the records, so that a report over a million requests
reads some thousand rows; the audit compares the two. Plain tuples, because one is made for each
request. Hours count from the epoch (UTC).
"""

from collections.abc import Iterable
from operator import add

from kilonova.core.model import Price
from kilonova.core.usage import UsageRecord

__all__ = [
    "FACETS",
    "HOUR_MS",
    "MEASURES",
    "Facet",
    "HourSum",
    "Tally",
    "add_up",
    "facet_of",
    "tally_of",
]

HOUR_MS = 3_600_000

# What tells sums apart. A cost that nobody knows has no currency, and is nothing in any.
FACETS = (
    "organisation_id",
    "project_id",
    "key_id",
    "model_id",
    "dialect",
    "engine",
    "service_tier",
    "resource",
    "cost_basis",
    "currency",
    "cost_currency",
)
# What is added up. The discount is the price before it less the price after it.
MEASURES = (
    "requests",
    "input_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "output_tokens",
    "reasoning_tokens",
    "cache_write_long_tokens",
    "price_nano",
    "discount_nano",
    "shortfall_nano",
    "busy_ns",
    "marginal_nano",
    "direct_nano",
    "energy_uj",
    "co2_ug",
)

Facet = tuple[str, ...]
Tally = tuple[int, ...]
HourSum = tuple[int, Facet, Tally]


def facet_of(record: UsageRecord) -> Facet:
    """The values of ``FACETS``."""
    cost = record.cost
    return (
        record.organisation_id,
        record.project_id,
        record.key_id,
        record.model_id,
        record.dialect,
        record.engine,
        record.service_tier,
        cost.resource,
        cost.basis,
        record.currency,
        cost.currency or record.currency,
    )


def tally_of(record: UsageRecord, price: Price) -> Tally:
    """The values of ``MEASURES``; ``price`` is the one pinned when the request began."""
    usage, cost = record.usage, record.cost
    return (
        1,
        usage.input_tokens,
        usage.cache_read_tokens,
        usage.cache_write_tokens,
        usage.output_tokens,
        usage.reasoning_tokens,
        usage.cache_write_long_tokens,
        record.price_nano,
        price.list_charge(usage) - price.charge(usage) if price.discount_ppm else 0,
        record.shortfall_nano,
        cost.busy_ns,
        cost.marginal_nano,
        cost.direct_nano,
        cost.energy_uj,
        cost.co2_ug,
    )


def add_up(booked: Iterable[tuple[UsageRecord, Price]]) -> dict[tuple[int, Facet], Tally]:
    """The sums of records by hour and facet."""
    sums: dict[tuple[int, Facet], Tally] = {}
    for record, price in booked:
        place = record.finished_ms // HOUR_MS, facet_of(record)
        tally, before = tally_of(record, price), sums.get(place)
        sums[place] = tally if before is None else tuple(map(add, before, tally))
    return sums
