"""The audit: every invariant of the books, recomputed from their single lines.

It reads one snapshot, so it can run beside a live server. No findings means that the books are
sound.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Set
from itertools import chain, groupby, islice
from operator import itemgetter

from msgspec import Struct
from msgspec.structs import astuple

from kilonova.billing.posting import post
from kilonova.core.books import DAY_MS, BookedRecord, Entry, LedgerBook, LedgerView

__all__ = ["INVARIANTS", "Finding", "verify"]

INVARIANTS = (
    "storage_is_whole",
    "holds_are_live",
    "settled_once",
    "one_currency",
    "transactions_balance",
    "entries_have_records",
    "records_are_posted",
    "nothing_is_negative",
    "nothing_is_overbilled",
    "nothing_is_unbooked",
    "balances_equal_entries",
    "spending_equals_records",
    "daily_spending_equals_records",
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
    currencies: dict[str, str] = {}
    for request_id, booked, entries in _merged(view):
        yield from _transaction_findings(request_id, booked, entries)
        for entry in entries:
            posted[entry.account] += entry.amount_nano
        if booked is None:
            continue
        if request_id in held:
            yield Finding("settled_once", f"{request_id} has a record and is held still")
        yield from _record_findings(booked)
        for level_id in _levels(booked):
            spent[level_id] += booked.record.price_nano
            daily[f"{level_id} on day {booked.record.started_ms // DAY_MS}"] += (
                booked.record.price_nano
            )
            if currencies.setdefault(level_id, booked.record.currency) != booked.record.currency:
                yield Finding("one_currency", f"{level_id} spends more than one currency")
    yield from _differences("balances_equal_entries", posted, view.balances())
    yield from _differences("spending_equals_records", spent, view.spending())
    kept = {
        f"{level_id} on day {day}": nano for (level_id, day), nano in view.spending_by_day().items()
    }
    yield from _differences("daily_spending_equals_records", daily, kept)


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
