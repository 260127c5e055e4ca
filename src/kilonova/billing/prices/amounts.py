"""Decimal rates of any unit as integers: nano-units of the currency per million tokens. Exact."""

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation

from kilonova.billing.prices.error import PriceError
from kilonova.core.model import DISCOUNT_WHOLE, Price
from kilonova.core.money import NANO, TOKENS_PER_PRICE

__all__ = ["RATES", "parse_percent", "parse_rate", "parse_rates", "round_rate", "units_known"]

RATES = ("input", "cache_read", "cache_write", "cache_write_long", "output", "reasoning")
_UNITS = {"token": 1, "1K tokens": 1_000, "1M tokens": 1_000_000}
# 2**63 nano-units are nine thousand million; beyond a million each, sums of records are in danger.
_RATE_MAX = 1_000_000 * NANO
# So that no product is rounded in decimal arithmetic, which keeps 28 digits.
_DIGITS_MAX = 20
_EXPONENT_MIN, _EXPONENT_MAX = -30, 15


def units_known() -> str:
    """The units that a rate may be for, as they are written."""
    return ", ".join(f'"{unit}"' for unit in _UNITS)


def parse_rate(text: str, *, unit: str, name: str) -> int:
    """``"0.0003"`` per ``"1K tokens"`` → 300_000_000 per million. Raises PriceError."""
    if unit not in _UNITS:
        raise PriceError(f"unit: {unit!r} is none; known: {units_known()}")
    rate = _bounded(_amount(text, name) * NANO * (TOKENS_PER_PRICE // _UNITS[unit]), name)
    if rate != rate.to_integral_value():
        raise PriceError(
            f"{name}: {text} per {unit} is finer than a nano-unit per million tokens "
            "(15 decimals for a token, 9 for a million)"
        )
    return int(rate)


def round_rate(amount: Decimal, *, name: str) -> tuple[int, bool]:
    """A rate per token from a foreign list, rounded half to even where it is finer than we keep;
    whether it was rounded. Raises PriceError for what is negative or no number."""
    exact = _bounded(_checked(amount, f"{amount}", name) * NANO * TOKENS_PER_PRICE, name)
    whole = exact.to_integral_value(ROUND_HALF_EVEN)
    return int(whole), whole != exact


def parse_rates(rates: Mapping[str, str], *, unit: str, currency: str, version: str) -> Price:
    """A price of these rates. Cached input without a rate of its own costs what input costs, long
    writes what writes cost, and reasoning what output costs: the plain price, never a ratio of it.

    Raises PriceError without a rate for input, and for what is no rate."""
    if "input" not in rates:
        raise PriceError("input: missing; every price says what a token of input costs")
    nano = {kind: parse_rate(text, unit=unit, name=kind) for kind, text in rates.items()}
    plain = nano["input"]
    return Price(
        currency=currency,
        version=version,
        input=plain,
        cache_read=nano.get("cache_read", plain),
        cache_write=nano.get("cache_write", plain),
        cache_write_long=nano.get("cache_write_long"),
        output=nano.get("output", 0),
        reasoning=nano.get("reasoning"),
    )


def parse_percent(text: str) -> int:
    """``"12.5"`` → 125_000 millionths. Raises PriceError outside of 0 to 100."""
    part = _amount(text, "percent") * DISCOUNT_WHOLE / 100
    if not 0 < part <= DISCOUNT_WHOLE or part != part.to_integral_value():
        raise PriceError(f"percent: {text} is not above 0 and at most 100, with up to 4 decimals")
    return int(part)


def _amount(text: str, name: str) -> Decimal:
    if len(text) > _DIGITS_MAX:
        raise PriceError(f"{name}: a number of {len(text)} characters; at most {_DIGITS_MAX}")
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise PriceError(f"{name}: {text!r} is no decimal number such as 0.15") from None
    return _checked(amount, text, name)


def _checked(amount: Decimal, text: str, name: str) -> Decimal:
    if not amount.is_finite():
        raise PriceError(f"{name}: {text} is not a finite number")
    if amount < 0:
        raise PriceError(f"{name}: {text} is below zero. What is given back is a credit, no price")
    if amount and not _EXPONENT_MIN <= amount.adjusted() <= _EXPONENT_MAX:
        # Before arithmetic, which would turn the smallest into zero.
        is_small = amount.adjusted() < 0
        why = "finer than a nano-unit" if is_small else "more than a million"
        raise PriceError(f"{name}: {text} is {why} for a million tokens")
    return amount


def _bounded(rate: Decimal, name: str) -> Decimal:
    if rate > _RATE_MAX:
        raise PriceError(f"{name}: more than a million for a million tokens. Is the unit right?")
    return rate
