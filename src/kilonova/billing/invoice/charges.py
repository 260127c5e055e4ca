"""Charges split by kind of token, so that their sums are the ledger's to the nano-unit. Pure.

The ledger rounds each request once; a line holds many. What a line's quantity times its price comes
to is therefore given to the lines by largest remainder.
"""

from msgspec import Struct

from kilonova.billing.invoice.document import TOKEN_KINDS, TokenKind
from kilonova.core.corrections import ChargeSum
from kilonova.core.model import DISCOUNT_WHOLE, Price
from kilonova.core.money import TOKENS_PER_PRICE, apportion, divide_half_even
from kilonova.core.usage import Usage

__all__ = ["Part", "Split", "quantities", "split"]


class Part(Struct, frozen=True, kw_only=True):
    """Tokens of one kind at one rate (nano-units per million). ``list_nano`` is before, and
    ``billed_nano`` after discount and what was not charged."""

    kind: TokenKind
    quantity: int
    rate: int
    list_nano: int
    billed_nano: int


class Split(Struct, frozen=True, kw_only=True):
    """``Σ list + discount + uncharged = Σ billed = what the ledger charged``."""

    parts: tuple[Part, ...]
    discount_nano: int
    uncharged_nano: int


def split(charged: ChargeSum) -> Split:
    """The charges of requests that had one price, by kind of token."""
    price = charged.price
    counted = quantities(charged.usage, price)
    exact = [quantity * rate for _, quantity, rate in counted]
    listed = divide_half_even(sum(exact), TOKENS_PER_PRICE)
    discount = -divide_half_even(sum(exact) * price.discount_ppm, TOKENS_PER_PRICE * DISCOUNT_WHOLE)
    rest = charged.price_nano - listed - discount
    # Each request was rounded once, and these two sums were: more than that is work not charged.
    is_rounding = abs(rest) <= charged.requests + 2
    list_total = listed + rest if is_rounding else listed
    shares = zip(
        counted, apportion(list_total, exact), apportion(charged.price_nano, exact), strict=True
    )
    return Split(
        parts=tuple(
            Part(kind=kind, quantity=quantity, rate=rate, list_nano=at_list, billed_nano=billed)
            for (kind, quantity, rate), at_list, billed in shares
        ),
        discount_nano=discount,
        uncharged_nano=0 if is_rounding else rest,
    )


def quantities(usage: Usage, price: Price) -> list[tuple[TokenKind, int, int]]:
    """Kind, tokens and rate of what was used; at least one. Reasoning stands apart from output only
    where it has a rate of its own."""
    reasoning = usage.reasoning_tokens if price.reasoning is not None else 0
    tokens = (
        usage.input_tokens,
        usage.cache_read_tokens,
        usage.cache_write_tokens,
        usage.cache_write_long_tokens,
        usage.output_tokens - reasoning,
        reasoning,
    )
    counted = zip(TOKEN_KINDS, tokens, price.rates, strict=True)
    used = [(kind, quantity, rate) for kind, quantity, rate in counted if quantity]
    return used or [("input", 0, price.input)]
