"""Money as integers: nano-units (one thousand-millionth) of a currency. Floats never enter.

A price is nano-units per million tokens, so a list price in decimal text is exact. One rounding a
line, half to even (ISO 80000-1, rule A).
"""

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation

__all__ = ["NANO", "TOKENS_PER_PRICE", "apportion", "divide_half_even", "format_nano", "parse_nano"]

NANO = 1_000_000_000
TOKENS_PER_PRICE = 1_000_000
_DIGITS_MAX = 18


def parse_nano(text: str) -> int:
    """``"0.15"`` → 150_000_000. Raises ValueError for anything finer than a nano-unit."""
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{text!r} is not a decimal amount such as '0.15'") from None
    if not amount.is_finite():
        raise ValueError(f"{text!r} is not a finite amount")
    if not amount:
        return 0
    # Decimal arithmetic would round what is too long, and turn the smallest into zero.
    if amount.adjusted() > _DIGITS_MAX:
        raise ValueError(f"{text[:40]!r} is too large an amount")
    sign, digits, exponent = amount.as_tuple()
    places = int(exponent) + 9
    unit: int = 10 ** min(abs(places), _DIGITS_MAX + 9 + len(digits))
    nano = int("".join(map(str, digits)))
    if places < 0 and nano % unit:
        raise ValueError(f"{text[:40]!r} is finer than a nano-unit (9 decimals)")
    nano = nano // unit if places < 0 else nano * unit
    return -nano if sign else nano


def format_nano(nano: int) -> str:
    """150_000_000 → ``"0.150000000"``: always nine decimals, never an exponent."""
    sign = "-" if nano < 0 else ""
    whole, fraction = divmod(abs(nano), NANO)
    return f"{sign}{whole}.{fraction:09d}"


def divide_half_even(numerator: int, denominator: int) -> int:
    """The quotient rounded to the nearest integer, ties to even; ``denominator`` is positive."""
    quotient, remainder = divmod(numerator, denominator)
    twice = 2 * remainder
    if twice > denominator or (twice == denominator and quotient % 2):
        return quotient + 1
    return quotient


def apportion(total: int, weights: Sequence[int]) -> list[int]:
    """Shares in proportion to ``weights`` (none negative) whose sum is exactly ``total``.

    By largest remainder; of equal ones the first. Without any weight the first share has it all.
    """
    whole = sum(weights)
    if not whole:
        return [total, *[0] * (len(weights) - 1)] if weights else []
    sign, size = (-1 if total < 0 else 1), abs(total)
    divided = [divmod(size * weight, whole) for weight in weights]
    shares = [share for share, _ in divided]
    order = sorted(range(len(weights)), key=lambda place: -divided[place][1])
    for place in order[: size - sum(shares)]:
        shares[place] += 1
    return [sign * share for share in shares]
