"""Corrections, invoices, closed months and exports as the admin API takes and shows them."""

import base64
from datetime import datetime
from typing import Annotated, Literal, Protocol

import msgspec
from msgspec import Meta, Struct, field

from kilonova.admin.views import milliseconds, moment
from kilonova.core.books import UsageFilter
from kilonova.core.corrections import (
    Adjustment,
    AdjustmentOrder,
    ChargeTable,
    Closing,
    InvoiceForm,
    InvoiceHead,
    InvoiceLanguage,
    InvoiceOrder,
    RenderedInvoice,
)
from kilonova.core.money import format_nano, parse_nano
from kilonova.core.statement import IdlePolicy

__all__ = [
    "AdjustmentList",
    "AdjustmentQuery",
    "AdjustmentView",
    "Bookkeeping",
    "ClosingList",
    "ClosingView",
    "FocusExport",
    "FocusQuery",
    "InvoiceList",
    "InvoiceListQuery",
    "InvoiceQuery",
    "InvoiceSummary",
    "InvoiceView",
    "NewAdjustment",
    "NewClosing",
    "adjustment_order",
    "invoice_order",
    "show_adjustment",
    "show_closing",
    "show_export",
    "show_head",
    "show_invoice",
]

Period = Annotated[
    str,
    Meta(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])$", description="A month such as 2026-10."),
]
SignedAmount = Annotated[
    str,
    Meta(pattern=r"^-?[0-9]{1,9}(\.[0-9]{1,9})?$", description="A decimal amount such as -12.50."),
]
Reason = Annotated[str, Meta(min_length=1, max_length=500)]
Token = Annotated[str, Meta(min_length=1, max_length=255)]
Currency = Annotated[str, Meta(pattern=r"^[A-Z]{3}$", description="A currency such as USD.")]
Tokens = Annotated[int, Meta(ge=0, le=10**15)]


class Bookkeeping(Protocol):
    """Who keeps the books. Raises KilonovaErrors."""

    async def adjust(self, order: AdjustmentOrder) -> Adjustment: ...

    async def adjustments(self, chosen: UsageFilter) -> list[Adjustment]: ...

    async def close_month(self, period: str, *, policy: str) -> Closing: ...

    async def closings(self) -> list[Closing]: ...

    async def invoices(self, organisation_id: str | None) -> list[InvoiceHead]: ...

    async def invoice(self, order: InvoiceOrder) -> RenderedInvoice: ...

    async def focus(self, chosen: UsageFilter, *, version: str) -> ChargeTable: ...


class NewAdjustment(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``refund``: of ``request_id``, all that is left of its charge unless ``amount`` says less;
    the request says of which organisation.
    ``credit``: used up by the invoices to come, the oldest first, until ``expires_at``.
    ``allowance``: so much is free in every month, and so many ``tokens``; it replaces the one
    before. ``correction``: put on (or, negative, taken off), naming the month in ``corrects``.
    The same ``client_token`` again books nothing and answers the same."""

    kind: Literal["refund", "credit", "allowance", "correction"]
    reason: Reason
    organisation: str | None = None
    amount: SignedAmount | None = None
    currency: Currency | None = None
    request_id: str | None = None
    corrects: Period | None = None
    expires_at: Annotated[datetime, Meta(tz=True)] | None = None
    tokens: Tokens = 0
    client_token: Token | None = None


class AdjustmentView(Struct, frozen=True, kw_only=True):
    """``owed`` is what it changes in the debt of the organisation, ``refers_to`` the month that it
    corrects, or the credit or allowance that is used."""

    id: str
    organisation_id: str
    kind: str
    amount: str
    owed: str
    currency: str
    reason: str
    booked_at: datetime
    project_id: str
    model_id: str
    request_id: str
    refers_to: str
    expires_at: datetime | None
    tokens: int


class AdjustmentQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``from`` and ``to`` as in ``UsageQuery``."""

    organisation: str | None = None
    from_: str | None = field(name="from", default=None)
    to: str | None = None


class AdjustmentList(Struct, frozen=True, kw_only=True):
    """In the order in which they were booked."""

    data: tuple[AdjustmentView, ...]


class NewClosing(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``idle`` is who pays for idle time in the statement that is kept."""

    period: Period
    idle: IdlePolicy = "proportional"


class ClosingView(Struct, frozen=True, kw_only=True):
    """``sha256`` is of ``document``, the kept JSON: the month's invoices and its statement."""

    period: str
    closed_at: datetime
    sha256: str
    document: msgspec.Raw


class ClosingList(Struct, frozen=True, kw_only=True):
    data: tuple[ClosingView, ...]


class InvoiceListQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    organisation: str | None = None


class InvoiceSummary(Struct, frozen=True, kw_only=True):
    number: str
    period: str
    organisation_id: str
    currency: str
    due: str
    sha256: str


class InvoiceList(Struct, frozen=True, kw_only=True):
    """Of closed months, oldest first."""

    data: tuple[InvoiceSummary, ...]


class InvoiceQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``verify`` rebuilds the invoice of a closed month from the ledger and compares."""

    period: Period
    format: InvoiceForm = "json"
    language: InvoiceLanguage = "en"
    verify: bool = False


class InvoiceView(Struct, frozen=True, kw_only=True):
    """``content`` is the invoice as ``media_type``, in base 64 for PDF and plain for the others.
    ``sha256`` is of the JSON form. ``is_verified`` is null unless that was asked of a final one."""

    number: str
    period: str
    organisation_id: str
    status: str
    sha256: str
    media_type: str
    encoding: Literal["utf-8", "base64"]
    content: str
    is_verified: bool | None


class FocusQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whole days in UTC: ``from`` is included, ``to`` is not."""

    from_: str = field(name="from")
    to: str
    organisation: str | None = None
    version: str = "1.2"


class FocusExport(Struct, frozen=True, kw_only=True):
    """Rows in the order of ``columns``; every value is text, and null where there is none."""

    version: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | None, ...], ...]


def adjustment_order(body: NewAdjustment, organisation_id: str) -> AdjustmentOrder:
    """What is asked, in nano-units and milliseconds."""
    return AdjustmentOrder(
        kind=body.kind,
        organisation_id=organisation_id,
        reason=body.reason,
        amount_nano=None if body.amount is None else parse_nano(body.amount),
        currency=body.currency,
        request_id=body.request_id or "",
        refers_to=body.corrects or "",
        client_token=body.client_token or "",
        expires_ms=None if body.expires_at is None else milliseconds(body.expires_at),
        tokens=body.tokens,
    )


def invoice_order(query: InvoiceQuery, organisation_id: str) -> InvoiceOrder:
    """Which invoice is asked for."""
    return InvoiceOrder(
        organisation_id=organisation_id,
        period=query.period,
        form=query.format,
        language=query.language,
        is_checked=query.verify,
    )


def show_adjustment(adjustment: Adjustment) -> AdjustmentView:
    """An adjustment as the API shows it."""
    ends_ms = adjustment.expires_ms
    return AdjustmentView(
        id=adjustment.id,
        organisation_id=adjustment.organisation_id,
        kind=adjustment.kind,
        amount=format_nano(adjustment.amount_nano),
        owed=format_nano(adjustment.owed_nano),
        currency=adjustment.currency,
        reason=adjustment.reason,
        booked_at=moment(adjustment.booked_ms),
        project_id=adjustment.project_id,
        model_id=adjustment.model_id,
        request_id=adjustment.request_id,
        refers_to=adjustment.refers_to,
        expires_at=None if ends_ms is None else moment(ends_ms),
        tokens=adjustment.tokens,
    )


def show_closing(closing: Closing) -> ClosingView:
    """A closed month as the API shows it."""
    return ClosingView(
        period=closing.period,
        closed_at=moment(closing.closed_ms),
        sha256=closing.sha256,
        document=msgspec.Raw(closing.document),
    )


def show_head(head: InvoiceHead) -> InvoiceSummary:
    """An invoice in a list."""
    return InvoiceSummary(
        number=head.number,
        period=head.period,
        organisation_id=head.organisation_id,
        currency=head.currency,
        due=format_nano(head.due_nano),
        sha256=head.sha256,
    )


def show_invoice(invoice: RenderedInvoice) -> InvoiceView:
    """An invoice as JSON can carry it."""
    is_binary = invoice.media_type == "application/pdf"
    return InvoiceView(
        number=invoice.number,
        period=invoice.period,
        organisation_id=invoice.organisation_id,
        status=invoice.status,
        sha256=invoice.sha256,
        media_type=invoice.media_type,
        encoding="base64" if is_binary else "utf-8",
        content=base64.b64encode(invoice.content).decode()
        if is_binary
        else invoice.content.decode(),
        is_verified=invoice.is_verified,
    )


def show_export(table: ChargeTable) -> FocusExport:
    """A table of charges as the API shows it."""
    return FocusExport(version=table.version, columns=table.columns, rows=table.rows)
