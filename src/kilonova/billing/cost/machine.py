"""What one request costs on a resource with a rate: its share of the time and of the energy.

    fixed     busy time × (capital + upkeep + idle energy) per time
    marginal  its energy beyond idling × the price of a kilowatt-hour
    direct    fixed + marginal

What is rounded off one request is carried to the next, so that the sum over requests is that of
their time rounded once, and never more than the resource cost in that time.
"""

from kilonova.billing.cost.power import Power
from kilonova.billing.cost.rates import UJ_PER_KWH, YEAR_NS, Rates
from kilonova.billing.cost.resource import Resource
from kilonova.core.clock import Clock
from kilonova.core.usage import Cost, CostBasis
from kilonova.gateway.work import Share, SharedTime

__all__ = ["Machine"]


class Machine:
    """Implements ``gateway.work.Tariff``. It keeps ``shared.dynamic_uw`` at what is drawn now."""

    def __init__(
        self, resource: Resource, shared: SharedTime, *, power: Power | None, clock: Clock
    ) -> None:
        self.resource = resource
        self._shared = shared
        self._power = power
        self._clock = clock
        self._rates: Rates | None = None
        self._fixed_year_nano = 0
        self._is_final = False
        self._fixed_rest = self._marginal_rest = self._co2_rest = 0
        self._turn(self._now_ms())

    @property
    def basis(self) -> CostBasis:
        """How the figures are known: by the weakest of them."""
        if self.resource.is_assumed:
            return "assumed"
        return "modelled" if self._power is None else self._power.basis

    def cost(self, share: Share, /) -> Cost:
        """Of a request that ends now, at the rates of now."""
        if not self._is_final:
            self._turn(self._now_ms())
        rates, shared = self._rates, self._shared
        busy_ns, energy_uj = share.busy_ns, share.energy_uj
        if rates is None:
            # It is there from a later day on.
            return Cost(resource=self.resource.name, busy_ns=busy_ns)
        if self._power is not None and shared.busy_ns >= self._power.due_busy_ns:
            shared.settle()
            shared.dynamic_uw = self._power.read_uw(shared.busy_ns)
        fixed, self._fixed_rest = divmod(
            busy_ns * self._fixed_year_nano + self._fixed_rest, YEAR_NS
        )
        marginal, self._marginal_rest = divmod(
            energy_uj * rates.kwh_nano + self._marginal_rest, UJ_PER_KWH
        )
        co2_ug, self._co2_rest = divmod(energy_uj * rates.grid_ug_kwh + self._co2_rest, UJ_PER_KWH)
        return Cost(
            resource=self.resource.name,
            currency=self.resource.currency,
            busy_ns=busy_ns,
            marginal_nano=marginal,
            direct_nano=fixed + marginal,
            energy_uj=energy_uj,
            co2_ug=co2_ug,
            basis=self.basis,
        )

    def _now_ms(self) -> int:
        return round(self._clock.now_s() * 1000)

    def _turn(self, now_ms: int) -> None:
        """Takes up the rates of now. What is carried is of the old ones and below a nano-unit."""
        rates = self.resource.rates_at(now_ms)
        if rates is None or rates is self._rates:
            return
        self._rates = rates
        self._is_final = rates is self.resource.rates[-1]
        self._fixed_year_nano = rates.fixed_year_nano
        self._shared.settle()
        self._shared.dynamic_uw = rates.dynamic_uw
        if self._power is not None:
            self._power.adopt(rates)
