"""A month of five hundred organisations in virtual time: every fault, and then everything adds up.

``KILONOVA_MONTH_ORGANISATIONS`` and ``KILONOVA_MONTH_SEED`` make it another month.
"""

import os
from pathlib import Path

import pytest

from kilonova.billing.verify import verify
from kilonova.core.books import UsageFilter
from simulation.conservation import Conservation
from simulation.month import Month

ORGANISATIONS = int(os.environ.get("KILONOVA_MONTH_ORGANISATIONS", "500"))
SEED = int(os.environ.get("KILONOVA_MONTH_SEED", "1"))

# Each of these happens at least once, or the month has proven nothing about it.
SOMETIMES = {
    "client left",
    "engine_failed",
    "overloaded",
    "overloaded: store",
    "disk full",
    "rate_limited: requests",
    "rate_limited: organisation_budget_day",
    "budget refused: day",
    "budget refused: month",
    "budget refused: total",
    "alert: month 50 %",
    "alert: month 80 %",
    "alert: month 100 %",
    "unauthenticated: revoked",
    "unauthenticated: expired",
    "not_found: model_not_priced",
    "price list changed",
    "clock back",
    "clock refused",
    "power lost",
    "recovered",
    "refund",
    "credit",
    "allowance",
    "correction",
    "closing refused: running",
    "closing refused: holds",
    "closing refused: closed",
    "closing refused: store",
    "closed 2026-11",
    "closed 2026-12",
}
_ALL = UsageFilter()
OUTCOMES = {"completed", "cancelled", "failed", "recovered"}
OFFSETS = {"credit_use", "credit_expiry", "allowance_use", "tax", "rounding"}


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_month_adds_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects every promise about money at once: costs are conserved and shared, and what was
    billed, invoiced, stated, exported, counted and owed is one amount."""
    monkeypatch.setattr("kilonova.stores.sql.writer._RETRY_S", 0.02)
    month = Month(tmp_path, organisations=ORGANISATIONS, seed=SEED)
    await month.run()
    here = month.here
    assert {name for name, count in month.seen.items() if count} >= SOMETIMES
    assert verify(here.store.book, live=set, patience_s=0) == []
    with here.store.book.snapshot() as view:
        books = Conservation(view, here.terms)
        kept = {each.request_id: each for each in books.records}
        assert {name: kept.get(name) for name in month.told} == month.told
        _check_variety(books, {each.kind for each in view.adjustments(_ALL)})
        half, tenth = (month.tenants[role].organisation_id for role in ("day", "month"))
        books.check_costs({half: 500_000, tenth: 100_000, "org_absent": 50_000})
        books.check_busy(month.busy_ns, month.machine.monotonic_ns())
        books.check_revenue()
        books.check_debts()
        books.check_metrics(here.metrics)
        books.check_documents()
        limits = {each.organisation_id: each.limits for each in month.tenants.values()}
        books.check_budgets(limits, here.store.alerts.page(after=None, limit=10_000))
    await here.close()


def _check_variety(books: Conservation, kinds: set[str]) -> None:
    """The month had everything in it that a bill can consist of."""
    assert {each.outcome for each in books.records} == OUTCOMES
    assert {each.service_tier for each in books.records} == {"default", "priority", "flex"}
    assert any(each.shortfall_nano for each in books.records)
    assert kinds >= OFFSETS
