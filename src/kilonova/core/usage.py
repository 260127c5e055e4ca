"""How much one request used, and the record that is kept of it for ever."""

from typing import Literal

from msgspec import Struct

__all__ = ["Cost", "CostBasis", "Outcome", "Usage", "UsageRecord", "add_costs"]

Outcome = Literal["completed", "cancelled", "failed", "recovered"]
# How the energy of a request is known; an upstream vendor's cost is invoiced.
CostBasis = Literal["", "measured", "modelled", "assumed", "invoiced"]


class Usage(Struct, frozen=True, kw_only=True):
    """Tokens by kind. The input kinds are disjoint; ``reasoning`` is part of ``output``.

    ``cache_write_long`` are tokens written into a cache for more than its shortest lifetime.
    """

    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    cache_write_long_tokens: int = 0

    @property
    def prompt_tokens(self) -> int:
        """All input tokens, cached or not."""
        return (
            self.input_tokens
            + self.cache_read_tokens
            + self.cache_write_tokens
            + self.cache_write_long_tokens
        )

    @property
    def total_tokens(self) -> int:
        return self.prompt_tokens + self.output_tokens


class Cost(Struct, frozen=True, kw_only=True):
    """What one request took. ``resource`` is the machine that ran it, or an upstream vendor.

    ``busy_ns`` is its share of the resource's busy time: the shares of one resource never add up
    to more than the time that passed. ``marginal_nano`` is what would not have been spent without
    the request (dynamic energy, a vendor's charge); ``direct_nano`` adds its share of the
    resource's rate. Energy is in microjoules at the wall, carbon in micrograms of CO2e.
    """

    resource: str = ""
    currency: str = ""
    busy_ns: int = 0
    marginal_nano: int = 0
    direct_nano: int = 0
    energy_uj: int = 0
    co2_ug: int = 0
    basis: CostBasis = ""


def add_costs(one: Cost, other: Cost) -> Cost:
    """Of two requests of one call; not known unless both are known in the same way."""
    if (one.resource, one.currency, one.basis) != (other.resource, other.currency, other.basis):
        return Cost()
    return Cost(
        resource=one.resource,
        currency=one.currency,
        busy_ns=one.busy_ns + other.busy_ns,
        marginal_nano=one.marginal_nano + other.marginal_nano,
        direct_nano=one.direct_nano + other.direct_nano,
        energy_uj=one.energy_uj + other.energy_uj,
        co2_ug=one.co2_ug + other.co2_ug,
        basis=one.basis,
    )


class UsageRecord(Struct, frozen=True, kw_only=True):
    """What one request used and cost its caller. Written once when its permit settles.

    Times are milliseconds since the epoch; money is in nano-units of ``currency``.
    ``shortfall_nano`` is the price of work that was done and is not charged (after a crash).
    ``service_tier`` is the one that was sold, which the price was made for.
    """

    request_id: str
    organisation_id: str
    project_id: str
    key_id: str
    model_id: str
    dialect: str
    outcome: Outcome
    usage: Usage
    price_nano: int
    currency: str
    price_version: str
    started_ms: int
    finished_ms: int
    first_token_ms: int | None = None
    shortfall_nano: int = 0
    engine: str = ""
    service_tier: str = "default"
    cost: Cost = Cost()
