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


@pytest.mark.parametrize("text", ["", "1e", "NaN", "Infinity", "0.0000000001", "1,5", "one"])
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


@given(counts, counts, counts, counts, rates, rates, rates)
def test_no_charge_exceeds_its_reservation(
    fresh: int, read: int, written: int, output: int, input_rate: int, read_rate: int, out_rate: int
) -> None:
    """Protects budgets: however the input is cached, the worst case covers the charge."""
    price = Price(input=input_rate, cache_read=read_rate, cache_write=input_rate, output=out_rate)
    usage = Usage(
        input_tokens=fresh,
        cache_read_tokens=read,
        cache_write_tokens=written,
        output_tokens=output,
    )
    worst = price.worst_case(input_tokens=usage.prompt_tokens, output_tokens=output)
    assert price.charge(usage) <= worst
