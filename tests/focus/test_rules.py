"""FOCUS 1.2 by FOCUS's own validator, under the rules of the specification (focus_1_2.toml)."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from focus import environment
from focus.rules import VERSION, column_rules, write
from focus.test_focus import rows
from kilonova.billing.focus.columns import COLUMNS, MANDATORY
from kilonova.billing.focus.rows import Row
from kilonova.cli.table_files import as_csv

_NAMES = tuple(name for name, _ in COLUMNS)
_RULES = column_rules()

# What breaks a rule between columns, in a row of usage.
_BROKEN: tuple[Row, ...] = (
    {"ListCost": "1", "ContractedCost": "1"},
    {"BillingPeriodEnd": "2026-10-01T00:00:00Z", "SubAccountName": ""},
    {"BillingPeriodStart": "2026-10-01 00:00:00+00:00", "SubAccountType": ""},
    {"BillingPeriodEnd": "2026-11-01 00:00:00+00:00", "BillingAccountType": ""},
    {"ChargePeriodStart": "2026-10-01 00:00:00+00:00"},
    {"ChargePeriodEnd": "2026-10-01 00:00:00+00:00"},
    {"ChargePeriodEnd": "2026-09-01T00:00:00Z"},
    {"ChargeCategory": "Purchase"},
    {"ChargeCategory": "Tax"},
    {"ServiceSubcategory": "Containers"},
    {"ResourceId": ""},
    {"ResourceType": "", "RegionName": "Paris"},
    {"SkuId": "", "SkuPriceId": "", "SkuPriceDetails": '{"A": 1}'},
    {"PricingCategory": "", "PricingUnit": "", "ConsumedUnit": ""},
    {"PricingQuantity": "", "ConsumedQuantity": ""},
    {"ListUnitPrice": "", "ContractedUnitPrice": ""},
    {"ListUnitPrice": "-1", "ContractedUnitPrice": "-1"},
    {"PricingCurrencyListUnitPrice": "-1", "PricingCurrencyContractedUnitPrice": "-1"},
    {"CommitmentDiscountCategory": "Spend", "CommitmentDiscountName": "x"},
    {"CommitmentDiscountStatus": "Used", "CommitmentDiscountType": "x"},
)


def test_every_column_has_its_rules() -> None:
    """Protects the check from holes: what we write, but our own columns, has rules; what the
    specification wants is written."""
    assert {name for name in _NAMES if not name.startswith("x_")} <= set(_RULES)
    assert {name for name, asked in _RULES.items() if asked.level == "mandatory"} == set(MANDATORY)
    assert {name for name, asked in _RULES.items() if asked.is_required} <= set(_NAMES)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_an_export_is_focus(tmp_path: Path) -> None:
    """Protects the claim of 1.2: the validator finds nothing wrong, and under the same rules it
    finds each fault that a broken export has."""
    if problem := environment.install():
        pytest.skip(f"FOCUS's validator cannot be installed here: {problem}")
    checks = write(tmp_path / "rules")
    good = list(rows())
    assert _failed(tmp_path, _NAMES, good) == set()
    missed = set(checks) - _failed(tmp_path, _all_names(), [*good, *_broken_rows(good)])
    missed -= _failed(tmp_path, [each for each in _NAMES if not _is_required(each)], good)
    assert missed == set(_cannot_fail())


def _failed(folder: Path, names: Iterable[str], table: Iterable[Row]) -> set[str]:
    file, heads = folder / "focus.csv", list(names)
    file.write_text(as_csv(heads, [[row.get(name) or None for name in heads] for row in table]))
    verdict = environment.validate(file, VERSION, rule_set=folder / "rules")
    failed = {line.split()[0] for line in verdict.splitlines() if line.endswith(" failed:")}
    assert ("Validation succeeded" in verdict) == (not failed), verdict
    return failed


def _is_required(name: str) -> bool:
    return name in _RULES and _RULES[name].is_required


def _all_names() -> list[str]:
    return [*_NAMES, *(name for name in _RULES if name not in _NAMES)]


def _broken_rows(good: list[Row]) -> list[Row]:
    usage = next(row for row in good if row["ChargeCategory"] == "Usage")
    found = [{**usage, name: ""} for name in usage]
    for name, asked in _RULES.items():
        if asked.values or asked.type != "string":
            found.append({**usage, name: "Nonsense"})
    return [*found, *({**usage, **changed} for changed in _BROKEN)]


def _cannot_fail() -> list[str]:
    """Checks that let everything pass: text is text, and what may be empty may be empty."""
    texts = [f"{name}_Type" for name, asked in _RULES.items() if asked.type == "string"]
    return texts + [f"{name}_Nulls" for name, asked in _RULES.items() if asked.nulls]
