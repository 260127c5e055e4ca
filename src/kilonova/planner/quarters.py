"""A plan over quarters: machines bought as demand grows, what they cost, and what is left.

Purchases keep their cohorts: each is written off over its own life, and replaced when that ends.
"""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from kilonova.core.errors import InvalidRequest
from kilonova.planner.columns import Array
from kilonova.planner.finance import QUARTERS, depreciation

__all__ = ["QUARTERS_MAX", "Quarter", "Venture", "demand", "quarters"]

QUARTERS_MAX = 80
_GROWTH_MAX = 10.0


class Venture(Struct, frozen=True, kw_only=True):
    """What each quarter needs, pays and earns: three sequences of one length.

    ``chips`` is what has to be there, ``upkeep_usd`` is paid whatever is owned (rent, or energy of
    what is), and ``usd_machine`` and ``usd_building`` are paid once for a chip, with a life each.
    """

    chips: Sequence[float]
    upkeep_usd: Sequence[float]
    revenue_usd: Sequence[float]
    usd_machine: float
    usd_building: float
    lives: tuple[float, float]
    kw: float


class Quarter(Struct, frozen=True, kw_only=True):
    """One quarter, the first being number 1. ``depreciation_longer_usd`` is what it would be if
    machines were written off over a year more."""

    number: int
    chips: float
    mw: float
    bought_chips: float
    capital_usd: float
    upkeep_usd: float
    depreciation_usd: float
    depreciation_longer_usd: float
    revenue_usd: float
    operating_income_usd: float
    free_cash_flow_usd: float


def demand(growth: float, count: int) -> Array:
    """The load of each quarter over that of the first. Raises InvalidRequest for a growth or a
    count that cannot be."""
    if not 0 < growth <= _GROWTH_MAX or not 0 < count <= QUARTERS_MAX:
        raise InvalidRequest(
            f"Growth is a factor from quarter to quarter, above 0 and at most {_GROWTH_MAX:g}, and "
            f"quarters a count from 1 to {QUARTERS_MAX}.",
            param="growth" if 0 < count <= QUARTERS_MAX else "quarters",
            reason="impossible_growth",
        )
    return np.asarray(growth ** np.arange(count), dtype=np.float64)


def quarters(venture: Venture) -> tuple[Quarter, ...]:
    """The quarters one after another, from one in which nothing was there."""
    machine_life, building_life = venture.lives
    machines = _purchases(venture.chips, life=round(machine_life * QUARTERS))
    buildings = _purchases(venture.chips, life=round(building_life * QUARTERS))
    capital = np.multiply(machines, venture.usd_machine)
    housing = np.multiply(buildings, venture.usd_building)
    housed = _written(housing, building_life)
    written = _written(capital, machine_life) + housed
    longer = _written(capital, machine_life + 1) + housed
    upkeep, revenue = np.asarray(venture.upkeep_usd), np.asarray(venture.revenue_usd)
    paid = capital + housing
    table = (
        np.asarray(venture.chips, dtype=np.float64),
        np.multiply(venture.chips, venture.kw / 1e3),
        np.asarray(machines),
        paid,
        upkeep,
        written,
        longer,
        revenue,
        revenue - upkeep - written,
        revenue - upkeep - paid,
    )
    names = Quarter.__struct_fields__[1:]
    rows = zip(*(column.tolist() for column in table), strict=True)
    return tuple(
        Quarter(number=at, **dict(zip(names, row, strict=True))) for at, row in enumerate(rows, 1)
    )


def _written(capital: Array, life: float) -> Array:
    return depreciation(capital.tolist(), life_years=life, quarters=len(capital))


def _purchases(needed: Sequence[float], *, life: int) -> list[float]:
    """What has to be bought in each quarter so that enough are within their life."""
    bought: list[float] = []
    for at, chips in enumerate(needed):
        alive = sum(bought[max(0, at - life + 1) :])
        bought.append(max(0.0, chips - alive))
    return bought
