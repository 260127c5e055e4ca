"""Money and energy for Prometheus: the ledger's own sums, to the nano-unit.

They begin with what the ledger holds when the server starts and grow with every record that it is
given, so they are whole numbers that the ledger can be held against (floats of Prometheus are exact
up to 2⁵³). No organisation or key is ever a label.
"""

from collections import Counter
from collections.abc import Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from kilonova.core.books import UsageSum
from kilonova.core.usage import Cost, UsageRecord

__all__ = ["MoneyMetrics"]

_SOLD = ("model", "currency")
_TAKEN = ("model", "resource", "currency")
_AT = ("model", "resource")
_FAMILIES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("billed_nano", "Nano-units charged.", _SOLD),
    ("direct_cost_nano", "Nano-units of cost: the share of a resource, or a charge.", _TAKEN),
    ("marginal_cost_nano", "Of that, what would not have been spent otherwise.", _TAKEN),
    ("cost_unknown_requests", "Requests whose cost nobody knows.", _AT),
    ("energy_joules", "Energy beyond idling.", _AT),
    ("co2e_grams", "Carbon of that energy, as CO2e.", _AT),
    ("resource_busy_seconds", "Time shared out to requests.", ("resource",)),
)
# What is counted in whole numbers of a smaller unit: microjoules, micrograms, nanoseconds.
_UNITS = {"energy_joules": 1e6, "co2e_grams": 1e6, "resource_busy_seconds": 1e9}
_Key = tuple[str, ...]


class MoneyMetrics(Collector):
    """``add`` is called once for each settled record. Without ``tells_cost`` a look shows what was
    billed, and nothing of what it took."""

    def __init__(self) -> None:
        self.tells_cost = True
        self._sums: dict[str, Counter[_Key]] = {name: Counter() for name, _, _ in _FAMILIES}

    def begin_with(self, sums: Iterable[UsageSum]) -> None:
        """What the ledger holds, grouped by model, resource and the basis of its cost."""
        for each in sums:
            model_id, resource, basis = each.group
            self._sums["billed_nano"][model_id, each.currency] += each.price_nano
            cost = Cost(
                resource=resource,
                currency=each.cost_currency,
                busy_ns=each.busy_ns,
                marginal_nano=each.marginal_nano,
                direct_nano=each.direct_nano,
                energy_uj=each.energy_uj,
                co2_ug=each.co2_ug,
            )
            self._take(model_id, cost, unknown=0 if basis else each.requests)

    def add(self, record: UsageRecord) -> None:
        """A record that the ledger took."""
        self._sums["billed_nano"][record.model_id, record.currency] += record.price_nano
        self._take(record.model_id, record.cost, unknown=0 if record.cost.basis else 1)

    def _take(self, model_id: str, cost: Cost, *, unknown: int) -> None:
        sums, at = self._sums, (model_id, cost.resource)
        if unknown:
            sums["cost_unknown_requests"][at] += unknown
        if not cost.resource:
            return
        key = (*at, cost.currency)
        sums["direct_cost_nano"][key] += cost.direct_nano
        sums["marginal_cost_nano"][key] += cost.marginal_nano
        sums["energy_joules"][at] += cost.energy_uj
        sums["co2e_grams"][at] += cost.co2_ug
        sums["resource_busy_seconds"][(cost.resource,)] += cost.busy_ns

    def collect(self) -> Iterator[Metric]:
        """What the registry asks for."""
        for name, help_text, labels in _FAMILIES if self.tells_cost else _FAMILIES[:1]:
            family = CounterMetricFamily(f"kilonova_{name}", help_text, labels=labels)
            unit = _UNITS.get(name)
            for key, amount in self._sums[name].items():
                family.add_metric(key, amount if unit is None else amount / unit)
            yield family
