"""After a crash: every hold that was left open is settled before new work is taken.

What was durably known to be delivered is billed at the pinned price, and nothing else: never more
than the caller got. Without a checkpoint nothing is billed, and the reading of the prompt, which
may have happened, is booked as the provider's own cost.
"""

from typing import Protocol

from kilonova.core.books import OpenHold
from kilonova.core.clock import Clock
from kilonova.core.crash import crash_point
from kilonova.core.ports import Ledger
from kilonova.core.usage import Usage, UsageRecord

__all__ = ["Recoverable", "recover"]

_NOTHING = Usage()


class Recoverable(Ledger, Protocol):
    """A ledger that knows what the last process left behind."""

    def left_open(self) -> list[OpenHold]: ...


async def recover(ledger: Recoverable, clock: Clock) -> list[UsageRecord]:
    """Settle what was left open, and return the records. A crash in here changes nothing."""
    crash_point("recovery.begun")
    finished_ms = int(clock.now_s() * 1000)
    records = [recovered(held, finished_ms) for held in ledger.left_open()]
    settled = [ledger.settle(record) for record in records]
    for done in settled:
        await done
        crash_point("recovery.hold_settled")
    crash_point("recovery.done")
    return records


def recovered(held: OpenHold, finished_ms: int) -> UsageRecord:
    """The record that ends a hold whose process died. Pure."""
    hold, price = held.hold, held.hold.price
    delivered = held.delivered or _NOTHING
    full_nano = price.charge(delivered)
    # The hold is the ceiling, as it is for the meter.
    charge = min(full_nano, hold.held_nano)
    prompt = price.charge(Usage(input_tokens=hold.input_tokens))
    return UsageRecord(
        request_id=hold.request_id,
        organisation_id=hold.organisation_id,
        project_id=hold.project_id,
        key_id=hold.key_id,
        model_id=hold.model_id,
        dialect=hold.dialect,
        outcome="recovered",
        usage=delivered,
        price_nano=charge,
        currency=price.currency,
        price_version=price.version,
        started_ms=hold.started_ms,
        finished_ms=max(finished_ms, hold.started_ms),
        shortfall_nano=prompt if held.delivered is None else full_nano - charge,
        engine=hold.engine,
        service_tier=hold.service_tier,
    )
