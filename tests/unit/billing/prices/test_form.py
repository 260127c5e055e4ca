"""A price list is read as a whole or refused with the place and the reason."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilonova.billing.prices.amounts import parse_rate, round_rate
from kilonova.billing.prices.error import PriceError
from kilonova.billing.prices.form import bind, parse_list
from kilonova.billing.prices.writing import render
from kilonova.core.model import Price

_HEAD = 'version = "v1"\ncurrency = "USD"\n'
_UNIT = 'unit = "1M tokens"\n'
_WHOLE = """
version = "2026-11"
currency = "USD"
unit = "1M tokens"

[windows.peak]
zone = "Europe/Paris"
days = ["mon", "tue"]
hours = ["01:00-04:00", "06:00-24:00"]
except = [2026-12-25]

[[rows]]
model = "a"
during = "peak"
input = "0.30"
cache_read = "0.006"
cache_write = "0.40"
cache_write_long = "0.60"
output = "1.20"
reasoning = "1.50"

[[rows]]
model = "a"
name = "a-rest"
outside = ["peak"]
unit = "1K tokens"
input = "0.0003"
output = "0.0006"

[[rows]]
model = "a"
tier = "flex"
above_input_tokens = 128000
from = 2026-11-01
until = 2026-12-01T12:00:00Z
free = true

[[discounts]]
organisation = "org_1"
percent = "12.5"
models = ["a"]
from = 2026-11-01

[[sources]]
name = "list-1"
file = "x.json"
sha256 = "00"
date = "2026-11-23"
rows = 1
"""


def _bind(text: str) -> dict[str, Price]:
    book = bind(parse_list(text.encode(), where="p.toml"), where="p.toml")
    return {row.name: row.line.price for row in book.rows}


@pytest.mark.parametrize("value", ["9" * 5000, "[" * 5000], ids=["digits", "depth"])
def test_what_cannot_be_read_at_all_is_a_mistake_too(value: str) -> None:
    """Protects a running server: its watcher expects a mistake, and ends with anything else."""
    with pytest.raises(PriceError, match="not valid TOML"):
        parse_list(f"version = {value}\n".encode(), where="prices.toml")


def test_every_part_of_a_list_is_read() -> None:
    """Protects operators: units are converted exactly, and no rate is derived from another."""
    prices = _bind(_WHOLE)
    assert prices["2026-11:a/default/during-peak"] == Price(
        version="2026-11:a/default/during-peak", input=300_000_000, cache_read=6_000_000,
        cache_write=400_000_000, cache_write_long=600_000_000, output=1_200_000_000,
        reasoning=1_500_000_000,
    )  # fmt: skip
    # Without rates of its own, cached input costs what input costs: the plain price.
    assert prices["2026-11:a-rest"] == Price(
        version="2026-11:a-rest", input=300_000_000, cache_read=300_000_000,
        cache_write=300_000_000, output=600_000_000,
    )  # fmt: skip
    assert not any(prices["2026-11:a/flex/above-128000/from-2026-11-01"].rates)


def test_a_list_that_is_written_is_the_list_that_was_read() -> None:
    """Protects imports, which write the whole list anew."""
    form = parse_list(_WHOLE.encode(), where="p.toml")
    again = parse_list(render(form), where="p.toml")
    assert again == form
    assert render(again) == render(form)


_ROW = '[[rows]]\nmodel = "a"\n'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (_HEAD + _ROW + 'input = "1"', r"rows\[1\] \(a/default\): a price without a unit"),
        (_HEAD + 'unit = "mile"\n' + _ROW + 'input = "1"', "unit: 'mile' is none"),
        (_HEAD + _UNIT + _ROW + 'input = "-1"', "input: -1 is below zero"),
        (_HEAD + _UNIT + _ROW + 'input = "NaN"', "input: NaN is not a finite number"),
        (_HEAD + _UNIT + _ROW + 'input = "Infinity"', "not a finite number"),
        (_HEAD + _UNIT + _ROW + 'input = "1e999999"', "more than a million"),
        (_HEAD + _UNIT + _ROW + 'input = "cheap"', "'cheap' is no decimal number"),
        (_HEAD + _UNIT + _ROW + 'input = "0.0000000001"', "finer than a nano-unit"),
        (_HEAD + _UNIT + _ROW + 'input = "0.00000000000000000001"', "a number of 22 characters"),
        (
            _HEAD + _UNIT + _ROW + "input = 0.5",
            r"rows\[1\] \(a\): Expected `str.*got `float`.*in quotes",
        ),
        (_HEAD + _UNIT + _ROW + 'output = "1"', "input: missing"),
        (_HEAD + _UNIT + _ROW, "input: missing"),
        (_HEAD + _UNIT + _ROW + 'inptu = "1"', "unknown field `inptu`; known: .*cache_read"),
        (_HEAD + _UNIT + _ROW + 'tier = "Gold Plus"\ninput = "1"', "tier"),
        (_HEAD + _UNIT + _ROW + 'during = "peak"\ninput = "1"', "no window 'peak'; known: none"),
        (_HEAD + _UNIT + _ROW + 'free = true\ninput = "1"', "free = true, and rates beside it"),
        (_HEAD + _UNIT + _ROW + 'from = "soon"\ninput = "1"', "from: 'soon' is no date"),
        (_HEAD + _UNIT + _ROW + 'from = 2026-11-01T00:00:00\ninput = "1"', "has no offset"),
        (
            _HEAD + _UNIT + _ROW + 'from = 2026-11-02\nuntil = 2026-11-01\ninput = "1"',
            "until is not later than from",
        ),
        (_HEAD + _UNIT + 2 * (_ROW + 'input = "1"\n'), r"rows\[2\].*row of this name already"),
        (
            _HEAD + _UNIT + _ROW + 'input = "1"\n' + _ROW + 'name = "b"\ninput = "2"',
            "p.toml: the rows v1:a/default and v1:b overlap",
        ),
        ('version = "v1"\n' + _UNIT, "currency"),
        ('version = "v1"\ncurrency = "dollars"', "currency"),
        (_HEAD + "price = 1", "price: unknown; known: version"),
        (_HEAD + "rows = 1", r"write \[\[rows\]\]"),
        ("version", "not valid TOML"),
        ('version = "v1"\nversion = "v2"', "not valid TOML"),
        (_HEAD + '[windows.w]\nzone = "Mars/Base"', "windows.w: zone: 'Mars/Base' is no time"),
        (_HEAD + '[windows.w]\nzone = "../etc/passwd"', "is no time zone"),
        (_HEAD + '[windows.w]\nzone = "UTC"\ndays = ["Monday"]', "'Monday' is no weekday"),
        (_HEAD + '[windows.w]\nzone = "UTC"\nhours = ["9-17"]', "not written like 09:00-17:30"),
        (_HEAD + '[windows.w]\nzone = "UTC"\nhours = ["09:61-10:00"]', "no time of the day"),
        (_HEAD + '[windows.w]\nzone = "UTC"\nhours = ["22:00-06:00"]', "write two of them"),
        (
            _HEAD + '[windows.w]\nzone = "UTC"\nhours = ["09:00-12:00", "11:00-13:00"]',
            "overlap",
        ),
        (_HEAD + '[windows.w]\nzone = "UTC"\nexcept = ["2026-12-25"]', "without quotes"),
        (_HEAD + '[[discounts]]\norganisation = "acme"\npercent = "1"', "organisation's id"),
        (
            _HEAD + '[[discounts]]\norganisation = "org_1"\npercent = "101"',
            r"^p.toml: discounts.*at most 100",
        ),
        (_HEAD + '[[discounts]]\norganisation = "org_1"\npercent = "0"', "above 0"),
    ],
)
def test_a_mistake_is_named(text: str, words: str) -> None:
    """Protects operators: nothing of a list with a mistake is loaded, and the place is told."""
    with pytest.raises(PriceError, match=words):
        _bind(text)


@given(st.decimals(0, 1000, places=9, allow_nan=False))
def test_a_rate_is_the_same_in_every_unit(rate: Decimal) -> None:
    """Protects lists of vendors that count in thousands, or in single tokens."""
    nano = parse_rate(f"{rate:f}", unit="1M tokens", name="input")
    assert nano == int(rate * 10**9)
    per_token = rate / 10**6
    assert round_rate(per_token, name="input") == (nano, False)
    if len(f"{per_token:f}") <= 20:
        assert parse_rate(f"{per_token:f}", unit="token", name="input") == nano
