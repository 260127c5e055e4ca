"""Puts resources, sensors, vendors and weights together into the meter of what requests take."""

from collections.abc import Mapping
from pathlib import Path

from kilonova.billing.cost.calibration import read_calibration, weights_of
from kilonova.billing.cost.machine import Machine
from kilonova.billing.cost.plan import Resources, plan_resources
from kilonova.billing.cost.power import Power
from kilonova.billing.cost.resource import Resource
from kilonova.billing.cost.sensors import open_sensors
from kilonova.billing.cost.vendor import Charges, Vendor
from kilonova.billing.prices.vendors import VendorPrices
from kilonova.core.clock import Clock
from kilonova.core.model import PLATFORM
from kilonova.gateway.work import Place, SharedTime, Tariff, Weights, Works
from kilonova.home import CALIBRATION
from kilonova.settings import Settings

__all__ = ["CostDesk", "open_cost_desk"]


class CostDesk:
    """One for a server. ``works`` is its ``core.ports.CostMeter``."""

    def __init__(
        self,
        resources: Resources,
        *,
        charges: Charges,
        weights: Mapping[str, Weights],
        clock: Clock,
    ) -> None:
        self.resources = resources
        self._charges = charges
        self._clock = clock
        self._places = {name: self._place(each) for name, each in resources.by_name.items()}
        places = {engine: self._places[name] for engine, name in resources.of_engine.items()}
        places[PLATFORM] = self._places[resources.of(PLATFORM).name]
        self.works = Works(places, weights)

    def busy_s(self) -> dict[str, float]:
        """How long each resource had work since the start."""
        for place in self._places.values():
            place.shared.settle()
        return {name: place.shared.busy_ns / 1e9 for name, place in self._places.items()}

    def _place(self, resource: Resource) -> Place:
        shared = SharedTime()
        return Place(shared, self._tariff(resource, shared))

    def _tariff(self, resource: Resource, shared: SharedTime) -> Tariff:
        if resource.kind == "vendor":
            return Vendor(resource, self._charges, self._clock)
        sensors = open_sensors(resource.sensors)
        power = Power(sensors) if sensors else None
        return Machine(resource, shared, power=power, clock=self._clock)


def open_cost_desk(
    settings: Settings, home: Path, *, engines: Mapping[str, str], clock: Clock
) -> CostDesk:
    """``engines`` gives the kind of each. Raises SettingsError or PriceError for a resource, a
    calibration or a vendor's price list that is wrong."""
    return CostDesk(
        plan_resources(settings.resources, engines=engines, currency=settings.prices.currency),
        charges=VendorPrices(settings.prices, home=home),
        weights=weights_of(read_calibration(home / CALIBRATION)),
        clock=clock,
    )
