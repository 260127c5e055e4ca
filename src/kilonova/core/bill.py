"""What an answer says of its own price and cost, in decimal text."""

from collections.abc import Callable

from msgspec import UNSET, Struct, UnsetType

from kilonova.core.money import format_nano
from kilonova.core.usage import CostBasis, UsageRecord

__all__ = ["Bill", "BillOf", "bill_of", "no_bill"]

_UJ_PER_WH = 3_600_000_000
_PICO = 10**12
_UG_PER_G = 1_000_000


class Bill(Struct, frozen=True, kw_only=True):
    """``price`` is what the caller owes and ``cost`` what the answer took, its share of the machine
    or a vendor's charge. ``basis`` says how that is known; without one, cost and energy are not.
    ``cost_currency`` stands where it is not the price's. Encoded, it is a JSON object."""

    price: str
    currency: str
    cost: str | UnsetType = UNSET
    cost_currency: str | UnsetType = UNSET
    energy_wh: str | UnsetType = UNSET
    co2e_g: str | UnsetType = UNSET
    basis: CostBasis | UnsetType = UNSET


# What a stream's encoder asks at the end, when there is a record.
BillOf = Callable[[], Bill | None]


def no_bill() -> None:
    """For an answer whose wire has no place for it."""


def bill_of(record: UsageRecord, *, tells_cost: bool = True) -> Bill:
    """``tells_cost`` false: of the price alone."""
    price, currency, cost = format_nano(record.price_nano), record.currency, record.cost
    if not cost.basis or not tells_cost:
        return Bill(price=price, currency=currency)
    is_vendor = cost.basis == "invoiced"
    return Bill(
        price=price,
        currency=currency,
        cost=format_nano(cost.direct_nano),
        cost_currency=UNSET if cost.currency == currency else cost.currency,
        energy_wh=UNSET if is_vendor else _decimal(cost.energy_uj * _PICO // _UJ_PER_WH),
        co2e_g=UNSET if is_vendor else _decimal(cost.co2_ug * _PICO // _UG_PER_G),
        basis=cost.basis,
    )


def _decimal(pico: int) -> str:
    """Twelve decimals, rounded down: a microjoule is seen."""
    whole, fraction = divmod(pico, _PICO)
    return f"{whole}.{fraction:012d}"
