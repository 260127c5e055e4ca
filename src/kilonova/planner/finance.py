"""What machines cost over time: annuities, depreciation by cohort of purchase, run rates.

Amounts are in one currency, in any one unit; results are in the same. Arrays broadcast.
"""

import math
from collections.abc import Sequence

import numpy as np

from kilonova.core.errors import InvalidRequest
from kilonova.planner.columns import Array

__all__ = ["QUARTERS", "annuity", "depreciation", "growth", "run_rate", "site_year"]

QUARTERS = 4


def annuity(capital: float, *, years: float, rate: float) -> float:
    """The equal yearly payment that repays ``capital`` with interest: C·r / (1 − (1+r)^−n).

    A rate of 0 gives straight-line depreciation. Raises InvalidRequest for a life of 0 or less, or
    a rate below 0.
    """
    if years <= 0:
        raise InvalidRequest(f"A life of {years:g} years is none: give one above 0.", param="years")
    if rate < 0:
        raise InvalidRequest(f"A capital rate of {rate:g} is below 0.", param="capital_rate")
    if rate == 0:
        return capital / years
    # As above, but exact for rates near 0 too.
    return capital * rate / -math.expm1(-years * math.log1p(rate))


def site_year(
    *, machines: float, building: float, upkeep: float, rate: float, lives: tuple[float, float]
) -> float:
    """A year of a site: annuities of machines and building over their ``lives``, and upkeep."""
    return (
        annuity(machines, years=lives[0], rate=rate)
        + annuity(building, years=lives[1], rate=rate)
        + upkeep
    )


def depreciation(purchases: Sequence[float], *, life_years: float, quarters: int) -> Array:
    """Straight-line depreciation of each quarter, shape (quarters,), by cohort of purchase.

    What is bought in a quarter is used from that quarter on, for ``life_years``. A change of life
    is a second call: cohorts do not know each other.
    """
    if life_years <= 0:
        raise InvalidRequest(f"A life of {life_years:g} years is none.", param="life_years")
    life = life_years * QUARTERS
    since = np.arange(quarters)[:, None] - np.arange(len(purchases))[None, :]
    # A life that ends within a quarter leaves a part of a quarter's share.
    share = np.where(since >= 0, np.clip(life - since, 0.0, 1.0), 0.0) / life
    written: Array = share @ np.asarray(purchases, dtype=np.float64)
    return written


def run_rate(quarter: float) -> float:
    """A quarter's amount, as if it went on for a year."""
    return quarter * QUARTERS


def growth(now: float, before: float) -> float:
    """The share by which ``now`` is above ``before``."""
    return now / before - 1
