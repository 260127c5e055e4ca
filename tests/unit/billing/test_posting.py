"""Records to entries: balanced, per currency, and silent where nothing moves."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from kilonova.billing.posting import post
from kilonova.core.books import Entry
from ledger_samples import MODEL, hold, record, used

CHARGED = record(hold("req_1"), used(10))


def test_a_charge_is_owed_by_the_customer_and_earned_by_the_model() -> None:
    """Protects the profit-and-loss statement's two sides."""
    assert post(CHARGED) == (
        Entry("receivable:USD:org_1", CHARGED.price_nano),
        Entry(f"revenue:USD:{MODEL}", -CHARGED.price_nano),
    )


def test_a_shortfall_is_the_providers_own_cost() -> None:
    """Protects the customer: work that is not charged appears on no receivable."""
    entries = post(replace(CHARGED, price_nano=0, shortfall_nano=7))
    assert entries == (Entry("expense:shortfall:USD", 7), Entry("unbilled_work:USD", -7))


def test_nothing_is_posted_for_nothing() -> None:
    """Protects the book from empty lines."""
    assert post(replace(CHARGED, price_nano=0)) == ()


@given(st.integers(0, 10**15), st.integers(0, 10**15), st.sampled_from(["USD", "EUR"]))
def test_every_transaction_balances(price: int, shortfall: int, currency: str) -> None:
    """Protects the double-entry book, and currencies from each other."""
    moved = replace(CHARGED, price_nano=price, shortfall_nano=shortfall, currency=currency)
    entries = post(moved)
    assert sum(entry.amount_nano for entry in entries) == 0
    assert all(currency in entry.account for entry in entries)
    assert len({entry.account for entry in entries}) == len(entries)
