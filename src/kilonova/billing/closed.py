"""What is kept of a closed month, and whether it still stands."""

from collections import Counter
from collections.abc import Iterator

import msgspec
from msgspec import Struct

from kilonova.billing.invoice.document import canonical, digest, read_document
from kilonova.billing.invoice.rebuild import booked_dues, redrawn
from kilonova.billing.month import parse_month
from kilonova.core.books import LedgerView
from kilonova.core.corrections import Closing, StoredInvoice
from kilonova.core.money import parse_nano

__all__ = ["FrozenMonth", "ListedInvoice", "broken_invoice", "broken_months", "list_invoice"]


class ListedInvoice(Struct, frozen=True):
    """An invoice in the statement of its month."""

    organisation_id: str
    number: str
    sha256: str
    currency: str
    due: str


class FrozenMonth(Struct, frozen=True, kw_only=True):
    """What is kept of a closed month: the digests of its invoices, and its statement."""

    form: int = 1
    period: str
    policy: str
    invoices: tuple[ListedInvoice, ...]
    statement: msgspec.Raw = msgspec.Raw(b"null")


def list_invoice(invoice: StoredInvoice) -> ListedInvoice:
    """As it is listed when its month is closed."""
    document = read_document(invoice.document)
    return ListedInvoice(
        invoice.organisation_id,
        invoice.number,
        invoice.sha256,
        document.heading.currency,
        document.totals.due,
    )


def broken_months(view: LedgerView) -> Iterator[str]:
    """Where a closed month is not what was frozen, or not what the ledger says."""
    invoices = view.invoices()
    for closing in view.closings():
        theirs = [each for each in invoices if each.period == closing.period]
        yield from _broken_closing(closing, theirs)
        yield from _not_invoiced(view, closing, theirs)
    for invoice in invoices:
        yield from broken_invoice(view, invoice)


def _broken_closing(closing: Closing, invoices: list[StoredInvoice]) -> Iterator[str]:
    if digest(closing.document) != closing.sha256:
        yield f"the statement of {closing.period} was changed"
        return
    frozen = msgspec.json.decode(closing.document, type=FrozenMonth)
    listed = {each.organisation_id: (each.number, each.sha256) for each in frozen.invoices}
    if listed != {each.organisation_id: (each.number, each.sha256) for each in invoices}:
        yield f"the invoices of {closing.period} are not those that were closed with it"


def _not_invoiced(
    view: LedgerView, closing: Closing, invoices: list[StoredInvoice]
) -> Iterator[str]:
    """What came into a closed month and stands on no invoice of it."""
    chosen = parse_month(closing.period).records()
    invoiced = {each.organisation_id for each in invoices}
    owed: Counter[str] = Counter()
    for charged in view.charges(chosen):
        owed[charged.organisation_id] += charged.price_nano
    for adjusted in view.adjustments(chosen):
        owed[adjusted.organisation_id] += adjusted.owed_nano
    for organisation_id, nano in sorted(owed.items()):
        if nano and organisation_id not in invoiced:
            yield f"{organisation_id} owes {nano} of {closing.period} and has no invoice over it"


def broken_invoice(view: LedgerView, invoice: StoredInvoice) -> Iterator[str]:
    """Where an invoice is not what was stored; rebuilt from the ledger, it must be the same."""
    if digest(invoice.document) != invoice.sha256:
        yield f"invoice {invoice.number} was changed"
        return
    booked = booked_dues(view, invoice)
    drawn = redrawn(invoice, booked)
    if canonical(drawn) != invoice.document:
        yield f"invoice {invoice.number} is not what the ledger says"
        return
    if booked.owed_nano != parse_nano(drawn.totals.due):
        yield f"invoice {invoice.number} is not over what the ledger says is owed"
