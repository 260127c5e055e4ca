"""The audit: every invariant of the books, recomputed from their single lines.

It reads one snapshot, so it can run beside a live server. No findings means that the books are
sound.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Set
from itertools import chain, groupby, islice
from operator import itemgetter

from msgspec import Struct
from msgspec.structs import astuple

from kilonova.billing.busy import BusyAudit
from kilonova.billing.closed import broken_months
from kilonova.billing.hours import HourAudit
from kilonova.billing.posting import post, post_adjustment
from kilonova.core.books import (
    DAY_MS,
    BookedRecord,
    Entry,
    LedgerBook,
    LedgerView,
    UsageFilter,
)
from kilonova.core.corrections import Adjustment

__all__ = ["INVARIANTS", "Finding", "verify"]

INVARIANTS = (
    "storage_is_whole",
    "holds_are_live",
    "settled_once",
    "one_currency",
    "transactions_balance",
    "entries_have_records",
    "records_are_posted",
    "adjustments_are_posted",
    "refunds_within_charges",
    "closed_months_stand",
    "nothing_is_negative",
    "nothing_is_overbilled",
    "nothing_is_unbooked",
    "balances_equal_entries",
    "spending_equals_records",
    "daily_spending_equals_records",
    "hours_equal_records",
    "busy_time_fits",
)

_FINDINGS_MAX = 1000
_POLL_S = 0.05

_Transaction = tuple[str, tuple[Entry, ...]]


class Finding(Struct, frozen=True):
    """``invariant`` is a stable name; ``detail`` says where it is broken and by how much."""

    invariant: str
    detail: str


_Findings = Iterator[Finding]


def verify(
    book: LedgerBook, *, live: Callable[[], Set[str]] | None = None, patience_s: float = 2.0
) -> list[Finding]:
    """The first thousand findings. It reads everything: run it in a thread beside a live server.

    ``live`` tells the requests in flight, where somebody knows. A hold whose request just ended is
    given ``patience_s`` for its settlement to reach the disk.
    """
    with book.snapshot() as view:
        held = _held(view)
        suspects = held - live() if live is not None else set()
        findings = list(islice(_findings(view, held), _FINDINGS_MAX))
    return findings + [
        Finding("holds_are_live", f"{request_id} is held, but not in flight")
        for request_id in sorted(_still_held(book, suspects, patience_s))
    ]


def _held(view: LedgerView) -> set[str]:
    return {open_hold.hold.request_id for open_hold in view.holds()}


def _still_held(book: LedgerBook, suspects: set[str], patience_s: float) -> set[str]:
    end_s = time.monotonic() + patience_s
    while suspects and time.monotonic() < end_s:
        time.sleep(_POLL_S)
        with book.snapshot() as view:
            suspects &= _held(view)
    return suspects


def _findings(view: LedgerView, held: Set[str]) -> _Findings:
    if damage := view.damage():
        # What a damaged file says about money proves nothing, and reading on may fail.
        yield from (Finding("storage_is_whole", verdict) for verdict in damage)
        return
    posted: Counter[str] = Counter()
    spent: Counter[str] = Counter()
    daily: Counter[str] = Counter()
    hours, busy = HourAudit(), BusyAudit()
    currencies: dict[str, str] = {}
    adjustments = {each.id: each for each in view.adjustments(UsageFilter())}
    unposted = dict(adjustments)
    refunded = _refunded(adjustments.values())
    for request_id, booked, entries in _merged(view):
        adjustment = unposted.pop(request_id, None) if booked is None else None
        if adjustment is not None:
            yield from _adjustment_findings(adjustment, entries)
        else:
            yield from _transaction_findings(request_id, booked, entries)
        for entry in entries:
            posted[entry.account] += entry.amount_nano
        if booked is None:
            continue
        if request_id in held:
            yield Finding("settled_once", f"{request_id} has a record and is held still")
        yield from _record_findings(booked)
        hours.add(booked)
        busy.add(booked.record)
        if refunded.pop(request_id, 0) > booked.record.price_nano:
            yield Finding("refunds_within_charges", f"{request_id} got back more than it cost")
        for level_id in _levels(booked):
            spent[level_id] += booked.record.price_nano
            daily[f"{level_id} on day {booked.record.started_ms // DAY_MS}"] += (
                booked.record.price_nano
            )
            if currencies.setdefault(level_id, booked.record.currency) != booked.record.currency:
                yield Finding("one_currency", f"{level_id} spends more than one currency")
    yield from _correction_findings(view, unposted, refunded)
    yield from _differences("balances_equal_entries", posted, view.balances())
    yield from _differences("spending_equals_records", spent, view.spending())
    kept = {
        f"{level_id} on day {day}": nano for (level_id, day), nano in view.spending_by_day().items()
    }
    yield from _differences("daily_spending_equals_records", daily, kept)
    yield from (Finding("hours_equal_records", detail) for detail in hours.findings(view))
    yield from (Finding("busy_time_fits", detail) for detail in busy.findings())


def _merged(view: LedgerView) -> Iterator[tuple[str, BookedRecord | None, tuple[Entry, ...]]]:
    """Records and transactions side by side; both come in the order of request ids."""
    transactions = chain(_transactions(view), [("", ())])
    transaction_id, entries = next(transactions)
    for booked in view.records():
        request_id = booked.record.request_id
        while transaction_id and transaction_id < request_id:
            yield transaction_id, None, entries
            transaction_id, entries = next(transactions)
        if transaction_id == request_id:
            yield request_id, booked, entries
            transaction_id, entries = next(transactions)
        else:
            yield request_id, booked, ()
    while transaction_id:
        yield transaction_id, None, entries
        transaction_id, entries = next(transactions)


def _transactions(view: LedgerView) -> Iterator[_Transaction]:
    for transaction_id, lines in groupby(view.entries(), key=itemgetter(0)):
        yield transaction_id, tuple(entry for _, entry in lines)


def _transaction_findings(
    request_id: str, booked: BookedRecord | None, entries: tuple[Entry, ...]
) -> _Findings:
    total = sum(entry.amount_nano for entry in entries)
    if total:
        yield Finding("transactions_balance", f"{request_id} sums to {total}")
    if booked is None:
        yield Finding("entries_have_records", f"{request_id} has entries and no record")
    elif sorted(map(astuple, entries)) != sorted(map(astuple, post(booked.record))):
        yield Finding("records_are_posted", f"the entries of {request_id} are not its record's")


def _correction_findings(
    view: LedgerView, unposted: dict[str, Adjustment], refunded: Counter[str]
) -> _Findings:
    """Of what no transaction or record led to, and of closed months."""
    for adjustment in unposted.values():
        yield from _adjustment_findings(adjustment, ())
    for request_id in sorted(refunded):
        yield Finding("refunds_within_charges", f"{request_id} is refunded and has no record")
    for broken in broken_months(view):
        yield Finding("closed_months_stand", broken)


def _adjustment_findings(adjustment: Adjustment, entries: tuple[Entry, ...]) -> _Findings:
    expected = post_adjustment(adjustment).entries
    if sorted(map(astuple, entries)) != sorted(map(astuple, expected)):
        yield Finding("adjustments_are_posted", f"the entries of {adjustment.id} are not its own")


def _refunded(adjustments: Iterable[Adjustment]) -> Counter[str]:
    refunded: Counter[str] = Counter()
    for each in adjustments:
        if each.kind == "refund":
            refunded[each.request_id] += each.amount_nano
    return refunded


def _record_findings(booked: BookedRecord) -> _Findings:
    record, price = booked.record, booked.price
    cost = record.cost
    money = (record.price_nano, record.shortfall_nano, cost.marginal_nano, cost.direct_nano)
    taken = (cost.busy_ns, cost.energy_uj, cost.co2_ug)
    if min(*astuple(record.usage), *price.rates, *money, *taken) < 0:
        yield Finding("nothing_is_negative", f"{record.request_id} has a number below zero")
    worth = price.charge(record.usage)
    if record.price_nano > worth:
        excess = record.price_nano - worth
        yield Finding("nothing_is_overbilled", f"{record.request_id}: {excess} more than its usage")
    if record.price_nano + record.shortfall_nano < worth:
        missing = worth - record.price_nano - record.shortfall_nano
        yield Finding("nothing_is_unbooked", f"{record.request_id}: {missing} in no account")


def _levels(booked: BookedRecord) -> tuple[str, str, str]:
    record = booked.record
    return record.key_id, record.project_id, record.organisation_id


def _differences(invariant: str, counted: Counter[str], kept: dict[str, int]) -> _Findings:
    for name in sorted(counted.keys() | kept.keys()):
        if counted[name] != kept.get(name, 0):
            yield Finding(invariant, f"{name}: lines {counted[name]}, kept {kept.get(name, 0)}")
