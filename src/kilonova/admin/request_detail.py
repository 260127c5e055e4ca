"""All that the books know of one request: its record, its price line by line, and its entries.

Lines are what was charged, by kind of token, shared out so that they sum to the price exactly; the
entries are those that were posted, and sum to zero.
"""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from kilonova.admin.schema import RequestView
from kilonova.admin.views import show_request
from kilonova.core.books import BookedRecord, Entry
from kilonova.core.model import Price
from kilonova.core.money import apportion, format_nano
from kilonova.core.usage import Usage

__all__ = ["EntryView", "PriceLine", "RequestDetail", "show_detail"]

LineKind = Literal[
    "input", "cache_read", "cache_write", "cache_write_long", "output", "reasoning"
]  # fmt: skip
_KINDS: tuple[LineKind, ...] = (
    "input", "cache_read", "cache_write", "cache_write_long", "output", "reasoning",
)  # fmt: skip


class PriceLine(Struct, frozen=True, kw_only=True):
    """Tokens of one kind: ``rate`` is per million tokens, before the discount that ``amount`` has
    already."""

    kind: LineKind
    tokens: int
    rate: str
    amount: str


class EntryView(Struct, frozen=True, kw_only=True):
    """A line of the double-entry book: a debit is positive, a credit negative."""

    account: str
    amount: str


class RequestDetail(Struct, frozen=True, kw_only=True):
    """``lines`` sum to the price of the request, ``entries`` to zero. ``shortfall`` is the price of
    work that nobody is charged for; ``discount_percent`` was taken off every rate."""

    request: RequestView
    lines: tuple[PriceLine, ...]
    discount_percent: str
    shortfall: str
    entries: tuple[EntryView, ...]


def show_detail(booked: BookedRecord, entries: Sequence[Entry]) -> RequestDetail:
    """A record with the rates that were pinned when it began, beside what was posted of it."""
    record, price = booked.record, booked.price
    return RequestDetail(
        request=show_request(record),
        lines=_lines(record.usage, price, record.price_nano),
        discount_percent=f"{price.discount_ppm / 10_000:g}",
        shortfall=format_nano(record.shortfall_nano),
        entries=tuple(
            EntryView(account=entry.account, amount=format_nano(entry.amount_nano))
            for entry in entries
        ),
    )


def _lines(usage: Usage, price: Price, charged_nano: int) -> tuple[PriceLine, ...]:
    """Reasoning stands apart from output only where it has a rate of its own."""
    reasoning = usage.reasoning_tokens if price.reasoning is not None else 0
    tokens = (
        usage.input_tokens,
        usage.cache_read_tokens,
        usage.cache_write_tokens,
        usage.cache_write_long_tokens,
        usage.output_tokens - reasoning,
        reasoning,
    )
    counted = zip(_KINDS, tokens, price.rates, strict=True)
    used = [(kind, count, rate) for kind, count, rate in counted if count]
    amounts = apportion(charged_nano, [count * rate for _, count, rate in used])
    return tuple(
        PriceLine(kind=kind, tokens=count, rate=format_nano(rate), amount=format_nano(amount))
        for (kind, count, rate), amount in zip(used, amounts, strict=True)
    )
