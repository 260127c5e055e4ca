"""What an allowance and credits take off the charges of a month. Pure.

First the allowance: so many tokens of the month at their average price, then its amount. Then
credits, the oldest first; one that ends within the month covers only what was charged before its
end. Nothing is offset twice, and never more than there is to pay.
"""

from collections.abc import Callable, Sequence
from functools import cache

from msgspec import Struct

from kilonova.core.corrections import Adjustment
from kilonova.core.money import divide_half_even

__all__ = ["Dues", "Offset", "offsets"]


class Dues(Struct, frozen=True, kw_only=True):
    """What an organisation was charged in a month; ``net_nano`` is that less refunds, with
    corrections. ``charged_before(ms)`` is how much of it was charged before a moment."""

    charged_nano: int
    net_nano: int
    tokens: int
    until_ms: int
    charged_before: Callable[[int], int]


class Offset(Struct, frozen=True):
    """So much of ``source``, a credit or an allowance, is used."""

    source: Adjustment
    amount_nano: int


class _Cover:
    """What is covered so far, by the moment before which it was charged."""

    def __init__(self, dues: Dues) -> None:
        self._dues = dues
        # Each answer reads the ledger, and every credit asks for the same few.
        self._charged_before = cache(dues.charged_before)
        self._uses: list[tuple[int, int]] = []

    @property
    def left_nano(self) -> int:
        return max(0, self._dues.net_nano) - sum(amount for _, amount in self._uses)

    def room_nano(self, end_ms: int | None) -> int:
        """The most that something which ends then can cover besides what is covered already."""
        end_ms = self._dues.until_ms if end_ms is None else min(end_ms, self._dues.until_ms)
        ends = {end_ms, *(end for end, _ in self._uses if end > end_ms)}
        room = min(
            self._charged_before(end) - sum(nano for used, nano in self._uses if used <= end)
            if end < self._dues.until_ms
            else self.left_nano
            for end in ends
        )
        return max(0, min(room, self.left_nano))

    def use(self, amount_nano: int, end_ms: int | None) -> None:
        end_ms = self._dues.until_ms if end_ms is None else min(end_ms, self._dues.until_ms)
        self._uses.append((end_ms, amount_nano))


def offsets(
    dues: Dues, allowance: Adjustment | None, granted: Sequence[tuple[Adjustment, int]]
) -> list[Offset]:
    """What is used, in this order. ``granted`` are credits, oldest first, with what is left."""
    cover = _Cover(dues)
    used: list[Offset] = []
    if allowance is not None:
        given = allowance.amount_nano + _worth(dues, allowance.tokens)
        amount = min(given, cover.left_nano)
        if amount:
            cover.use(amount, None)
            used.append(Offset(allowance, amount))
    for credit, left_nano in granted:
        amount = min(left_nano, cover.room_nano(credit.expires_ms))
        if amount:
            cover.use(amount, credit.expires_ms)
            used.append(Offset(credit, amount))
    return used


def _worth(dues: Dues, tokens: int) -> int:
    """Free tokens at the average price of the month's."""
    if not dues.tokens:
        return 0
    return divide_half_even(dues.charged_nano * min(tokens, dues.tokens), dues.tokens)
