"""Periods: their ends, what is before them, and what is no period."""

import pytest

from kilonova.billing.statement.period import period_between, period_named
from kilonova.core.errors import InvalidRequest


@pytest.mark.parametrize(
    ("name", "first", "end", "before", "year_before"),
    [
        ("2026", "2026-01-01", "2027-01-01", "2025", "2025"),
        ("2026-Q4", "2026-10-01", "2027-01-01", "2026-Q3", "2025-Q4"),
        ("2026-Q1", "2026-01-01", "2026-04-01", "2025-Q4", "2025-Q1"),
        ("2026-01", "2026-01-01", "2026-02-01", "2025-12", "2025-01"),
        ("2024-02", "2024-02-01", "2024-03-01", "2024-01", "2023-02"),
        ("2026-W01", "2025-12-29", "2026-01-05", "2025-W52", "2025-W01"),
        ("2024-02-29", "2024-02-29", "2024-03-01", "2024-02-28", "2023-02-28"),
    ],
)
def test_a_period_by_its_name(
    name: str, first: str, end: str, before: str, year_before: str
) -> None:
    """Protects growth: months and quarters are compared with whole ones, whatever their length."""
    period = period_named(name)
    assert (period.name, str(period.first), str(period.end)) == (name, first, end)
    assert (period.before().name, period.year_before().name) == (before, year_before)
    assert period.before().end == period.first


def test_any_days() -> None:
    """Protects odd periods: as many days before, and the same ones of the year before."""
    period = period_between("2026-11-10", "2026-11-20")
    assert period.name == "2026-11-10 - 2026-11-19"
    assert period.before().name == "2026-10-31 - 2026-11-09"
    assert period.year_before().name == "2025-11-10 - 2025-11-19"
    assert period.year == (365, 10)


@pytest.mark.parametrize(
    "name", ["", "2026-13", "2026-Q5", "2026-W54", "2026-02-30", "november", "0001-01", "99999"]
)
def test_what_is_no_period(name: str) -> None:
    """Protects the reader from the statement of another time than was meant."""
    with pytest.raises(InvalidRequest):
        period_named(name).before()


@pytest.mark.parametrize(
    ("first", "end"),
    [("2026-11-02", "2026-11-02"), ("2026-11-03", "2026-11-02"), ("2026-11-02T08:00:00", "x")],
)
def test_what_are_no_days(first: str, end: str) -> None:
    """Protects from statements of nothing, and of cut days."""
    with pytest.raises(InvalidRequest):
        period_between(first, end)
