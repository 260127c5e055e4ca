"""What every ledger promises: reserve, checkpoint, settle, and books that agree with them."""

from typing import Any

import pytest
from msgspec.structs import replace

from kilonova.billing.verify import verify
from kilonova.core.books import RecordMatch, UsageFilter
from kilonova.core.usage import Usage
from kilonova.stores.memory import MemoryStore
from kilonova.stores.sql.store import SqlStore
from ledger_samples import DAY_MS, MODEL, PRICE, START_MS, hold, record, used

Store = MemoryStore | SqlStore


async def settled(store: Store, request_id: str, tokens: int, **changes: int | str) -> int:
    """One request from hold to record; returns what it cost."""
    held = hold(request_id, owner=str(changes.pop("owner", "1")))
    await store.ledger.reserve(held)
    done = record(held, used(tokens), **changes)  # type: ignore[arg-type]
    await store.ledger.settle(done)
    return done.price_nano


async def test_a_request_leaves_one_record_and_no_hold(store: Store) -> None:
    """Protects metering: what was settled is read back as it was, with the pinned rates."""
    held = hold("req_1")
    await store.ledger.reserve(held)
    with store.book.snapshot() as view:
        assert [each.hold for each in view.holds()] == [held]
    done = record(held, used(7))
    await store.ledger.settle(done)
    with store.book.snapshot() as view:
        assert view.holds() == []
        assert [(each.record, each.price) for each in view.records()] == [(done, PRICE)]
        assert [entry.amount_nano for _, entry in view.entries()] == [
            done.price_nano,
            -done.price_nano,
        ]


async def test_the_newest_checkpoint_wins(store: Store) -> None:
    """Protects callers after a crash: the bill is the last count that was made durable."""
    await store.ledger.reserve(hold("req_1"))
    store.ledger.checkpoint("req_1", used(3))
    store.ledger.checkpoint("req_1", used(8))
    await store.ledger.reserve(hold("req_2"))
    with store.book.snapshot() as view:
        assert [each.delivered for each in view.holds()] == [used(8), None]


async def test_a_second_settlement_is_a_bug(store: Store) -> None:
    """Protects callers from a double bill."""
    held = hold("req_1")
    await store.ledger.reserve(held)
    await store.ledger.settle(record(held, used(1)))
    with pytest.raises(AssertionError, match="settled twice"):
        store.ledger.settle(record(held, used(1)))


async def test_a_checkpoint_without_a_hold_is_a_bug(store: Store) -> None:
    """Protects recovery: what is not held cannot be delivered."""
    with pytest.raises(AssertionError, match="no open hold"):
        store.ledger.checkpoint("req_1", used(1))


async def test_a_settlement_without_a_hold_is_a_bug(store: Store) -> None:
    """Protects the rule: no reservation, no engine call."""
    with pytest.raises(AssertionError, match="never reserved"):
        store.ledger.settle(record(hold("req_1"), used(1)))


async def test_reserve_and_settle_may_share_a_commit(store: Store) -> None:
    """Protects callers that vanish while their reservation is on its way to the disk."""
    held = hold("req_1")
    reserved = store.ledger.reserve(held)
    finished = store.ledger.settle(record(held, used(0), outcome="cancelled"))
    await reserved
    await finished
    with store.book.snapshot() as view:
        assert view.holds() == []
        assert len(list(view.records())) == 1


async def test_spending_is_known_at_once_on_all_three_levels(store: Store) -> None:
    """Protects budgets: no window between settling and the next reservation."""
    held = hold("req_1")
    await store.ledger.reserve(held)
    done = record(held, used(50))
    on_disk = store.ledger.settle(done)
    for level_id in ("key_1", "proj_1", "org_1"):
        assert store.ledger.spent_nano(level_id) == done.price_nano
    await on_disk
    assert store.ledger.spent_nano("key_1") == done.price_nano
    assert store.ledger.spent_nano("key_unknown") == 0


async def test_a_free_request_is_recorded_without_entries(store: Store) -> None:
    """Protects the book from lines that move nothing."""
    held = hold("req_1")
    await store.ledger.reserve(held)
    await store.ledger.settle(record(held, Usage()))
    with store.book.snapshot() as view:
        assert len(list(view.records())) == 1
        assert list(view.entries()) == []


async def test_usage_is_summed_by_what_is_asked(store: Store) -> None:
    """Protects reports: groups, totals, the organisation filter and the time range."""
    first = await settled(store, "req_1", 1)
    second = await settled(store, "req_2", 2, finished_ms=START_MS + DAY_MS)
    other = await settled(store, "req_3", 4, owner="2")
    with store.book.snapshot() as view:
        (total,) = view.usage(UsageFilter(), ())
        assert (total.requests, total.price_nano) == (3, first + second + other)
        assert total.usage.output_tokens == 7
        by_day = view.usage(UsageFilter(organisation_id="org_1"), ("day", "model"))
        assert [each.group for each in by_day] == [("2026-11-23", MODEL), ("2026-11-24", MODEL)]
        assert [each.price_nano for each in by_day] == [first, second]
        by_key = view.usage(UsageFilter(until_ms=START_MS + DAY_MS), ("key", "project"))
        assert [each.group for each in by_key] == [("key_1", "proj_1"), ("key_2", "proj_2")]
        assert view.usage(UsageFilter(since_ms=START_MS + 2 * DAY_MS), ("organisation",)) == []


async def test_records_are_read_in_pages(store: Store) -> None:
    """Protects long histories: pages neither repeat nor skip a record."""
    for number in range(5):
        await settled(store, f"req_{number}", number, owner=str(1 + number % 2))
    read: list[str] = []
    while page := store.book.page(UsageFilter(), after=read[-1] if read else "", limit=2):
        read += [each.record.request_id for each in page]
    assert read == [f"req_{number}" for number in range(5)]
    theirs = store.book.page(UsageFilter(organisation_id="org_2"), after="req_1", limit=9)
    assert [each.record.request_id for each in theirs] == ["req_3"]


async def test_records_are_sought_newest_first(store: Store) -> None:
    """Protects who looks for a request: the last ones first, page by page, and only what matches,
    whatever page it is on."""
    for number in range(5):
        await settled(store, f"req_{number}", number, owner=str(1 + number % 2))
    read: list[str] = []
    while page := store.book.page(
        UsageFilter(), after=read[-1] if read else "", limit=2, is_newest_first=True
    ):
        read += [each.record.request_id for each in page]
    assert read == [f"req_{number}" for number in (4, 3, 2, 1, 0)]

    def found(match: RecordMatch, **how: Any) -> list[str]:
        page = store.book.page(UsageFilter(), after="", limit=9, match=match, **how)
        return [each.record.request_id for each in page]

    assert found(RecordMatch(key_id="key_2")) == ["req_1", "req_3"]
    match = RecordMatch(key_id="key_1", project_id="proj_1", model_id=MODEL, outcome="completed")
    assert found(match, is_newest_first=True) == ["req_4", "req_2", "req_0"]
    for nothing in (
        RecordMatch(key_id="key_1", project_id="proj_2"),
        RecordMatch(model_id="' OR 1=1 --"),
        RecordMatch(dialect="none"),
        RecordMatch(outcome="failed"),
        RecordMatch(took_ms_min=10_000),
        RecordMatch(price_nano_min=10**12),
    ):
        assert found(nothing) == []
    assert len(found(RecordMatch(took_ms_min=1, price_nano_min=1))) == 5
    with store.book.snapshot() as view:
        entries = view.entries_of("req_1")
        assert entries == [each for name, each in view.entries() if name == "req_1"]
        assert len(entries) == 2
        assert view.entries_of("req_9") == []


async def test_a_forgotten_hold_is_found(store: Store) -> None:
    """Protects budgets from leaks: the audit compares the holds with what is in flight."""
    held = hold("req_1")
    await store.ledger.reserve(held)
    assert verify(store.book, live=lambda: {"req_1"}) == []
    (finding,) = verify(store.book, live=set, patience_s=0)
    assert finding.invariant == "holds_are_live"


async def test_the_last_day_of_a_level_is_known(store: Store) -> None:
    """Protects who tidies keys up: when one was last used, however often it was."""
    assert store.ledger.last_day("key_1") is None
    for request_id, days in (("req_1", 0), ("req_2", 3), ("req_3", 1)):
        began_ms = START_MS + days * DAY_MS
        held = replace(hold(request_id), started_ms=began_ms)
        await store.ledger.reserve(held)
        await store.ledger.settle(record(held, used(1), finished_ms=began_ms))
    assert store.ledger.last_day("key_1") == START_MS // DAY_MS + 3
    assert store.ledger.last_day("key_2") is None
