"""The FOCUS export: its sums, its exactness, and what FOCUS's own validator says of it."""

import csv
from collections import defaultdict
from collections.abc import Iterator
from decimal import Context, Decimal, localcontext
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from focus import environment
from invoice_samples import ADJUSTMENTS, CHARGES, HEADING, PRICES, adjusted, charged, sample
from kilonova.billing.focus.columns import COLUMNS, MANDATORY
from kilonova.billing.focus.rows import Account, Row, adjustment_rows, cells, charge_rows
from kilonova.cli.table_files import as_csv
from kilonova.core.corrections import Adjustment
from kilonova.core.money import parse_nano
from kilonova.core.usage import Usage

DAY = 20_730  # 2026-10-04
ACCOUNT = Account(
    id=HEADING.organisation_id,
    name="Acme",
    projects=HEADING.projects,
    issuer="Nova",
    invoices={"2026-10": HEADING.number},
)
# The validator's names for 1.0 are those of 0.5; the specification's are ours.
_VALIDATORS = {
    "InvoiceIssuerName": "InvoiceIssuer",
    "ProviderName": "Provider",
    "PublisherName": "Publisher",
    "ResourceId": "ResourceID",
}


def closing_adjustments() -> list[Adjustment]:
    """What closing the month of the sample books besides."""
    totals = sample().totals
    last = [
        adjusted("tax", parse_nano(totals.tax)),
        adjusted("rounding", parse_nano(totals.rounding)),
    ]
    moved = [replace(each, booked_ms=DAY * 86_400_000) for each in [*ADJUSTMENTS, *last]]
    return [each for each in moved if each.amount_nano]


def rows() -> Iterator[Row]:
    for each in CHARGES:
        yield from charge_rows(ACCOUNT, replace(each, day=DAY))
    yield from adjustment_rows(ACCOUNT, closing_adjustments())


def test_the_rows_of_an_invoice_add_up_to_it() -> None:
    """Protects reconciliation: billed cost by invoice is the invoice, to the last digit."""
    billed: dict[str, Decimal] = defaultdict(Decimal)
    for row in rows():
        billed[row["InvoiceId"]] += Decimal(row["BilledCost"])
    assert billed == {HEADING.number: Decimal(sample().totals.due)}


def test_every_mandatory_column_is_there() -> None:
    """Protects the form: 21 columns of the specification, filled wherever they must not be null."""
    names = [name for name, _ in COLUMNS]
    assert len(set(names)) == len(names)
    assert set(MANDATORY) <= set(names)
    assert len(MANDATORY) == 21
    may_be_null = {"ChargeClass", "PricingQuantity", "PricingUnit"}
    for row in rows():
        assert set(MANDATORY) - may_be_null <= set(row), row
        assert set(row) <= set(names)
        is_usage = row["ChargeCategory"] == "Usage"
        assert ("PricingQuantity" in row) == is_usage


def _check(found: list[Row]) -> None:
    for row in found:
        quantity = Decimal(row["PricingQuantity"])
        assert Decimal(row["ListCost"]) == Decimal(row["ListUnitPrice"]) * quantity
        assert Decimal(row["ContractedCost"]) == Decimal(row["ContractedUnitPrice"]) * quantity
        assert Decimal(row["x_Margin"]) + Decimal(row["x_CostOfServing"]) == Decimal(
            row["BilledCost"]
        )


@settings(max_examples=200, deadline=None)
@given(
    place=st.integers(0, len(PRICES) - 1),
    counts=st.lists(st.integers(0, 10**9), min_size=5, max_size=5),
    requests=st.integers(1, 10**6),
)
def test_costs_are_exact(place: int, counts: list[int], requests: int) -> None:
    """Protects the definition: ListCost is ListUnitPrice times PricingQuantity, and so for the
    contract; billed, cost and margin add up to what the ledger has."""
    usage = Usage(
        input_tokens=counts[0],
        cache_read_tokens=counts[1],
        cache_write_tokens=counts[2],
        output_tokens=counts[3] + counts[4],
        reasoning_tokens=counts[4],
    )
    each = replace(charged(place, usage, requests=requests), day=DAY)
    price = replace(each.price, input=each.price.input + 3, output=12_345_678_901_234_567)
    whole = price.charge(usage) * requests
    each = replace(each, price=replace(price, discount_ppm=333_333), price_nano=whole)
    found = list(charge_rows(ACCOUNT, each))
    # The default context would round both sides alike, and see nothing.
    with localcontext(Context(prec=80)):
        _check(found)
    assert sum(parse_nano(row["BilledCost"]) for row in found) == each.price_nano
    assert sum(parse_nano(row["x_CostOfServing"]) for row in found) == each.cost.direct_nano


def test_rows_say_what_they_are() -> None:
    """Protects readers of the export: categories, and the class of what corrects an old invoice."""
    found = list(rows())
    assert {row["ChargeCategory"] for row in found} == {"Usage", "Credit", "Adjustment", "Tax"}
    given = [row for row in found if row["ChargeCategory"] == "Credit"]
    assert all(Decimal(row["BilledCost"]) < 0 for row in given)
    assert [row["x_Reference"] for row in found if row.get("ChargeClass")] == ["2026-09"]
    kinds = [row["x_TokenType"] for row in found if "x_TokenType" in row]
    assert any(one != other for one, other in pairwise(kinds))


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_validator_agrees(tmp_path: Path) -> None:
    """Protects the claim: FOCUS's own validator, which knows 1.0, finds nothing wrong."""
    if problem := environment.install():
        pytest.skip(f"FOCUS's validator cannot be installed here: {problem}")
    names = [_VALIDATORS.get(name, name) for name, _ in COLUMNS]
    table = [(*cells(row), row["ChargeCategory"]) for row in rows()]
    file = tmp_path / "focus.csv"
    # One of its rules still asks for the older name of the category.
    file.write_text(as_csv([*names, "ChargeType"], table))
    verdict = environment.validate(file, "1.0")
    assert "Validation succeeded" in verdict, verdict
    # The same file with a column less must fail, or the verdict says nothing.
    lines = list(csv.reader(file.read_text().splitlines()))
    file.write_text(as_csv(lines[0][1:], [line[1:] for line in lines[1:]]))
    assert "BilledCost_Required failed" in environment.validate(file, "1.0")
