"""What moves money without a request, and what a closed month leaves behind.

An adjustment is a new transaction of the ledger (its id is the transaction's), never an edit. The
amount is positive but for a correction, which may give or take. What each kind does to what an
organisation owes stands in ``OWED``; which accounts it moves, in ``billing/posting.py``.
"""

from typing import Literal

from msgspec import Struct

from kilonova.core.model import Price
from kilonova.core.usage import Usage

__all__ = [
    "NO_SERVING_COST",
    "OWED",
    "Adjustment",
    "AdjustmentKind",
    "AdjustmentOrder",
    "ChargeSum",
    "ChargeTable",
    "Closing",
    "InvoiceForm",
    "InvoiceHead",
    "InvoiceLanguage",
    "InvoiceOrder",
    "RenderedInvoice",
    "ServingCost",
    "StoredInvoice",
]

AdjustmentKind = Literal[
    "refund",
    "correction",
    "credit",
    "allowance",
    "credit_use",
    "credit_expiry",
    "allowance_use",
    "tax",
    "rounding",
]

InvoiceForm = Literal["text", "json", "html", "pdf"]
InvoiceLanguage = Literal["en", "fr"]

# By how much of its amount each kind changes what the organisation owes. A credit is a promise and
# an allowance a standing term: both change nothing until a month is closed.
OWED: dict[AdjustmentKind, int] = {
    "refund": -1,
    "correction": 1,
    "credit": 0,
    "allowance": 0,
    "credit_use": -1,
    "credit_expiry": 0,
    "allowance_use": -1,
    "tax": 1,
    "rounding": 1,
}


class Adjustment(Struct, frozen=True, kw_only=True):
    """Money in nano-units of ``currency``; it counts for the month of ``booked_ms`` (UTC).

    ``refers_to`` is the month that it corrects (``2026-10``), or the credit that is used.
    ``request_id``, ``project_id`` and ``model_id`` are those of a refunded request, else empty.
    ``expires_ms`` is when a credit or an allowance ends. ``tokens`` is what an allowance gives
    besides its amount, in each month. ``client_token`` makes a repetition harmless.
    """

    id: str
    organisation_id: str
    kind: AdjustmentKind
    amount_nano: int
    currency: str
    reason: str
    booked_ms: int
    project_id: str = ""
    model_id: str = ""
    request_id: str = ""
    refers_to: str = ""
    client_token: str = ""
    expires_ms: int | None = None
    tokens: int = 0

    @property
    def owed_nano(self) -> int:
        """What it adds to what the organisation owes."""
        return OWED[self.kind] * self.amount_nano


class ServingCost(Struct, frozen=True, kw_only=True):
    """What it took to serve requests, as far as the cost meter knew when they ended."""

    currency: str = ""
    direct_nano: int = 0
    energy_uj: int = 0
    co2_ug: int = 0


NO_SERVING_COST = ServingCost()


class ChargeSum(Struct, frozen=True, kw_only=True):
    """Requests of one project, model, tier and pinned price added up. ``day`` counts from the epoch
    by the end of requests (UTC); it is 0 where days were not asked apart."""

    organisation_id: str
    project_id: str
    model_id: str
    service_tier: str
    day: int
    price: Price
    requests: int
    usage: Usage
    price_nano: int
    cost: ServingCost = NO_SERVING_COST


class Closing(Struct, frozen=True, kw_only=True):
    """A month that is closed. ``document`` is the JSON of its statement, ``sha256`` its digest."""

    period: str
    closed_ms: int
    sha256: str
    document: bytes


class StoredInvoice(Struct, frozen=True, kw_only=True):
    """An invoice of a closed month: the document that every rendering is made from."""

    period: str
    organisation_id: str
    number: str
    sha256: str
    document: bytes


class AdjustmentOrder(Struct, frozen=True, kw_only=True):
    """What an operator asks to be booked. ``amount_nano`` None is, for a refund, all that is left;
    ``currency`` None is the one in which the organisation is charged. ``organisation_id`` is empty
    where the refunded request says whose it is."""

    kind: Literal["refund", "correction", "credit", "allowance"]
    organisation_id: str
    reason: str
    amount_nano: int | None = None
    currency: str | None = None
    request_id: str = ""
    refers_to: str = ""
    client_token: str = ""
    expires_ms: int | None = None
    tokens: int = 0


class InvoiceHead(Struct, frozen=True, kw_only=True):
    """An invoice in a list. Money in nano-units."""

    number: str
    period: str
    organisation_id: str
    currency: str
    due_nano: int
    sha256: str


class InvoiceOrder(Struct, frozen=True, kw_only=True):
    """Which invoice, and how. ``is_checked`` rebuilds one of a closed month from the ledger."""

    organisation_id: str
    period: str
    form: InvoiceForm = "text"
    language: InvoiceLanguage = "en"
    is_checked: bool = False


class RenderedInvoice(Struct, frozen=True, kw_only=True):
    """An invoice as a file. ``is_verified``: rebuilt from the ledger it is the stored one, byte for
    byte; None where that was not asked, or there is nothing to compare with (a draft)."""

    number: str
    period: str
    organisation_id: str
    status: str
    sha256: str
    media_type: str
    content: bytes
    is_verified: bool | None = None


class ChargeTable(Struct, frozen=True, kw_only=True):
    """Charges as a table of text for other programs; None is an empty cell."""

    version: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | None, ...], ...]
