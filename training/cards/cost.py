"""What a training run took: hours of a resource, energy, and money, by stated assumptions."""

from pathlib import Path

import msgspec

__all__ = ["Assumptions", "Bill", "Resource", "Work", "bill_of", "read_assumptions"]


class Resource(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One unit of hardware: a core, an accelerator."""

    label: str
    watts: float
    price_per_hour_low: float
    price_per_hour_high: float


class Assumptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Tariff and power, read from `assumptions.toml` or from a recipe."""

    currency: str
    price_per_kwh: float
    overhead: float
    resources: dict[str, Resource]


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """Hours of one resource. `watt_hours` only where a meter said so; else it is modelled."""

    resource: str  # a key of Assumptions.resources
    hours: float
    watt_hours: float | None = None
    purpose: str = "training"


class Bill(msgspec.Struct, frozen=True, kw_only=True):
    """Energy with the room's overhead, its price, and what renting the hardware would have cost."""

    watt_hours: float
    is_measured: bool
    electricity: float
    rent_low: float
    rent_high: float
    currency: str


def read_assumptions(path: Path | None = None) -> Assumptions:
    """The file beside this module, or another one."""
    source = path or Path(__file__).with_name("assumptions.toml")
    return msgspec.toml.decode(source.read_bytes(), type=Assumptions)


def _resource(work: Work, assumptions: Assumptions) -> Resource:
    found = assumptions.resources.get(work.resource)
    if found is None:
        known = ", ".join(assumptions.resources)
        raise ValueError(f"no assumption about the resource {work.resource!r}; known: {known}")
    return found


def bill_of(works: tuple[Work, ...], assumptions: Assumptions) -> Bill:
    """The sum over all the work. Raises ValueError for a resource without an assumption."""
    priced = [(work, _resource(work, assumptions)) for work in works]
    drawn = sum(
        work.hours * resource.watts if work.watt_hours is None else work.watt_hours
        for work, resource in priced
    )
    watt_hours = drawn * assumptions.overhead
    return Bill(
        watt_hours=watt_hours,
        is_measured=all(work.watt_hours is not None for work in works),
        electricity=watt_hours / 1000 * assumptions.price_per_kwh,
        rent_low=sum(work.hours * resource.price_per_hour_low for work, resource in priced),
        rent_high=sum(work.hours * resource.price_per_hour_high for work, resource in priced),
        currency=assumptions.currency,
    )
