"""The bookkeeper: everything that an operator can ask about corrections, invoices and months."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Protocol, TypeVar, assert_never

from msgspec import Struct
from msgspec.structs import replace

from kilonova.billing.closed import broken_invoice
from kilonova.billing.closing import MonthEnd, Statement
from kilonova.billing.corrections import Corrections
from kilonova.billing.dues import dues, open_month
from kilonova.billing.focus.export import focus_table
from kilonova.billing.invoice.document import Document, canonical, digest, read_document
from kilonova.billing.invoice.draw_up import draw_up
from kilonova.billing.invoice.html import as_html
from kilonova.billing.invoice.page import lay_out
from kilonova.billing.invoice.pdf import as_pdf
from kilonova.billing.invoice.stationery import Customer, Stationery, open_stationery
from kilonova.billing.invoice.text import as_text
from kilonova.billing.month import Month, month_of, parse_month
from kilonova.billing.statement.desk import month_statement, plan_terms
from kilonova.core.books import CorrectionBook, LedgerBook, LedgerView, UsageFilter
from kilonova.core.clock import Clock
from kilonova.core.corrections import (
    Adjustment,
    AdjustmentOrder,
    ChargeTable,
    Closing,
    InvoiceForm,
    InvoiceHead,
    InvoiceOrder,
    RenderedInvoice,
    StoredInvoice,
)
from kilonova.core.errors import NotFound
from kilonova.core.identity import Organisation, Project
from kilonova.core.money import parse_nano
from kilonova.settings import Settings

__all__ = ["Accounts", "Bookkeeper", "Office", "Store", "open_bookkeeper"]

Read = TypeVar("Read")

_MEDIA: dict[InvoiceForm, str] = {
    "text": "text/plain; charset=utf-8",
    "json": "application/json",
    "html": "text/html; charset=utf-8",
    "pdf": "application/pdf",
}


class Office(Struct, frozen=True, kw_only=True):
    """What the bookkeeper works with besides the books, whose ``currency`` is one."""

    clock: Clock
    currency: str = "USD"
    stationery: Stationery
    customers: Callable[[], list[Customer]]
    statement: Statement | None = None


class Bookkeeper:
    """Belongs to the event loop; reading goes to threads."""

    def __init__(self, book: LedgerBook, corrections: CorrectionBook, office: Office) -> None:
        lock = asyncio.Lock()
        self._book = book
        self._office = office
        self._corrections = Corrections(
            book, corrections, office.clock, lock=lock, currency=office.currency
        )
        self._month_end = MonthEnd(
            book,
            corrections,
            office.clock,
            lock=lock,
            stationery=office.stationery,
            customers=office.customers,
            statement=office.statement,
        )

    async def adjust(self, order: AdjustmentOrder) -> Adjustment:
        """As ``Corrections.adjust``."""
        return await self._corrections.adjust(order)

    async def adjustments(self, chosen: UsageFilter) -> list[Adjustment]:
        """Those booked in that time."""
        return await self._read(lambda view: view.adjustments(chosen))

    async def close_month(self, period: str, *, policy: str) -> Closing:
        """As ``MonthEnd.close``."""
        return await self._month_end.close(period, policy=policy)

    async def closings(self) -> list[Closing]:
        """The closed months, oldest first."""
        return await self._read(lambda view: view.closings())

    async def invoices(self, organisation_id: str | None) -> list[InvoiceHead]:
        """Of closed months, oldest first, of one organisation or of all."""
        return await self._read(
            lambda view: [_head(each) for each in view.invoices(organisation_id)]
        )

    async def invoice(self, order: InvoiceOrder) -> RenderedInvoice:
        """The invoice of a closed month, or a draft of an open one. Raises NotFound where there is
        nothing to invoice, and InvalidRequest where a format is not installed."""
        month = parse_month(order.period)
        customer = self._customer(order.organisation_id)
        if month > month_of(round(self._office.clock.now_s() * 1000)):
            raise NotFound(f"{month} has not begun yet.", param="period")

        def render(view: LedgerView) -> RenderedInvoice:
            stored = _stored(view, order)
            if stored is None:
                return _rendered(self._draft(view, customer, month), order)
            document = read_document(stored.document)
            if not order.is_checked:
                return _rendered(document, order)
            is_verified = next(broken_invoice(view, stored), None) is None
            return replace(_rendered(document, order), is_verified=is_verified)

        return await self._read(render)

    async def focus(self, chosen: UsageFilter, *, version: str) -> ChargeTable:
        """Charges as FOCUS rows."""
        customers = [
            each for each in self._office.customers() if chosen.organisation_id in (None, each.id)
        ]
        issuer = self._office.stationery.issuer.name
        return await self._read(
            lambda view: focus_table(
                view, chosen, customers=customers, issuer=issuer, version=version
            )
        )

    async def _read(self, read: Callable[[LedgerView], Read]) -> Read:
        def inside() -> Read:
            with self._book.snapshot() as view:
                return read(view)

        return await asyncio.to_thread(inside)

    def _customer(self, organisation_id: str) -> Customer:
        for customer in self._office.customers():
            if customer.id == organisation_id:
                return customer
        raise NotFound("There is no such organisation here.", param="organisation")

    def _draft(self, view: LedgerView, customer: Customer, month: Month) -> Document:
        open_from = open_month(view)
        if open_from is None or month < open_from:
            raise NotFound(f"Nothing was charged in {month}.", param="period")
        due = dues(view, customer.id, month, open_from=open_from)
        currency = due.currency or self._office.currency
        heading = self._office.stationery.heading(month, customer, currency=currency)
        return draw_up(heading, due.charges, due.adjustments)


class Store(Protocol):
    """Where the books are."""

    @property
    def book(self) -> LedgerBook: ...

    @property
    def corrections(self) -> CorrectionBook: ...


class Accounts(Protocol):
    """Who the customers are."""

    def organisations(self) -> list[Organisation]: ...

    def projects(self, organisation_id: str) -> list[Project]: ...


def open_bookkeeper(
    settings: Settings,
    store: Store,
    accounts: Accounts,
    *,
    engines: Mapping[str, str],
    clock: Clock,
) -> Bookkeeper:
    """``engines`` gives the kind of each, ``clock`` is that of the books. Raises SettingsError."""

    def customers() -> list[Customer]:
        return [
            Customer(
                id=each.id,
                name=each.name,
                projects={project.id: project.name for project in accounts.projects(each.id)},
            )
            for each in accounts.organisations()
        ]

    office = Office(
        clock=clock,
        currency=settings.prices.currency,
        stationery=open_stationery(settings.invoice),
        customers=customers,
        statement=month_statement(plan_terms(settings, engines=engines)),
    )
    return Bookkeeper(store.book, store.corrections, office)


def _stored(view: LedgerView, order: InvoiceOrder) -> StoredInvoice | None:
    found = (each for each in view.invoices(order.organisation_id) if each.period == order.period)
    return next(found, None)


def _head(invoice: StoredInvoice) -> InvoiceHead:
    document = read_document(invoice.document)
    return InvoiceHead(
        number=invoice.number,
        period=invoice.period,
        organisation_id=invoice.organisation_id,
        currency=document.heading.currency,
        due_nano=parse_nano(document.totals.due),
        sha256=invoice.sha256,
    )


def _rendered(document: Document, order: InvoiceOrder) -> RenderedInvoice:
    heading, content = document.heading, canonical(document)
    return RenderedInvoice(
        number=heading.number,
        period=heading.period,
        organisation_id=heading.organisation_id,
        status=heading.status,
        sha256=digest(content),
        media_type=_MEDIA[order.form],
        content=_drawn(document, order, content),
    )


def _drawn(document: Document, order: InvoiceOrder, content: bytes) -> bytes:
    match order.form:
        case "json":
            return content
        case "text":
            return as_text(lay_out(document, order.language)).encode()
        case "html":
            return as_html(lay_out(document, order.language)).encode()
        case "pdf":
            # A draft has no date of its own.
            day = document.heading.issued_on or f"{document.heading.period}-01"
            return as_pdf(lay_out(document, order.language), day)
        case unreachable:
            assert_never(unreachable)
