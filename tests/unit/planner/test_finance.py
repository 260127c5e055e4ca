"""Annuities, depreciation by cohort and quarters, against sums done by hand."""

import math

import numpy as np
import pytest

from kilonova.core.errors import InvalidRequest
from kilonova.planner.finance import annuity, depreciation, growth, run_rate
from kilonova.planner.quarters import Venture, demand, quarters


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
        chips=[100.0] * 6,
        upkeep_usd=[100.0] * 6,
        revenue_usd=[500.0] * 6,
        usd_machine=10,
        usd_building=20,
        lives=(1, 20),
        kw=2.0,
    )
    made = quarters(venture)
    assert [row.capital_usd for row in made] == [3000, 0, 0, 0, 1000, 0]
    assert [row.depreciation_usd for row in made] == pytest.approx([275] * 6)
    assert [row.depreciation_longer_usd for row in made[:2]] == pytest.approx([150] * 2)
    assert [row.operating_income_usd for row in made] == pytest.approx([125] * 6)
    assert [row.free_cash_flow_usd for row in made] == [-2600, 400, 400, 400, -600, 400]
    assert [row.mw for row in made] == [0.2] * 6


def test_growth_is_a_factor() -> None:
    """Protects against a growth in percent, or a plan for no quarters."""
    assert demand(1.5, 3).tolist() == [1, 1.5, 2.25]
    for factor, count in ((0, 4), (math.nan, 4), (30, 4), (1, 0), (1, 1000)):
        with pytest.raises(InvalidRequest, match="factor"):
            demand(factor, count)


def test_run_rate_and_growth() -> None:
    """Protects the two words of a quarterly report."""
    assert run_rate(26.3) == pytest.approx(105.2)
    assert growth(28.8, 24.2) == pytest.approx(0.19, abs=0.001)
