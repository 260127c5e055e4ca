"""Ledger, books, accounts and shelf in memory: for tests, simulations and ``--ephemeral`` servers.

It keeps every promise of the durable store but durability, and is its reference: one suite of tests
runs over both.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext

from msgspec import structs
from msgspec.structs import astuple, replace

from kilonova.core.books import (
    DAY_MS,
    EVERY_RECORD,
    BookedRecord,
    Entry,
    Grouping,
    LedgerView,
    OpenHold,
    Posting,
    RecordMatch,
    UsageFilter,
    UsageSum,
)
from kilonova.core.budgets import Alert, alert_key
from kilonova.core.clock import Clock, SystemClock
from kilonova.core.corrections import Adjustment, ChargeSum, Closing, StoredInvoice
from kilonova.core.errors import BudgetExceeded, Conflict
from kilonova.core.identity import Key, Organisation, Project
from kilonova.core.ports import Hold
from kilonova.core.shelf import Drawer, Item, Page, ShelfLimits
from kilonova.core.tally import HourSum, add_up
from kilonova.core.usage import Usage, UsageRecord
from kilonova.stores.memory_corrections import MemoryCorrections, charge_sums
from kilonova.stores.usage_sums import usage_sums

__all__ = ["MemoryAccounts", "MemoryAlerts", "MemoryLedger", "MemoryShelf", "MemoryStore"]

_AMPLE = ShelfLimits(items_max=100_000, bytes_max=1_000_000_000)


class MemoryStore:
    """Both halves of a store. ``posting`` says how a record becomes entries."""

    def __init__(self, posting: Posting) -> None:
        self.ledger = MemoryLedger(posting)
        self.book = self.ledger
        self.corrections = self.ledger.corrections
        self.accounts = MemoryAccounts()
        self.alerts = MemoryAlerts()

    async def close(self) -> None:
        """Nothing to flush."""


class MemoryLedger:
    """Implements ``core.ports.Ledger`` and is its own ``LedgerBook`` and ``LedgerView``."""

    def __init__(self, posting: Posting) -> None:
        self._posting = posting
        self._open: dict[str, OpenHold] = {}
        self._records: dict[str, BookedRecord] = {}
        self._entries: dict[str, tuple[Entry, ...]] = {}
        self._balances: Counter[str] = Counter()
        self._spending: Counter[str] = Counter()
        self._by_day: Counter[tuple[str, int]] = Counter()
        self.corrections = MemoryCorrections()

    def left_open(self) -> list[OpenHold]:
        return self.holds()

    def reserve(self, hold: Hold) -> "asyncio.Future[None]":
        taken = hold.request_id in self._open or hold.request_id in self._records
        assert not taken, f"{hold.request_id} was reserved twice"
        self._open[hold.request_id] = OpenHold(hold)
        return _done()

    def checkpoint(self, request_id: str, usage: Usage) -> None:
        assert request_id in self._open, f"{request_id} has no open hold"
        self._open[request_id] = replace(self._open[request_id], delivered=usage)

    def settle(self, record: UsageRecord) -> "asyncio.Future[None]":
        held = self._open.pop(record.request_id, None)
        assert held is not None, f"{record.request_id} was settled twice or never reserved"
        if record.finished_ms < self.corrections.frozen_until_ms:
            record = replace(record, finished_ms=self.corrections.frozen_until_ms)
        self._records[record.request_id] = BookedRecord(record, held.hold.price)
        entries = self._posting(record)
        if entries:
            self._entries[record.request_id] = entries
        for entry in entries:
            self._balances[entry.account] += entry.amount_nano
        day = record.started_ms // DAY_MS
        for level_id in (record.key_id, record.project_id, record.organisation_id):
            self._spending[level_id] += record.price_nano
            self._by_day[level_id, day] += record.price_nano
        return _done()

    def spent_nano(self, level_id: str) -> int:
        return self._spending[level_id]

    def spent_by_day(self, level_id: str, first_day: int) -> dict[int, int]:
        return {
            day: spent_nano
            for (spender, day), spent_nano in self._by_day.items()
            if spender == level_id and day >= first_day
        }

    def last_day(self, level_id: str) -> int | None:
        return max(self.spent_by_day(level_id, 0), default=None)

    def snapshot(self) -> AbstractContextManager[LedgerView]:
        return nullcontext(self)

    def page(
        self,
        chosen: UsageFilter,
        *,
        after: str,
        limit: int,
        match: RecordMatch = EVERY_RECORD,
        is_newest_first: bool = False,
    ) -> list[BookedRecord]:
        found = [
            booked
            for booked in self.records()
            if _is_chosen(booked.record, chosen) and _is_match(booked.record, match)
        ]
        if is_newest_first:
            found.reverse()
            return [each for each in found if not after or each.record.request_id < after][:limit]
        return [each for each in found if each.record.request_id > after][:limit]

    def records(self) -> Iterator[BookedRecord]:
        return iter([self._records[request_id] for request_id in sorted(self._records)])

    def record(self, request_id: str) -> BookedRecord | None:
        return self._records.get(request_id)

    def charges(self, chosen: UsageFilter, *, by_day: bool = False) -> list[ChargeSum]:
        booked = (each for each in self.records() if _is_chosen(each.record, chosen))
        return charge_sums(booked, by_day=by_day)

    def adjustments(self, chosen: UsageFilter) -> list[Adjustment]:
        return self.corrections.adjustments(chosen)

    def first_finished_ms(self) -> int | None:
        ends = [booked.record.finished_ms for booked in self._records.values()]
        return min(ends) if ends else None

    def closings(self) -> list[Closing]:
        return list(self.corrections.closings)

    def invoices(self, organisation_id: str | None = None) -> list[StoredInvoice]:
        kept = self.corrections.invoices
        return [each for each in kept if organisation_id in (None, each.organisation_id)]

    def entries(self) -> Iterator[tuple[str, Entry]]:
        booked = {name: each.entries for name, each in self.corrections.posted.items()}
        lines = {**self._entries, **booked}
        return iter([(name, entry) for name in sorted(lines) for entry in lines[name]])

    def entries_of(self, transaction_id: str) -> list[Entry]:
        return [entry for name, entry in self.entries() if name == transaction_id]

    def holds(self) -> list[OpenHold]:
        return list(self._open.values())

    def spending_by_day(self) -> dict[tuple[str, int], int]:
        return dict(self._by_day)

    def balances(self) -> dict[str, int]:
        balances = self._balances.copy()
        for posted in self.corrections.posted.values():
            for entry in posted.entries:
                balances[entry.account] += entry.amount_nano
        return dict(balances)

    def spending(self) -> dict[str, int]:
        return dict(self._spending)

    def damage(self) -> list[str]:
        return []

    def usage(self, chosen: UsageFilter, grouping: tuple[Grouping, ...]) -> list[UsageSum]:
        found = (each for each in self._records.values() if _is_chosen(each.record, chosen))
        return usage_sums(_hour_sums(found), grouping)

    def hours(self) -> Iterator[HourSum]:
        return iter(sorted(_hour_sums(self._records.values())))

    def ended(self, chosen: UsageFilter) -> Iterator[BookedRecord]:
        return (booked for booked in self.records() if _is_chosen(booked.record, chosen))


class MemoryAccounts:
    """Implements ``accounts.store.AccountStore``."""

    def __init__(self) -> None:
        self._organisations: dict[str, Organisation] = {}
        self._projects: dict[str, Project] = {}
        self._keys: dict[str, Key] = {}
        self._notes: dict[str, str] = {}

    def save(self, *owners: Organisation | Project | Key) -> "asyncio.Future[None]":
        taken = next((owner for owner in owners if self._is_taken(owner)), None)
        if taken is not None:
            return _failed(Conflict(f"The name {taken.name!r} is taken.", param="name"))
        for owner in owners:
            match owner:
                case Organisation():
                    self._organisations[owner.id] = owner
                case Project():
                    self._projects[owner.id] = owner
                case Key():
                    self._keys[owner.id] = owner
        return _done()

    def organisation(self, organisation_id: str) -> Organisation | None:
        return self._organisations.get(organisation_id)

    def organisations(self) -> list[Organisation]:
        return list(self._organisations.values())

    def project(self, project_id: str) -> Project | None:
        return self._projects.get(project_id)

    def projects(self, organisation_id: str) -> list[Project]:
        return [p for p in self._projects.values() if p.organisation_id == organisation_id]

    def key(self, key_id: str) -> Key | None:
        return self._keys.get(key_id)

    def keys(self, project_id: str) -> list[Key]:
        return [key for key in self._keys.values() if key.project_id == project_id]

    def key_of_bearer(self, digest: bytes) -> Key | None:
        return next((key for key in self._keys.values() if key.bearer_digest == digest), None)

    def key_of_access_key(self, access_key_id: str) -> Key | None:
        return next(
            (key for key in self._keys.values() if key.access_key_id == access_key_id), None
        )

    def note(self, name: str) -> str | None:
        return self._notes.get(name)

    def save_note(self, name: str, text: str) -> "asyncio.Future[None]":
        self._notes[name] = text
        return _done()

    def _is_taken(self, owner: Organisation | Project | Key) -> bool:
        """Whether another row has what must be unique."""
        match owner:
            case Organisation():
                rivals: list[str] = [o.id for o in self.organisations() if o.name == owner.name]
            case Project():
                siblings = self.projects(owner.organisation_id)
                rivals = [p.id for p in siblings if p.name == owner.name]
            case Key():
                rivals = []
        return any(rival != owner.id for rival in rivals)


class MemoryAlerts:
    """Implements ``core.budgets.AlertBook``."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, str, str, int], Alert] = {}

    def is_told(self, alert: Alert) -> bool:
        return self.find(alert.id) is not None

    def find(self, alert_id: str) -> Alert | None:
        key = alert_key(alert_id)
        found = None if key is None else self._told.get(key)
        return found if found is not None and found.id == alert_id else None

    def save(self, alerts: Sequence[Alert]) -> "asyncio.Future[None]":
        for alert in alerts:
            if not self.is_told(alert):
                self._told[_alert_order(alert)[1:]] = alert
        return _done()

    def page(self, *, after: Alert | None, limit: int) -> list[Alert]:
        raised = sorted(self._told.values(), key=_alert_order)
        if after is not None:
            raised = [alert for alert in raised if _alert_order(alert) > _alert_order(after)]
        return raised[:limit]


class MemoryShelf:
    """Implements ``core.shelf.Shelf``."""

    def __init__(self, clock: Clock | None = None, limits: ShelfLimits = _AMPLE) -> None:
        self._clock = clock or SystemClock()
        self._limits = limits
        self._drawers: dict[Drawer, dict[str, Item]] = {}

    async def put(self, drawer: Drawer, item: Item) -> None:
        replaced = self._drawers.get(drawer, {}).get(item.id)
        growth = len(item.content) - (replaced.content_bytes if replaced else 0)
        self._check_room(drawer.project_id, items=0 if replaced else 1, content_bytes=growth)
        kept = self._drawers.setdefault(drawer, {})
        kept[item.id] = replace(item, content_bytes=len(item.content))

    async def get(self, drawer: Drawer, item_id: str) -> Item | None:
        return self._unexpired(drawer).get(item_id)

    def look(self, drawer: Drawer, item_id: str) -> Item | None:
        item = self._unexpired(drawer).get(item_id)
        return None if item is None else replace(item, content=b"")

    def page(
        self, drawer: Drawer, *, after: str | None, limit: int, is_newest_first: bool = True
    ) -> Page:
        kept = self._unexpired(drawer)
        ids = sorted(kept, reverse=is_newest_first)
        if after is not None:
            ids = [name for name in ids if (name < after if is_newest_first else name > after)]
        items = tuple(replace(kept[name], content=b"") for name in ids[:limit])
        return Page(items, has_more=len(ids) > limit)

    def next_drawer(self, after: Drawer | None) -> Drawer | None:
        filled = [drawer for drawer, kept in self._drawers.items() if kept]
        behind = [each for each in filled if after is None or astuple(each) > astuple(after)]
        return min(behind, key=astuple, default=None)

    async def delete(self, drawer: Drawer, item_id: str) -> None:
        self._drawers.get(drawer, {}).pop(item_id, None)

    def check_room(self, drawer: Drawer, content_bytes: int = 0) -> None:
        self._check_room(drawer.project_id, items=1, content_bytes=content_bytes)

    def _check_room(self, project_id: str, *, items: int, content_bytes: int) -> None:
        drawers = [drawer for drawer in self._drawers if drawer.project_id == project_id]
        kept = [item for drawer in drawers for item in self._drawers[drawer].values()]
        bytes_kept = sum(item.content_bytes for item in kept)
        has_room = items == 0 or len(kept) < self._limits.items_max
        has_bytes = content_bytes <= 0 or bytes_kept + content_bytes <= self._limits.bytes_max
        if not (has_room and has_bytes):
            raise BudgetExceeded("This project keeps all that it may. Delete some of it first.")

    def _unexpired(self, drawer: Drawer) -> dict[str, Item]:
        """What expired goes for good, as the durable store's sweep would have it."""
        now_ms = round(self._clock.now_s() * 1000)
        kept = {
            name: item
            for name, item in self._drawers.get(drawer, {}).items()
            if item.expires_ms is None or item.expires_ms > now_ms
        }
        self._drawers[drawer] = kept
        return kept


def _alert_order(alert: Alert) -> tuple[int, str, str, str, int]:
    return (alert.raised_ms, alert.level_id, alert.budget, alert.window, alert.percent)


def _done() -> "asyncio.Future[None]":
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    future.set_result(None)
    return future


def _failed(error: Exception) -> "asyncio.Future[None]":
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    future.set_exception(error)
    return future


def _is_chosen(record: UsageRecord, chosen: UsageFilter) -> bool:
    is_theirs = chosen.organisation_id in (None, record.organisation_id)
    return is_theirs and chosen.since_ms <= record.finished_ms < chosen.until_ms


def _is_match(record: UsageRecord, match: RecordMatch) -> bool:
    sought = structs.asdict(match)
    took_ms_min, price_nano_min = sought.pop("took_ms_min"), sought.pop("price_nano_min")
    is_enough = record.finished_ms - record.started_ms >= (
        took_ms_min or 0
    ) and record.price_nano >= (price_nano_min or 0)
    return is_enough and all(
        value in (None, getattr(record, name)) for name, value in sought.items()
    )


def _hour_sums(booked: Iterable[BookedRecord]) -> Iterator[HourSum]:
    sums = add_up((each.record, each.price) for each in booked)
    return ((hour, facet, tally) for (hour, facet), tally in sums.items())
