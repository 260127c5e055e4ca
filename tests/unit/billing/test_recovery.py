"""After a crash: bill what is known to be delivered, and nothing else."""

from hypothesis import given
from hypothesis import strategies as st

from kilonova.billing.posting import post
from kilonova.billing.recovery import recover, recovered
from kilonova.core.books import OpenHold
from kilonova.core.model import Price
from kilonova.core.usage import Usage
from kilonova.stores.memory import MemoryStore
from ledger_samples import PRICE, START_MS, FixedClock, hold, used

rates = st.integers(0, 10**12)
counts = st.integers(0, 10**6)


def test_the_last_checkpoint_is_billed_at_the_pinned_price() -> None:
    """Protects callers from a new price for old work."""
    made = recovered(OpenHold(hold("req_1"), used(12)), START_MS + 9)
    assert made.outcome == "recovered"
    assert made.usage == used(12)
    assert made.price_nano == PRICE.charge(used(12))
    assert made.price_version == "v1"
    assert made.shortfall_nano == 0


def test_without_a_checkpoint_nothing_is_billed() -> None:
    """Protects callers who got nothing; the prompt was perhaps read, at the provider's cost."""
    made = recovered(OpenHold(hold("req_1")), START_MS - 5)
    assert (made.price_nano, made.usage) == (0, Usage())
    assert made.shortfall_nano == PRICE.charge(Usage(input_tokens=100))
    assert made.finished_ms == START_MS


@given(rates, rates, counts)
def test_never_more_than_was_delivered(input_rate: int, output_rate: int, tokens: int) -> None:
    """Protects every caller, at every price."""
    price = Price(input=input_rate, output=output_rate)
    made = recovered(OpenHold(hold("req_1", price=price), used(tokens)), START_MS)
    full_nano = price.charge(used(tokens))
    assert made.price_nano == min(full_nano, hold("req_1").held_nano)
    assert made.price_nano + made.shortfall_nano == full_nano
    assert sum(entry.amount_nano for entry in post(made)) == 0


def test_the_hold_is_the_ceiling() -> None:
    """Protects budgets: recovery bills no more than was reserved, as the meter would have done."""
    full_nano = PRICE.charge(used(10))
    held = hold("req_1", held_nano=full_nano - 1)
    made = recovered(OpenHold(held, used(10)), START_MS)
    assert (made.price_nano, made.shortfall_nano) == (full_nano - 1, 1)


def test_what_a_crashed_request_took_is_not_known() -> None:
    """Protects conservation: its time stays unallocated, and its cost is not told as nothing."""
    made = recovered(OpenHold(hold("req_1"), used(3)), START_MS)
    assert (made.cost.basis, made.cost.busy_ns, made.cost.direct_nano) == ("", 0, 0)


async def test_every_open_hold_is_settled_once() -> None:
    """Protects budgets from holds that stay for ever."""
    store = MemoryStore(post)
    for number in range(3):
        await store.ledger.reserve(hold(f"req_{number}"))
    store.ledger.checkpoint("req_1", used(5))
    records = await recover(store.ledger, FixedClock())
    assert [each.usage.output_tokens for each in records] == [0, 5, 0]
    assert store.ledger.holds() == []
    assert await recover(store.ledger, FixedClock()) == []
