"""The quarters ahead of the cheapest way to serve: chips for a growing load, paid and sold."""

import numpy as np
from msgspec import Struct

from kilonova.planner.columns import Array
from kilonova.planner.cost import fleets_at, request_usd
from kilonova.planner.quarters import Quarter, Venture, demand, quarters
from kilonova.planner.search import Search
from kilonova.planner.supply import Supply
from kilonova.planner.tables import PriceList, Tables
from kilonova.planner.workload import HOURS, Workload

__all__ = ["Outlook", "outlook"]

_DAYS = 365.25 / 4


class Outlook(Struct, frozen=True, kw_only=True):
    """How many quarters, by which factor demand grows in each, and at which list tokens are sold
    (None: nothing is sold)."""

    count: int
    growth: float
    sell_at: PriceList | None


def outlook(
    found: Search, workload: Workload, supply: Supply, *, tables: Tables, view: Outlook
) -> tuple[Quarter, ...]:
    """The first way of a search over ``view.count`` quarters; fleets are sized anew in each."""
    load, price = demand(view.growth, view.count), found.prices[0]
    rates = workload.hourly_rate()[None, :] * load[:, None]
    writing, reading = fleets_at(found, 0, rates=rates)
    chips = writing.peak * found.columns.chips[0] + reading.peak * found.readers.chips[0]
    used = np.sum(writing.replicas, axis=-1) * found.columns.chips[0]
    used = used + np.sum(reading.replicas, axis=-1) * found.readers.chips[0]
    hours: Array = used if price.by_hour else chips * HOURS
    # What is bought costs energy from then on; everything else is in the price of an hour.
    usd_hour = dict(price.parts)["energy"] if price.capital_usd else price.usd
    revenue = np.zeros(view.count)
    if view.sell_at:
        revenue = load * request_usd(view.sell_at, workload) * workload.requests_a_day * _DAYS
    life = supply.life_years or tables.lives["it"].value
    return quarters(
        Venture(
            chips=chips.tolist(),
            upkeep_usd=(hours * usd_hour * _DAYS).tolist(),
            revenue_usd=revenue.tolist(),
            usd_machine=price.capital_usd - price.building_usd,
            usd_building=price.building_usd,
            lives=(life, tables.lives["facility"].value),
            kw=price.kw,
        )
    )
