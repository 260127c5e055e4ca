"""The audit finds what it is there to find: each invariant is broken once, on disk."""

import asyncio
from pathlib import Path

import apsw
import pytest

from kilonova.billing.closing import MonthEnd
from kilonova.billing.corrections import Corrections
from kilonova.billing.invoice.stationery import Stationery
from kilonova.billing.posting import post
from kilonova.billing.verify import INVARIANTS, Finding, verify
from kilonova.core.corrections import AdjustmentOrder
from kilonova.stores.sql.store import SqlStore
from ledger_samples import FixedClock, hold, record, used

# What a bug, or a hand in the file, could do; and the invariants that notice it.
DAMAGES = [
    ("DELETE FROM entries WHERE amount_nano > 0", "transactions_balance"),
    ("DELETE FROM entries", "records_are_posted"),
    ("UPDATE entries SET amount_nano = amount_nano * 2", "records_are_posted"),
    ("DELETE FROM usage_records WHERE request_id = 'req_2'", "entries_have_records"),
    ("DELETE FROM usage_records", "spending_equals_records"),
    ("DELETE FROM entries WHERE transaction_id LIKE 'adj_%'", "adjustments_are_posted"),
    ("UPDATE adjustments SET amount_nano = amount_nano + 1", "adjustments_are_posted"),
    ("DELETE FROM adjustments", "entries_have_records"),
    ("UPDATE adjustments SET amount_nano = 9000000000", "refunds_within_charges"),
    ("UPDATE adjustments SET request_id = 'req_9'", "refunds_within_charges"),
    ("UPDATE invoices SET document = CAST('{}' AS BLOB)", "closed_months_stand"),
    ("UPDATE invoices SET number = 'X-1'", "closed_months_stand"),
    ("DELETE FROM invoices", "closed_months_stand"),
    ("UPDATE closings SET document = CAST('{}' AS BLOB)", "closed_months_stand"),
    (
        "UPDATE usage_records SET output_tokens = 1 WHERE request_id = 'req_0'",
        "closed_months_stand",
    ),
    ("UPDATE usage_records SET price_nano = price_nano + 1", "nothing_is_overbilled"),
    ("UPDATE usage_records SET price_nano = price_nano - 1", "nothing_is_unbooked"),
    ("UPDATE usage_records SET output_tokens = -1", "nothing_is_negative"),
    ("UPDATE usage_records SET currency = 'EUR' WHERE request_id = 'req_1'", "one_currency"),
    ("UPDATE balances SET amount_nano = amount_nano + 1", "balances_equal_entries"),
    ("DELETE FROM balances", "balances_equal_entries"),
    ("UPDATE spending SET spent_nano = 0", "spending_equals_records"),
    ("INSERT INTO spending VALUES ('key_9', 5)", "spending_equals_records"),
    ("UPDATE spending_days SET day = day + 1", "daily_spending_equals_records"),
    ("UPDATE usage_hours SET requests = requests + 1", "hours_equal_records"),
    ("UPDATE usage_hours SET hour = hour + 1", "hours_equal_records"),
    ("DELETE FROM usage_hours", "hours_equal_records"),
    ("UPDATE usage_facets SET model_id = 'another'", "hours_equal_records"),
    (
        "UPDATE usage_records SET resource = 'machine', busy_ns = 400000000000",
        "busy_time_fits",
    ),
    ("UPDATE holds SET request_id = 'req_1'", "settled_once"),
    ("UPDATE sqlite_schema SET rootpage = 3 WHERE name = 'notes'", "storage_is_whole"),
]


async def _write(path: Path) -> None:
    store = SqlStore.open(path, post)
    for number in range(3):
        held = hold(f"req_{number}")
        await store.ledger.reserve(held)
        await store.ledger.settle(record(held, used(number)))
    await _close(store)
    await store.ledger.reserve(hold("req_open"))
    assert verify(store.book, live=lambda: {"req_open"}) == []
    await store.close()


async def _close(store: SqlStore) -> None:
    """A refund, and an invoice."""
    clock, lock = FixedClock(1_796_083_200.0), asyncio.Lock()
    corrections = Corrections(store.book, store.corrections, clock, lock=lock)
    order = AdjustmentOrder(
        kind="refund", organisation_id="org_1", reason="test", request_id="req_1", amount_nano=1
    )
    await corrections.adjust(order)
    month_end = MonthEnd(
        store.book,
        store.corrections,
        clock,
        lock=lock,
        stationery=Stationery(),
        customers=list,
    )
    await month_end.close("2026-11")


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file of a store with three records and one open hold."""
    path = tmp_path_factory.mktemp("sound") / "kilonova.db"
    asyncio.run(_write(path))
    return path.read_bytes()


@pytest.mark.parametrize(("damage", "invariant"), DAMAGES)
def test_damage_is_found(sound: bytes, tmp_path: Path, damage: str, invariant: str) -> None:
    """Protects the word "sound": no damage of these passes the audit."""
    path = tmp_path / "kilonova.db"
    path.write_bytes(sound)
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA ignore_check_constraints = ON; PRAGMA writable_schema = ON")
    connection.execute(damage)
    connection.close()
    found = {finding.invariant for finding in verify(SqlStore.reading(path))}
    assert invariant in found
    assert found <= set(INVARIANTS)


def test_what_came_into_a_closed_month_is_found(sound: bytes, tmp_path: Path) -> None:
    """Protects a closed month from charges of somebody who has no invoice that could be wrong."""
    path = tmp_path / "kilonova.db"
    path.write_bytes(sound)
    moved = "UPDATE usage_records SET organisation_id = 'org_9' WHERE request_id = 'req_1'"
    apsw.Connection(str(path)).execute(moved)
    found = [each.detail for each in verify(SqlStore.reading(path))]
    assert any(each.startswith("org_9 owes") and "no invoice" in each for each in found)


def test_every_invariant_is_tried() -> None:
    """Protects this file from an invariant that nobody ever broke."""
    assert {name for _, name in DAMAGES} | {"holds_are_live"} == set(INVARIANTS)


def test_a_hold_that_is_just_settling_is_no_finding(sound: bytes, tmp_path: Path) -> None:
    """Protects a busy server from false alarms: the settlement is on its way to the disk."""
    path = tmp_path / "kilonova.db"
    path.write_bytes(sound)
    book = SqlStore.reading(path)

    def settles_meanwhile() -> set[str]:
        apsw.Connection(str(path)).execute("DELETE FROM holds")
        return set()

    assert verify(book, live=settles_meanwhile) == []


def test_a_leaked_hold_is_a_finding(sound: bytes, tmp_path: Path) -> None:
    """Protects budgets from holds that nobody will settle."""
    path = tmp_path / "kilonova.db"
    path.write_bytes(sound)
    detail = "req_open is held, but not in flight"
    findings = verify(SqlStore.reading(path), live=frozenset, patience_s=0)
    assert findings == [Finding("holds_are_live", detail)]
