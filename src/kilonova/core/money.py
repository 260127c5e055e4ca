"""Money as integers: nano-units (one thousand-millionth) of a currency. Floats never enter.

A price is nano-units per million tokens, so a list price in decimal text is exact. One rounding a
line, half to even (ISO 80000-1, rule A).
"""

from decimal import Decimal, InvalidOperation

__all__ = ["NANO", "TOKENS_PER_PRICE", "divide_half_even", "format_nano", "parse_nano"]

NANO = 1_000_000_000
TOKENS_PER_PRICE = 1_000_000


def parse_nano(text: str) -> int:
    """``"0.15"`` → 150_000_000. Raises ValueError for anything finer than a nano-unit."""
    try:
        amount = Decimal(text) * NANO
    except InvalidOperation:
        raise ValueError(f"{text!r} is not a decimal amount such as '0.15'") from None
    if not amount.is_finite() or amount != amount.to_integral_value():
        raise ValueError(f"{text!r} is finer than a nano-unit (9 decimals)")
    return int(amount)


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
