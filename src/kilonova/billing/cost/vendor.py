"""What one request costs where a vendor runs it: what the vendor charges for its tokens."""

from typing import Protocol

from kilonova.billing.cost.resource import Resource
from kilonova.core.clock import Clock
from kilonova.core.model import Model
from kilonova.core.usage import Cost, Usage
from kilonova.gateway.work import Share

__all__ = ["Charges", "Vendor"]


class Charges(Protocol):
    """The vendors' price lists, in the currency of the books."""

    def charge(self, model: Model, usage: Usage, *, at_ms: int) -> int | None:
        """Nano-units; None where no list says it."""


class Vendor:
    """Implements ``gateway.work.Tariff``. A charge that is not known is said to be unknown: the
    cost has no basis, and no one may take it for nothing. So is the vendor's energy, always."""

    def __init__(self, resource: Resource, charges: Charges, clock: Clock) -> None:
        self._resource = resource
        self._charges = charges
        self._clock = clock

    def cost(self, share: Share, /) -> Cost:
        """The vendor's charge by the prices of now."""
        at_ms = round(self._clock.now_s() * 1000)
        charge_nano = self._charges.charge(share.model, share.usage, at_ms=at_ms)
        if charge_nano is None:
            return Cost(resource=self._resource.name, busy_ns=share.busy_ns)
        return Cost(
            resource=self._resource.name,
            currency=self._resource.currency,
            busy_ns=share.busy_ns,
            marginal_nano=charge_nano,
            direct_nano=charge_nano,
            basis="invoiced",
        )
