"""Alerts in every kind of store."""

from msgspec.structs import replace

from kilonova.core.budgets import Alert
from kilonova.stores.memory import MemoryStore
from kilonova.stores.sql.store import SqlStore

Store = MemoryStore | SqlStore


def alert(percent: int = 50, *, raised_ms: int = 10, window: str = "2026-11") -> Alert:
    return Alert(
        level_id="key_1", budget="month", window=window, percent=percent,
        budget_nano=100, spent_nano=percent, raised_ms=raised_ms,
    )  # fmt: skip


async def test_an_alert_is_kept_once(store: Store) -> None:
    """Protects who was told: the same line of the same window stays as it was told first."""
    assert not store.alerts.is_told(alert())
    await store.alerts.save((alert(),))
    await store.alerts.save((alert(raised_ms=99), alert(80, raised_ms=99)))
    assert store.alerts.is_told(alert(raised_ms=5))
    assert store.alerts.find(alert().id) == alert()
    for unknown in (alert(100).id, "alert_x", "", "alert_key_1:month:life:50"):
        assert store.alerts.find(unknown) is None
    assert store.alerts.page(after=None, limit=9) == [alert(), alert(80, raised_ms=99)]


async def test_other_lines_and_windows_are_others(store: Store) -> None:
    """Protects the next month from the silence of this one."""
    await store.alerts.save((alert(),))
    assert not store.alerts.is_told(alert(80))
    assert not store.alerts.is_told(alert(window="2026-12"))


async def test_pages_follow_each_other(store: Store) -> None:
    """Protects webhooks: none is left out and none comes twice, in the order of raising."""
    kept = [
        alert(50, raised_ms=1),
        alert(80, raised_ms=1),
        alert(100, raised_ms=3),
        alert(50, raised_ms=2**40, window="2026-12"),
    ]
    await store.alerts.save(tuple(reversed(kept)))
    found: list[Alert] = []
    while page := store.alerts.page(after=found[-1] if found else None, limit=1):
        found += page
    assert found == kept


async def test_another_amount_is_told_anew(store: Store) -> None:
    """Protects a budget that was raised: its alert takes the place of the one before."""
    await store.alerts.save((alert(),))
    raised = replace(alert(raised_ms=20), budget_nano=alert().budget_nano * 2)
    assert not store.alerts.is_told(raised)
    await store.alerts.save((raised,))
    assert store.alerts.is_told(raised)
    assert store.alerts.find(alert().id) is None
    assert store.alerts.page(after=alert(), limit=9) == [raised]
