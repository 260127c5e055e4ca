"""Money in integers: exact in, exact out, one rounding."""

from decimal import ROUND_HALF_EVEN, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilonova.core.model import Price
from kilonova.core.money import divide_half_even, format_nano, parse_nano
from kilonova.core.usage import Usage

counts = st.integers(0, 10**9)
rates = st.integers(0, 10**12)


@given(st.integers(-(10**18), 10**18))
def test_what_is_printed_is_read_back(nano: int) -> None:
    """Protects amounts in reports and configuration."""
    assert parse_nano(format_nano(nano)) == nano


@pytest.mark.parametrize("text", [
    "", "1e", "NaN", "sNaN", "Infinity", "0.0000000001", "1,5", "one",
    "1e-9999999", "1e9999999", "1e19", "0.12345678900000000000000000000000000001",
])  # fmt: skip
def test_what_is_not_an_amount_is_refused(text: str) -> None:
    """Protects price lists from typing errors."""
    with pytest.raises(ValueError, match=r"."):
        parse_nano(text)


@given(st.integers(-(10**15), 10**15), st.integers(1, 10**6))
def test_rounding_is_half_even(numerator: int, denominator: int) -> None:
    """Protects the rounding rule against decimal's own implementation of it."""
    exact = Decimal(numerator) / Decimal(denominator)
    if exact * denominator == numerator:
        rounded = exact.quantize(Decimal(1), rounding=ROUND_HALF_EVEN)
        assert divide_half_even(numerator, denominator) == int(rounded)


@st.composite
def prices(draw: st.DrawFn) -> Price:
    """Any price at all, with or without rates and discounts of its finer kinds."""
    return Price(
        input=draw(rates),
        cache_read=draw(rates),
        cache_write=draw(rates),
        cache_write_long=draw(st.none() | rates),
        output=draw(rates),
        reasoning=draw(st.none() | rates),
        discount_ppm=draw(st.integers(0, 10**6)),
    )


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    """Tokens of every kind; reasoning is part of the output."""
    output = draw(counts)
    return Usage(
        input_tokens=draw(counts),
        cache_read_tokens=draw(counts),
        cache_write_tokens=draw(counts),
        cache_write_long_tokens=draw(counts),
        output_tokens=output,
        reasoning_tokens=draw(st.integers(0, output)),
    )


@given(prices(), usages())
def test_no_charge_exceeds_its_reservation(price: Price, usage: Usage) -> None:
    """Protects budgets: however the tokens are told apart, the worst case covers the charge."""
    worst = price.worst_case(input_tokens=usage.prompt_tokens, output_tokens=usage.output_tokens)
    assert 0 <= price.charge(usage) <= worst


@given(prices(), usages())
def test_a_charge_is_the_sum_of_its_lines_rounded_once(price: Price, usage: Usage) -> None:
    """Protects bills from a second rounding, against the same sum in decimals."""
    written = usage.output_tokens - usage.reasoning_tokens
    kinds = (
        usage.input_tokens,
        usage.cache_read_tokens,
        usage.cache_write_tokens,
        usage.cache_write_long_tokens,
        written,
        usage.reasoning_tokens,
    )
    total = sum(count * rate for count, rate in zip(kinds, price.rates, strict=True))
    assert price.list_charge(usage) == divide_half_even(total, 10**6)
    kept = total * (10**6 - price.discount_ppm)
    assert price.charge(usage) == divide_half_even(kept, 10**12)


@given(prices(), st.integers(0, 10**15))
def test_what_is_affordable_is_never_too_dear(price: Price, amount_nano: int) -> None:
    """Protects budgets of requests that name no limit of their own."""
    if price.has_paid_output:
        tokens = price.affordable_output(amount_nano)
        assert price.worst_case(input_tokens=0, output_tokens=tokens) <= amount_nano
        dearer = price.worst_case(input_tokens=0, output_tokens=tokens + 1)
        assert dearer > amount_nano
