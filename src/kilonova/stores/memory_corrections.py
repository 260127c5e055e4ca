"""Adjustments and closed months in memory; see ``memory``."""

import asyncio
from collections.abc import Iterable, Sequence

from kilonova.core.books import DAY_MS, BookedRecord, Posted, UsageFilter
from kilonova.core.corrections import Adjustment, ChargeSum, Closing, ServingCost, StoredInvoice
from kilonova.core.usage import Usage

__all__ = ["MemoryCorrections", "charge_sums"]


class MemoryCorrections:
    """Implements ``core.books.CorrectionBook``; the ledger beside it looks in here."""

    def __init__(self) -> None:
        self.posted: dict[str, Posted] = {}
        self.closings: list[Closing] = []
        self.invoices: list[StoredInvoice] = []
        # What the ledger must not date a record before.
        self.frozen_until_ms = 0
        self._closed_until_ms = 0

    @property
    def open_from_ms(self) -> int:
        return self._closed_until_ms

    async def freeze(self, until_ms: int) -> None:
        self.frozen_until_ms = until_ms

    def thaw(self) -> None:
        self.frozen_until_ms = self._closed_until_ms

    def adjust(self, posted: Sequence[Posted]) -> "asyncio.Future[None]":
        self._book(posted)
        return _done()

    def close_month(
        self, closing: Closing, invoices: Sequence[StoredInvoice], posted: Sequence[Posted]
    ) -> "asyncio.Future[None]":
        self._book(posted)
        self.closings.append(closing)
        self.invoices += invoices
        self._closed_until_ms = self.frozen_until_ms
        return _done()

    def adjustments(self, chosen: UsageFilter) -> list[Adjustment]:
        """Those booked in that time."""
        found = [
            each.adjustment
            for each in self.posted.values()
            if chosen.since_ms <= each.adjustment.booked_ms < chosen.until_ms
            and chosen.organisation_id in (None, each.adjustment.organisation_id)
        ]
        return sorted(found, key=lambda each: (each.booked_ms, each.id))

    def _book(self, posted: Sequence[Posted]) -> None:
        for each in posted:
            assert each.adjustment.id not in self.posted, f"{each.adjustment.id} is booked twice"
            self.posted[each.adjustment.id] = each


def charge_sums(booked: Iterable[BookedRecord], *, by_day: bool) -> list[ChargeSum]:
    """Records added up by everything that decides what they are charged."""
    sums: dict[tuple[object, ...], ChargeSum] = {}
    for each in booked:
        record, cost = each.record, each.record.cost
        day = record.finished_ms // DAY_MS if by_day else 0
        owner = (record.organisation_id, record.project_id, record.model_id, record.service_tier)
        key = (day, *owner, record.currency, record.price_version, each.price, cost.currency)
        standing = sums.get(key)
        taken = ServingCost(
            currency=cost.currency,
            direct_nano=cost.direct_nano,
            energy_uj=cost.energy_uj,
            co2_ug=cost.co2_ug,
        )
        sums[key] = ChargeSum(
            organisation_id=record.organisation_id,
            project_id=record.project_id,
            model_id=record.model_id,
            service_tier=record.service_tier,
            day=day,
            price=each.price,
            requests=1 + (standing.requests if standing else 0),
            usage=_added(standing.usage, record.usage) if standing else record.usage,
            price_nano=record.price_nano + (standing.price_nano if standing else 0),
            cost=_together(standing.cost, taken) if standing else taken,
        )
    return sorted(sums.values(), key=_order)


def _order(charged: ChargeSum) -> tuple[object, ...]:
    owner = (charged.organisation_id, charged.project_id, charged.model_id, charged.service_tier)
    price = charged.price
    return (charged.day, *owner, price.currency, price.version, price.rates, price.discount_ppm)


def _added(one: Usage, other: Usage) -> Usage:
    names = Usage.__struct_fields__
    return Usage(**{name: getattr(one, name) + getattr(other, name) for name in names})


def _together(one: ServingCost, other: ServingCost) -> ServingCost:
    return ServingCost(
        currency=one.currency,
        direct_nano=one.direct_nano + other.direct_nano,
        energy_uj=one.energy_uj + other.energy_uj,
        co2_ug=one.co2_ug + other.co2_ug,
    )


def _done() -> "asyncio.Future[None]":
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    future.set_result(None)
    return future
