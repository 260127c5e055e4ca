"""Annuities, depreciation by cohort and quarters, against sums done by hand."""

import numpy as np
import pytest

from kilonova.core.errors import InvalidRequest
from kilonova.planner.finance import annuity, depreciation, growth, run_rate
from kilonova.planner.quarters import Venture, quarters


def test_an_annuity_repays_capital_and_interest() -> None:
    """Protects the cost of capital: the debt is nil after the last payment."""
    debt, payment = 1000.0, annuity(1000, years=7, rate=0.068)
    for _ in range(7):
        debt = debt * 1.068 - payment
    assert debt == pytest.approx(0, abs=1e-9)


def test_without_interest_it_is_a_straight_line() -> None:
    """Protects depreciation, which knows no interest."""
    assert annuity(105.2, years=5, rate=0) == pytest.approx(21.04)


@pytest.mark.parametrize(("years", "rate"), [(0, 0.05), (-1, 0.05), (5, -0.01)])
def test_lives_and_rates_that_cannot_be_are_named(years: float, rate: float) -> None:
    """Protects from a division by zero that would look like a price."""
    with pytest.raises(InvalidRequest):
        annuity(1, years=years, rate=rate)


@pytest.mark.parametrize("life", [1, 5, 5.5, 6])
def test_every_cohort_is_written_off_once_and_whole(life: float) -> None:
    """Protects the books over a change of life: what was bought is what is written off."""
    bought = [10.0, 0, 30, 5]
    written = depreciation(bought, life_years=life, quarters=4 + round(life * 4) + 1)
    assert written.sum() == pytest.approx(sum(bought))
    assert written.min() >= 0
    assert written[-1] == 0


def test_a_cohort_begins_in_the_quarter_of_its_purchase() -> None:
    """Protects the timing: a year's worth of quarters rises by a step each."""
    written = depreciation([4.0, 4, 4, 4], life_years=1, quarters=8)
    assert np.allclose(written, [1, 2, 3, 4, 3, 2, 1, 0])


def test_growing_demand_buys_and_replaces() -> None:
    """Protects capital plans: the first cohort is bought again when its life ends."""
    venture = Venture(
        chips=100, growth=1.0, usd_chip=10, life_years=1, upkeep_usd=1, revenue_usd=500
    )
    made = quarters(venture, 6)
    assert made.capital.tolist() == [1000, 0, 0, 0, 1000, 0]
    assert made.depreciation.tolist() == [250] * 6
    assert made.operating_income.tolist() == [150] * 6
    assert made.free_cash_flow.tolist() == [-600, 400, 400, 400, -600, 400]


def test_growth_is_a_factor() -> None:
    """Protects against a growth in percent, or a plan for no quarters."""
    venture = Venture(chips=1, growth=0, usd_chip=1, life_years=5, upkeep_usd=1, revenue_usd=1)
    with pytest.raises(InvalidRequest, match="factor"):
        quarters(venture, 4)


def test_run_rate_and_growth() -> None:
    """Protects the two words of a quarterly report."""
    assert run_rate(26.3) == pytest.approx(105.2)
    assert growth(28.8, 24.2) == pytest.approx(0.19, abs=0.001)
