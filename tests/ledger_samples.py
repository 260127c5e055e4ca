"""Holds, records and clocks for tests of stores, accounts and billing."""

from kilonova.core.model import Price
from kilonova.core.ports import Hold
from kilonova.core.usage import Outcome, Usage, UsageRecord

PRICE = Price(input=150_000, cache_read=15_000, cache_write=190_000, output=600_000, version="v1")
MODEL = "kilonova.spark-v1:0"
DAY_MS = 86_400_000
START_MS = 1_795_424_087_347


class FixedClock:
    """Time that moves when a test says so."""

    def __init__(self, now_s: float = START_MS / 1000) -> None:
        self.now = now_s

    def now_s(self) -> float:
        return self.now

    def monotonic_s(self) -> float:
        return self.now


def hold(
    request_id: str, *, owner: str = "1", price: Price = PRICE, held_nano: int = 10**9
) -> Hold:
    """A reservation of the key, project and organisation that are named after ``owner``."""
    return Hold(
        request_id=request_id,
        organisation_id=f"org_{owner}",
        project_id=f"proj_{owner}",
        key_id=f"key_{owner}",
        model_id=MODEL,
        dialect="test",
        held_nano=held_nano,
        price=price,
        input_tokens=100,
        started_ms=START_MS,
    )


def used(output_tokens: int) -> Usage:
    """A hundred tokens read, and this many written."""
    return Usage(input_tokens=100, output_tokens=output_tokens)


def record(
    held: Hold,
    usage: Usage,
    *,
    outcome: Outcome = "completed",
    finished_ms: int = START_MS + 1,
    price: Price = PRICE,
) -> UsageRecord:
    """The record that settles a hold at its pinned price."""
    return UsageRecord(
        request_id=held.request_id,
        organisation_id=held.organisation_id,
        project_id=held.project_id,
        key_id=held.key_id,
        model_id=held.model_id,
        dialect=held.dialect,
        outcome=outcome,
        usage=usage,
        price_nano=price.charge(usage),
        currency=held.price.currency,
        price_version=held.price.version,
        started_ms=held.started_ms,
        finished_ms=finished_ms,
        first_token_ms=5,
    )
