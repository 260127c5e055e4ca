"""What a whole answer of any wire says of its cost, beside the price that its dialect tells.

A replayed answer says it again: it was billed once, and its cost is that of the first run.
"""

from msgspec import UNSET

from kilonova.core.bill import bill_of
from kilonova.telemetry.trace import Trace
from kilonova.web.message import Header

__all__ = ["cost_headers"]


def cost_headers(trace: Trace) -> list[Header]:
    """None for what was not metered, and of the cost nothing where it is not known."""
    if trace.record is None or trace.error:
        return []
    bill = bill_of(trace.record, tells_cost=trace.tells_cost)
    headers: list[Header] = [(b"x-kilonova-currency", bill.currency.encode())]
    for name, value in (
        (b"x-kilonova-cost", bill.cost),
        (b"x-kilonova-cost-currency", bill.cost_currency),
        (b"x-kilonova-cost-basis", bill.basis),
        (b"x-kilonova-energy-wh", bill.energy_wh),
        (b"x-kilonova-co2e-g", bill.co2e_g),
    ):
        if value is not UNSET:
            headers.append((name, value.encode()))
    return headers
