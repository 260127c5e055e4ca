"""What an invoice says. The same ledger and heading give the same bytes for ever.

Amounts are decimal text in units of the currency, with nine decimals, so that no reader of the JSON
loses a digit. Everything that the ledger does not know (names, terms, number, date) is the heading.
"""

import hashlib
from typing import Literal

import msgspec
from msgspec import Struct

from kilonova.core.money import parse_nano

__all__ = [
    "TOKEN_KINDS",
    "Document",
    "Heading",
    "Item",
    "ItemKind",
    "Line",
    "Party",
    "Status",
    "TokenKind",
    "Totals",
    "canonical",
    "digest",
    "read_document",
]

Status = Literal["draft", "final"]
TokenKind = Literal["input", "cache_read", "cache_write", "cache_write_long", "output", "reasoning"]
ItemKind = Literal["discount", "uncharged", "refund", "correction", "allowance", "credit"]

# In the order in which they stand on an invoice.
TOKEN_KINDS: tuple[TokenKind, ...] = (
    *("input", "cache_read", "cache_write", "cache_write_long", "output", "reasoning"),
)


class Party(Struct, frozen=True, kw_only=True):
    """Who writes an invoice, or gets it. ``address`` has one entry a line."""

    name: str = ""
    address: tuple[str, ...] = ()
    vat_id: str = ""


class Heading(Struct, frozen=True, kw_only=True):
    """``number`` and ``issued_on`` are empty on a draft. ``tax_ppm`` is in millionths.

    ``projects`` are the names of the projects on the lines, by id.
    """

    status: Status
    number: str
    period: str
    issued_on: str
    due_on: str
    organisation_id: str
    currency: str
    issuer: Party
    customer: Party
    projects: dict[str, str]
    note: str = ""
    tax_name: str = ""
    tax_ppm: int = 0


class Line(Struct, frozen=True, kw_only=True):
    """Tokens of one kind. ``unit_price`` is for a million of them, before any discount."""

    project_id: str
    model_id: str
    service_tier: str
    kind: TokenKind
    quantity: int
    unit_price: str
    amount: str


class Item(Struct, frozen=True, kw_only=True):
    """What is taken off or put on. ``reference`` is a request, a credit or a month."""

    kind: ItemKind
    amount: str
    reference: str = ""
    reason: str = ""


class Totals(Struct, frozen=True, kw_only=True):
    """``charges`` is the sum of the lines, ``subtotal`` that with the items, and ``due`` the sum of
    all, rounded once to the smallest coin of the currency; ``rounding`` is what that changed."""

    charges: str
    subtotal: str
    tax: str
    total: str
    rounding: str
    due: str


class Document(Struct, frozen=True, kw_only=True):
    """A whole invoice. ``form`` is the version of this layout."""

    form: int = 1
    heading: Heading
    lines: tuple[Line, ...]
    items: tuple[Item, ...]
    totals: Totals

    @property
    def is_credit_note(self) -> bool:
        """Whether the organisation gets money back."""
        return parse_nano(self.totals.due) < 0


def canonical(document: Document) -> bytes:
    """The JSON that is kept, hashed and compared."""
    return msgspec.json.encode(document, order="deterministic")


def digest(content: bytes) -> str:
    """SHA-256, as hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def read_document(content: bytes) -> Document:
    """The reverse of ``canonical``."""
    return msgspec.json.decode(content, type=Document)
