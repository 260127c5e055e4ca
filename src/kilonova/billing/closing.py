"""Closing a month: its statement and its invoices are drawn up, booked and frozen in one step.

It is refused while the month runs, an earlier one is open, a request that began in it is under way,
or the audit finds anything. A crash leaves it open, or closed with everything.
"""

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import cast

import msgspec
from msgspec import Struct

from kilonova.billing.closed import FrozenMonth, list_invoice
from kilonova.billing.corrections import until_written
from kilonova.billing.dues import MonthlyDues, dues, open_month
from kilonova.billing.invoice.document import Document, canonical, digest
from kilonova.billing.invoice.draw_up import draw_up
from kilonova.billing.invoice.stationery import Customer, Stationery
from kilonova.billing.month import Month, parse_month
from kilonova.billing.posting import post_adjustment
from kilonova.billing.verify import verify
from kilonova.core.books import CorrectionBook, LedgerBook, LedgerView, Posted, UsageFilter
from kilonova.core.clock import Clock
from kilonova.core.corrections import Adjustment, AdjustmentKind, Closing, StoredInvoice
from kilonova.core.crash import crash_point
from kilonova.core.errors import Conflict
from kilonova.core.ids import new_id
from kilonova.core.money import parse_nano

__all__ = ["MonthEnd", "Statement"]

# Draws up what a month's statement says besides its invoices, as JSON: the month and the policy by
# which idle time is shared.
Statement = Callable[[LedgerView, Month, str], bytes]


class MonthEnd:
    """Belongs to the event loop; ``lock`` keeps corrections away while a month is closed."""

    def __init__(
        self,
        book: LedgerBook,
        corrections: CorrectionBook,
        clock: Clock,
        *,
        lock: asyncio.Lock,
        stationery: Stationery,
        customers: Callable[[], list[Customer]],
        statement: Statement | None = None,
    ) -> None:
        self._book = book
        self._corrections = corrections
        self._clock = clock
        self._lock = lock
        self._stationery = stationery
        self._customers = customers
        self._statement = statement

    async def close(self, period: str, *, policy: str = "proportional") -> Closing:
        """Raises Conflict with what stands in the way."""
        month = parse_month(period)
        async with self._lock:
            now_ms = round(self._clock.now_s() * 1000)
            if now_ms < month.until_ms:
                raise Conflict(
                    f"{month} is still running or to come: it ends with {month.last_day} (UTC)."
                )
            if self._corrections.open_from_ms >= month.until_ms:
                raise Conflict(f"{month} is closed already.", reason="closed")
            try:
                await self._corrections.freeze(month.until_ms)
                crash_point("closing.frozen")
                customers = self._customers()
                drawing = _Drawing(month, now_ms, policy)
                drawn = await asyncio.to_thread(self._draw_up, drawing, customers)
                crash_point("closing.drawn_up")
                written = self._corrections.close_month(*drawn)
            except BaseException:
                self._corrections.thaw()
                raise
            await until_written(written)
            return drawn[0]

    def _draw_up(
        self, drawing: "_Drawing", customers: list[Customer]
    ) -> tuple[Closing, list[StoredInvoice], list[Posted]]:
        month = drawing.month
        self._audit(month)
        with self._book.snapshot() as view:
            _check_order(view, month)
            place = self._stationery.next_place([each.number for each in view.invoices()])
            invoices: list[StoredInvoice] = []
            posted: list[Posted] = []
            for customer in _all(customers, view, month):
                due = dues(view, customer.id, month, open_from=month)
                if due.has_money:
                    document = self._document(drawing, customer, due, place=place + len(invoices))
                    invoices.append(_stored(document))
                    posted += map(post_adjustment, [*due.planned, *_last(document, month)])
                else:
                    posted += map(post_adjustment, due.planned)
            statement = b"null"
            if self._statement is not None:
                foreseen = cast(LedgerView, _Foreseen(view, [each.adjustment for each in posted]))
                statement = self._statement(foreseen, month, drawing.policy)
            content = FrozenMonth(
                period=str(month),
                policy=drawing.policy,
                invoices=tuple(list_invoice(invoice) for invoice in invoices),
                statement=msgspec.Raw(statement),
            )
        written = msgspec.json.encode(content)
        closing = Closing(
            period=str(month),
            closed_ms=drawing.now_ms,
            sha256=digest(written),
            document=written,
        )
        return closing, invoices, posted

    def _document(
        self, drawing: "_Drawing", customer: Customer, due: MonthlyDues, *, place: int
    ) -> Document:
        heading = self._stationery.heading(
            drawing.month,
            customer,
            currency=due.currency,
            number=self._stationery.number(place),
            issued_on=datetime.fromtimestamp(drawing.now_ms // 1000, UTC).date(),
        )
        return draw_up(heading, due.charges, due.adjustments)

    def _audit(self, month: Month) -> None:
        findings = verify(self._book)
        if findings:
            first = findings[0]
            raise Conflict(
                f"{month} cannot be closed: the books are not sound ({len(findings)} findings, "
                f"first {first.invariant}: {first.detail}).",
                reason="unsound",
            )


class _Foreseen:
    """A ``LedgerView`` as it will be when the month is closed: with what closing it books."""

    def __init__(self, view: LedgerView, booked: list[Adjustment]) -> None:
        self._view = view
        self._booked = booked

    def __getattr__(self, name: str) -> object:
        return getattr(self._view, name)

    def adjustments(self, chosen: UsageFilter) -> list[Adjustment]:
        """Those that are booked, and those that will be."""
        coming = [
            each
            for each in self._booked
            if chosen.since_ms <= each.booked_ms < chosen.until_ms
            and chosen.organisation_id in (None, each.organisation_id)
        ]
        return self._view.adjustments(chosen) + coming


class _Drawing(Struct, frozen=True):
    month: Month
    now_ms: int
    policy: str


def _all(customers: list[Customer], view: LedgerView, month: Month) -> list[Customer]:
    """Also those that the ledger alone knows."""
    chosen = month.records()
    known = {customer.id: customer for customer in customers}
    names = {each.organisation_id for each in view.charges(chosen)}
    names |= {each.organisation_id for each in view.adjustments(chosen)}
    for name in names:
        known.setdefault(name, Customer(id=name, name=name, projects={}))
    return [known[name] for name in sorted(known)]


def _check_order(view: LedgerView, month: Month) -> None:
    """The months are closed one after the other, and nothing of this one is under way."""
    following = open_month(view)
    if following is None or month < following:
        raise Conflict(f"Nothing was booked in {month}; there is nothing to close.")
    if month > following:
        raise Conflict(f"{following} is open. Close it first.", reason="order")
    held = [each for each in view.holds() if each.hold.started_ms < month.until_ms]
    if held:
        raise Conflict(
            f"{len(held)} requests that began in {month} are under way. Try again when they ended.",
            reason="holds",
        )


def _last(document: Document, month: Month) -> Iterator[Adjustment]:
    """Tax and the last rounding, so that the ledger owes what the invoice says."""
    heading, totals = document.heading, document.totals
    amounts: list[tuple[AdjustmentKind, str]] = [
        ("tax", totals.tax),
        ("rounding", totals.rounding),
    ]
    for kind, amount in amounts:
        if parse_nano(amount):
            yield Adjustment(
                id=new_id("adj"),
                organisation_id=heading.organisation_id,
                kind=kind,
                amount_nano=parse_nano(amount),
                currency=heading.currency,
                reason=heading.number,
                booked_ms=month.until_ms - 1,
                refers_to=heading.period,
            )


def _stored(document: Document) -> StoredInvoice:
    content = canonical(document)
    heading = document.heading
    return StoredInvoice(
        period=heading.period,
        organisation_id=heading.organisation_id,
        number=heading.number,
        sha256=digest(content),
        document=content,
    )
