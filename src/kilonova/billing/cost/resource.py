"""A resource: a machine, an accelerator or an upstream vendor, with its rates over time."""

from bisect import bisect_right
from typing import Literal

from msgspec import Struct

from kilonova.billing.cost.rates import YEAR_MS, Rates

__all__ = ["Resource", "ResourceCost", "resource_cost"]


class Resource(Struct, frozen=True, kw_only=True):
    """``rates`` in the order of their beginnings; none for a ``vendor``, who charges by request.

    ``is_assumed``: nobody said what it costs, so the figures are those of a typical one.
    ``sensors`` tell what it draws."""

    name: str
    currency: str
    kind: Literal["machine", "vendor"] = "machine"
    is_assumed: bool = False
    rates: tuple[Rates, ...] = ()
    sensors: tuple[str, ...] = ()

    def rates_at(self, at_ms: int) -> Rates | None:
        """Those in force; None before the first."""
        index = bisect_right(self.rates, at_ms, key=lambda rates: rates.from_ms)
        return self.rates[index - 1] if index else None


class ResourceCost(Struct, frozen=True, kw_only=True):
    """What a resource cost in a period, in nano-units of ``currency``, by what it was spent on.

    ``dynamic_nano`` is what the requests caused: energy beyond idling, or a vendor's charges."""

    resource: str
    currency: str
    kind: Literal["machine", "vendor"]
    is_assumed: bool
    capital_nano: int
    upkeep_nano: int
    idle_energy_nano: int
    dynamic_nano: int

    @property
    def fixed_nano(self) -> int:
        """What was spent whether it worked or not."""
        return self.capital_nano + self.upkeep_nano + self.idle_energy_nano

    @property
    def total_nano(self) -> int:
        return self.fixed_nano + self.dynamic_nano


def resource_cost(
    resource: Resource, *, since_ms: int, until_ms: int, dynamic_nano: int = 0
) -> ResourceCost:
    """The cost of a period, ``until_ms`` excluded. ``dynamic_nano`` is Σ ``Cost.marginal_nano`` of
    the requests that ended in it.

    Neighbouring periods add up to the nano-unit: each part is a difference of running totals.
    Raises ValueError where the end is before the beginning.
    """
    if until_ms < since_ms:
        raise ValueError(f"the period ends ({until_ms}) before it begins ({since_ms})")
    capital, upkeep, idle = (
        until - since
        for until, since in zip(
            _totals(resource.rates, until_ms), _totals(resource.rates, since_ms), strict=True
        )
    )
    return ResourceCost(
        resource=resource.name,
        currency=resource.currency,
        kind=resource.kind,
        is_assumed=resource.is_assumed,
        capital_nano=capital,
        upkeep_nano=upkeep,
        idle_energy_nano=idle,
        dynamic_nano=dynamic_nano,
    )


def _totals(rates: tuple[Rates, ...], until_ms: int) -> tuple[int, int, int]:
    """Capital, upkeep and idle energy from the first rates to a moment, each rounded down once."""
    sums = [0, 0, 0]
    ends = [*(each.from_ms for each in rates[1:]), until_ms]
    for each, end in zip(rates, ends, strict=False):  # a vendor has no rates, and no end of them
        elapsed_ms = max(0, min(end, until_ms) - each.from_ms)
        yearly = (each.capital_year_nano, each.upkeep_year_nano, each.idle_year_nano)
        for index, amount in enumerate(yearly):
            sums[index] += amount * elapsed_ms
    return sums[0] // YEAR_MS, sums[1] // YEAR_MS, sums[2] // YEAR_MS
