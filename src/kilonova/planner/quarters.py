"""A plan over quarters: machines bought as demand grows, what they cost, and what is left.

Purchases keep their cohorts: each is written off over its own life, and replaced when that ends.
"""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from kilonova.core.errors import InvalidRequest
from kilonova.planner.columns import Array
from kilonova.planner.finance import QUARTERS, depreciation

__all__ = ["Quarters", "Venture", "quarters"]


class Venture(Struct, frozen=True, kw_only=True):
    """Units are chips; dollars of a quarter are for one chip in use, or for all of them (revenue).

    ``growth`` is the factor of demand from one quarter to the next.
    """

    chips: float
    growth: float
    usd_chip: float
    life_years: float
    upkeep_usd: float
    revenue_usd: float


class Quarters(Struct, frozen=True, kw_only=True):
    """Arrays of shape (quarters,), in dollars but for ``chips``."""

    chips: Array
    capital: Array
    upkeep: Array
    depreciation: Array
    revenue: Array

    @property
    def operating_income(self) -> Array:
        return self.revenue - self.upkeep - self.depreciation

    @property
    def free_cash_flow(self) -> Array:
        return self.revenue - self.upkeep - self.capital


def quarters(venture: Venture, count: int) -> Quarters:
    """``count`` quarters from now. Raises InvalidRequest for a growth or a count of 0 or less."""
    if venture.growth <= 0 or count <= 0:
        raise InvalidRequest(
            "Growth is a factor from quarter to quarter, and quarters a count: both above 0.",
            param="growth",
        )
    demand = np.asarray(venture.growth ** np.arange(count), dtype=np.float64)
    chips = np.ceil(venture.chips * demand)
    bought = _purchases(chips.tolist(), life=round(venture.life_years * QUARTERS))
    capital = np.asarray(bought) * venture.usd_chip
    return Quarters(
        chips=chips,
        capital=capital,
        upkeep=chips * venture.upkeep_usd,
        depreciation=depreciation(capital.tolist(), life_years=venture.life_years, quarters=count),
        revenue=venture.revenue_usd * demand,
    )


def _purchases(needed: Sequence[float], *, life: int) -> list[float]:
    """What has to be bought in each quarter so that enough are within their life."""
    bought: list[float] = []
    for at, chips in enumerate(needed):
        alive = sum(bought[max(0, at - life + 1) :])
        bought.append(max(0.0, chips - alive))
    return bought
