"""Draws an invoice up from the ledger's sums, and adds it up. Pure.

Σ lines + Σ items = subtotal = what the ledger says is owed     to the nano-unit
subtotal + tax + rounding = due                                 one rounding, half to even
"""

from collections import defaultdict
from collections.abc import Sequence

from kilonova.billing.invoice.charges import split
from kilonova.billing.invoice.document import (
    TOKEN_KINDS,
    Document,
    Heading,
    Item,
    ItemKind,
    Line,
    TokenKind,
    Totals,
)
from kilonova.core.corrections import OWED, Adjustment, AdjustmentKind, ChargeSum
from kilonova.core.money import NANO, divide_half_even, format_nano

__all__ = ["coin_nano", "draw_up", "percent"]

# ISO 4217: currencies whose smallest coin is not a hundredth.
_DECIMALS = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF"), 0),
    **dict.fromkeys(("UGX", "VND", "VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}
_ITEM_KINDS: dict[AdjustmentKind, ItemKind] = {
    "refund": "refund",
    "correction": "correction",
    "allowance_use": "allowance",
    "credit_use": "credit",
}
_PPM = 1_000_000

_LineKey = tuple[str, str, str, int, int]


def coin_nano(currency: str) -> int:
    """The smallest coin of a currency, in nano-units."""
    coin: int = NANO // 10 ** _DECIMALS.get(currency, 2)
    return coin


def draw_up(
    heading: Heading, charges: Sequence[ChargeSum], adjustments: Sequence[Adjustment]
) -> Document:
    """The invoice of an organisation for a month, from everything that was booked in it.

    Adjustments of the kinds ``tax`` and ``rounding`` are left out: both are computed here.
    """
    lines: dict[_LineKey, list[int]] = defaultdict(lambda: [0, 0])
    discounts: dict[int, int] = defaultdict(int)
    uncharged = charges_nano = 0
    for charged in charges:
        parts = split(charged)
        owner = (charged.project_id, charged.model_id, charged.service_tier)
        for part in parts.parts:
            line = lines[(*owner, TOKEN_KINDS.index(part.kind), part.rate)]
            line[0] += part.quantity
            line[1] += part.list_nano
            charges_nano += part.list_nano
        discounts[charged.price.discount_ppm] += parts.discount_nano
        uncharged += parts.uncharged_nano
    shown = [adjustment for adjustment in adjustments if adjustment.kind in _ITEM_KINDS]
    items = [
        *(
            _item("discount", nano, reference=percent(ppm))
            for ppm, nano in sorted(discounts.items())
        ),
        _item("uncharged", uncharged),
        *map(_adjusted, sorted(shown, key=_place)),
    ]
    items_nano = sum(discounts.values()) + uncharged
    items_nano += sum(each.owed_nano for each in shown)
    return Document(
        heading=heading,
        lines=tuple(_line(key, *lines[key]) for key in sorted(lines)),
        items=tuple(item for item in items if item is not None),
        totals=_totals(heading, charges_nano=charges_nano, subtotal_nano=charges_nano + items_nano),
    )


def _line(key: _LineKey, quantity: int, amount_nano: int) -> Line:
    project_id, model_id, service_tier, place, rate = key
    kind: TokenKind = TOKEN_KINDS[place]
    return Line(
        project_id=project_id,
        model_id=model_id,
        service_tier=service_tier,
        kind=kind,
        quantity=quantity,
        unit_price=format_nano(rate),
        amount=format_nano(amount_nano),
    )


def _item(kind: ItemKind, amount_nano: int, *, reference: str = "") -> Item | None:
    if not amount_nano:
        return None
    return Item(kind=kind, amount=format_nano(amount_nano), reference=reference)


def _adjusted(adjustment: Adjustment) -> Item:
    return Item(
        kind=_ITEM_KINDS[adjustment.kind],
        amount=format_nano(OWED[adjustment.kind] * adjustment.amount_nano),
        reference=adjustment.request_id or adjustment.refers_to,
        reason=adjustment.reason,
    )


def _place(adjustment: Adjustment) -> tuple[int, int, str, str]:
    """The same whatever the ids of planned offsets are: those differ each time they are planned."""
    kind = list(_ITEM_KINDS).index(adjustment.kind)
    return kind, adjustment.booked_ms, adjustment.refers_to, adjustment.id


def percent(ppm: int) -> str:
    """125_000 → ``"12.5"``."""
    whole, fraction = divmod(ppm, _PPM // 100)
    return f"{whole}.{fraction:04d}".rstrip("0").rstrip(".")


def _totals(heading: Heading, *, charges_nano: int, subtotal_nano: int) -> Totals:
    tax_nano = divide_half_even(subtotal_nano * heading.tax_ppm, _PPM)
    total_nano = subtotal_nano + tax_nano
    coin = coin_nano(heading.currency)
    due_nano = divide_half_even(total_nano, coin) * coin
    return Totals(
        charges=format_nano(charges_nano),
        subtotal=format_nano(subtotal_nano),
        tax=format_nano(tax_nano),
        total=format_nano(total_nano),
        rounding=format_nano(due_nano - total_nano),
        due=format_nano(due_nano),
    )
