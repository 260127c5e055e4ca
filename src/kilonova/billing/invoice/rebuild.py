"""The invoice of a closed month drawn up once more: stored heading, today's ledger.

The ledger is append-only and the month closed, so it comes out as the stored document, byte for
byte, unless somebody changed one of them.
"""

from kilonova.billing.dues import MonthlyDues, dues
from kilonova.billing.invoice.document import Document, read_document
from kilonova.billing.invoice.draw_up import draw_up
from kilonova.billing.month import parse_month
from kilonova.core.books import LedgerView
from kilonova.core.corrections import StoredInvoice

__all__ = ["booked_dues", "redrawn"]


def booked_dues(view: LedgerView, invoice: StoredInvoice) -> MonthlyDues:
    """What the ledger has for the organisation and month of an invoice."""
    month = parse_month(invoice.period)
    return dues(view, invoice.organisation_id, month, open_from=None)


def redrawn(invoice: StoredInvoice, booked: MonthlyDues) -> Document:
    """The invoice that the ledger gives under the stored heading."""
    heading = read_document(invoice.document).heading
    return draw_up(heading, booked.charges, booked.adjustments)
