"""The request path: what is billed, when, and what is refused."""

import asyncio

import pytest
from msgspec.structs import replace

from kilonova.core.errors import (
    BudgetExceeded,
    Conflict,
    ContextTooLong,
    EngineFailed,
    InvalidRequest,
    KilonovaError,
    NotFound,
    Overloaded,
    RateLimited,
    Unauthenticated,
)
from kilonova.core.events import TextDelta
from kilonova.core.identity import Limits
from kilonova.core.usage import Usage
from world import World, ask

# Echo costs 1 USD per million tokens of input and output: 1,000 nano-dollars a token.
TOKEN_NANO = 1_000


async def test_a_whole_answer_is_billed_by_its_tokens() -> None:
    """Protects the customer's bill: four words in, four words out, at the pinned price."""
    world = World()
    stream = await world.gateway.chat(world.caller(), ask("one two three four"))
    answer = await stream.collect()
    assert answer.choices[0].text == "one two three four"
    assert stream.record.usage == Usage(input_tokens=4, output_tokens=4)
    assert stream.record.price_nano == 8 * TOKEN_NANO
    assert stream.record.outcome == "completed"
    world.assert_settled()


@pytest.mark.parametrize("delivered", range(8))
async def test_a_client_that_vanishes_pays_for_what_was_generated(delivered: int) -> None:
    """Protects both sides at a disconnect after any event: one record, never too many tokens."""
    world = World()
    stream = await world.gateway.chat(world.caller(), ask("a b c d e f"))
    words = 0
    for _ in range(delivered):
        words += isinstance(await anext(stream), TextDelta)
    await stream.aclose()
    world.assert_settled()
    record = world.ledger.records[0]
    if delivered < 8 and record.outcome == "cancelled":
        assert words <= record.usage.output_tokens <= words + 1
        assert record.price_nano == (6 + record.usage.output_tokens) * TOKEN_NANO


async def test_a_break_in_the_stream_bills_what_was_delivered() -> None:
    """Protects the rule that an engine's failure costs nothing beyond what had arrived."""
    world = World()
    stream = await world.gateway.chat(world.caller(), ask("[[echo: fail_after=2]] a b c d"))
    with pytest.raises(EngineFailed):
        await stream.collect()
    world.assert_settled()
    assert world.ledger.records[0].outcome == "failed"
    assert world.ledger.records[0].usage.output_tokens == 2


async def test_an_engine_that_fails_first_bills_nothing() -> None:
    """Protects the caller: no answer, no price, and the error comes before any byte."""
    world = World()
    with pytest.raises(KilonovaError):
        await world.gateway.chat(world.caller(), ask("[[echo: fail_before]] a b c d"))
    world.assert_settled()
    assert world.ledger.records[0].price_nano == 0


async def test_nothing_is_delivered_before_the_permit_is_on_disk() -> None:
    """Protects the ledger: a crash can never have given away what it does not know of."""
    world = World()
    world.ledger.gate = asyncio.get_running_loop().create_future()
    waiting = asyncio.create_task(world.gateway.chat(world.caller(), ask("a b")))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    world.ledger.gate.set_result(None)
    stream = await waiting
    await stream.collect()
    world.assert_settled()


async def test_a_store_that_cannot_reserve_refuses_the_request() -> None:
    """Protects against unmetered service when the disk is full."""
    world = World()
    world.ledger.failure = Overloaded("The disk is full.")
    with pytest.raises(Overloaded):
        await world.gateway.chat(world.caller(), ask("a b"))
    assert world.admission.open_requests == frozenset()
    assert world.ledger.records == []


async def test_a_cancelled_caller_settles_while_the_engine_hangs() -> None:
    """Protects capacity: a client that leaves before the first event frees its permit."""
    world = World()
    waiting = asyncio.create_task(world.gateway.chat(world.caller(), ask("[[echo: hang]] a")))
    await asyncio.sleep(0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    world.assert_settled()
    assert world.ledger.records[0].price_nano == 0


async def test_a_thousand_requests_on_a_budget_for_a_hundred() -> None:
    """Protects the budget under concurrency (B-1): exactly 100 pass, nothing overshoots."""
    world = World()
    each_nano = 2 * TOKEN_NANO
    world.authority.project_limits = Limits(budget_nano=100 * each_nano)

    async def one() -> bool:
        try:
            stream = await world.gateway.chat(world.caller(), ask("a", max_output_tokens=1))
        except (BudgetExceeded, RateLimited):
            return False
        await stream.collect()
        return True

    passed = await asyncio.gather(*(one() for _ in range(1_000)))
    assert sum(passed) == 100
    assert sum(record.price_nano for record in world.ledger.records) == 100 * each_nano
    world.assert_settled()


async def test_spending_of_earlier_days_counts() -> None:
    """Protects budgets across restarts."""
    world = World()
    world.authority.key_limits = Limits(budget_nano=10 * TOKEN_NANO)
    world.ledger.spent["key_1"] = 9 * TOKEN_NANO
    with pytest.raises(BudgetExceeded) as refusal:
        await world.gateway.chat(world.caller(), ask("a", max_output_tokens=1))
    assert refusal.value.reason == "key_budget"


async def test_without_a_limit_the_budget_ends_the_answer() -> None:
    """Protects the ceiling: no max_tokens, so generation stops where the money does."""
    world = World()
    world.authority.organisation_limits = Limits(budget_nano=5 * TOKEN_NANO)
    stream = await world.gateway.chat(world.caller(), ask("a b"))
    answer = await stream.collect()
    assert answer.usage.output_tokens == 2
    world.authority.organisation_limits = Limits(budget_nano=7 * TOKEN_NANO)
    stream = await world.gateway.chat(world.caller(), ask("a b"))
    answer = await stream.collect()
    assert answer.choices[0].reason == "length"
    assert answer.usage.output_tokens == 1
    with pytest.raises(BudgetExceeded):
        await world.gateway.chat(world.caller(), ask("a b"))


async def test_unused_budget_comes_back() -> None:
    """Protects against false refusals: what the worst case held is free again."""
    world = World()
    world.authority.key_limits = Limits(budget_nano=140 * TOKEN_NANO)
    for _ in range(20):
        stream = await world.gateway.chat(world.caller(), ask("a", max_output_tokens=100))
        await stream.collect()
    assert sum(record.price_nano for record in world.ledger.records) == 40 * TOKEN_NANO


async def test_requests_per_minute_wait_and_refill() -> None:
    """Protects the rate limit, and that it says when to come back."""
    world = World()
    world.authority.key_limits = Limits(requests_per_minute=2)
    for _ in range(2):
        await (await world.gateway.chat(world.caller(), ask("a"))).collect()
    with pytest.raises(RateLimited) as refusal:
        await world.gateway.chat(world.caller(), ask("a"))
    wait_s = refusal.value.retry_after_s
    assert wait_s == pytest.approx(30.0)
    world.clock.now += wait_s
    await (await world.gateway.chat(world.caller(), ask("a"))).collect()


async def test_tokens_per_minute_give_back_what_was_not_used() -> None:
    """Protects throughput under a token limit: reservations are corrected by the real usage."""
    world = World()
    world.authority.key_limits = Limits(tokens_per_minute=100)
    for _ in range(10):
        await (await world.gateway.chat(world.caller(), ask("a", max_output_tokens=50))).collect()
    with pytest.raises(BudgetExceeded, match="tokens per minute"):
        await world.gateway.chat(world.caller(), ask("a", max_output_tokens=500))


async def test_the_prompt_must_fit_the_context() -> None:
    """Protects against a silent cut: both numbers are in the error."""
    world = World()
    with pytest.raises(ContextTooLong) as refusal:
        await world.gateway.chat(world.caller(), ask("a " * 9_000))
    assert refusal.value.input_tokens == 9_000
    assert "8192" in refusal.value.message
    assert world.ledger.holds == []


@pytest.mark.parametrize("tokens", [0, -1, 10**12])
async def test_absurd_limits_are_refused(tokens: int) -> None:
    """Protects the engine from numbers that no model can honour."""
    world = World()
    with pytest.raises(InvalidRequest) as refusal:
        await world.gateway.chat(world.caller(), ask("a", max_output_tokens=tokens))
    assert refusal.value.param == "max_tokens"


async def test_an_unknown_model_is_named() -> None:
    """Protects the developer who mistyped a model id."""
    world = World()
    with pytest.raises(NotFound, match="kilonova.echo-v1:0"):
        await world.gateway.chat(world.caller(), replace(ask("a"), model="gpt-9"))


async def test_a_wrong_key_gets_nothing() -> None:
    """Protects everything."""
    with pytest.raises(Unauthenticated):
        World().caller("bad")


async def test_a_retry_is_answered_again_and_billed_once() -> None:
    """Protects customers whose network lost the first answer (A-5)."""
    world = World()
    first = await world.gateway.chat(world.caller(idempotency_key="k", body=b"1"), ask("a b"))
    whole = await first.collect()
    again = await world.gateway.chat(world.caller(idempotency_key="k", body=b"1"), ask("a b"))
    assert await again.collect() == whole
    assert again.was_replayed
    assert len(world.ledger.records) == 1
    with pytest.raises(Conflict):
        await world.gateway.chat(world.caller(idempotency_key="k", body=b"2"), ask("a b"))


async def test_twins_in_flight_run_once() -> None:
    """Protects against a retry that overtakes its first attempt."""
    world = World()

    async def one() -> str:
        caller = world.caller(idempotency_key="k", body=b"1")
        stream = await world.gateway.chat(caller, ask("[[echo: delay_ms=1]] a b"))
        return (await stream.collect()).choices[0].text

    texts = await asyncio.gather(*(one() for _ in range(5)))
    assert len(set(texts)) == 1
    assert len(world.ledger.records) == 1


async def test_a_failed_attempt_runs_again() -> None:
    """Protects retries after an error: only complete answers are replayed."""
    world = World()
    for _ in range(2):
        with pytest.raises(KilonovaError):
            caller = world.caller(idempotency_key="k", body=b"1")
            await world.gateway.chat(caller, ask("[[echo: fail_before]] a"))
    assert len(world.ledger.records) == 2
    world.assert_settled()


async def test_checkpoints_never_run_ahead_of_delivery() -> None:
    """Protects the crash rule: what a checkpoint bills had left before the one before it."""
    world = World()
    stream = await world.gateway.chat(world.caller(), ask("a b c d e f g h"))
    delivered = 0
    async for event in stream:
        for _request, usage in world.ledger.checkpoints:
            assert usage.output_tokens < delivered
        delivered += isinstance(event, TextDelta)
        world.clock.now += 0.2
    assert len(world.ledger.checkpoints) >= 6


async def test_counting_is_free_and_equals_the_bill() -> None:
    """Protects CountTokens: the number is the one that a request is billed for."""
    world = World()
    request = ask("count me in please")
    counted = await world.gateway.count_tokens(world.caller(), request)
    stream = await world.gateway.chat(world.caller(), request)
    assert (await stream.collect()).usage.prompt_tokens == counted
    assert len(world.ledger.records) == 1


async def test_several_choices_bill_the_prompt_once() -> None:
    """Protects n > 1: one prompt, n answers."""
    world = World()
    stream = await world.gateway.chat(world.caller(), ask("a b", choices=3))
    answer = await stream.collect()
    assert len(answer.choices) == 3
    assert answer.usage == Usage(input_tokens=2, output_tokens=6)
