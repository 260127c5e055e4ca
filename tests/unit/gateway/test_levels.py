"""Limits that change while requests wait, and buckets that remember what was used of them."""

import pytest

from kilonova.core.embedding import EmbeddingRequest
from kilonova.core.errors import BudgetExceeded, RateLimited
from kilonova.core.identity import Level, Limits, Rate
from kilonova.gateway.levels import Claim, Levels
from world import ECHO, ListLedger, World, ask


def reserve(levels: Levels, limits: Limits, *, tokens: int = 1, now_s: float = 0.0) -> None:
    levels.reserve(Claim((Level("key_1", limits),), tokens, 0, 0), now_s=now_s)


async def test_limits_of_a_waiting_request_do_not_come_back() -> None:
    """Protects a tightened limit from requests that were authorised under the old one."""
    world = World()
    world.authority.key_limits = Limits(requests_per_minute=2)
    waiting = [world.caller() for _ in range(6)]
    world.authority.key_limits = Limits(requests_per_minute=1)
    passed = 0
    for old in waiting:
        for caller in (world.caller(), old):
            try:
                await (await world.gateway.chat(caller, ask("a"))).collect()
            except RateLimited:
                continue
            passed += 1
    assert passed == 1


async def test_the_budget_in_force_holds_for_a_chat_that_waited() -> None:
    """Protects an operator who stops the spending."""
    world = World()
    world.authority.key_limits = Limits(budget_nano=10**12)
    waiting = world.caller()
    world.authority.key_limits = Limits(budget_nano=0)
    with pytest.raises(BudgetExceeded):
        await world.gateway.chat(waiting, ask("a"))
    assert world.ledger.holds == []


async def test_the_budget_in_force_holds_for_an_embedding_that_waited() -> None:
    """Protects an operator who stops the spending: a twin may have waited for its first attempt."""
    world = World()
    world.authority.key_limits = Limits(budget_nano=10**12)
    waiting = world.caller(idempotency_key="k", body=b"1")
    world.authority.key_limits = Limits(budget_nano=0)
    with pytest.raises(BudgetExceeded):
        await world.gateway.embed(waiting, EmbeddingRequest(model=ECHO, texts=("hi",)))
    assert world.ledger.holds == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (Limits(requests_per_minute=2), Limits(requests_per_minute=1)),
        (Limits(requests_per_minute=2), Limits(requests_per_minute=2, budget_nano=10**9)),
        (Limits(tokens_per_minute=2), Limits(tokens_per_minute=1)),
    ],
    ids=["fewer requests", "a budget", "fewer tokens"],
)
def test_what_was_used_of_a_bucket_stays_used(old: Limits, new: Limits) -> None:
    """Protects rates: to change a limit, or to change it and back, refills nothing."""
    levels = Levels(ListLedger())
    for _ in range(2):
        reserve(levels, old)
    for limits in (new, old, new):
        with pytest.raises(RateLimited):
            reserve(levels, limits)


def test_a_raised_limit_gives_what_it_adds() -> None:
    """Protects callers whose operator helps them: they do not wait for the minute to end."""
    levels = Levels(ListLedger())
    reserve(levels, Limits(requests_per_minute=1))
    more = Limits(requests_per_minute=3)
    for _ in range(2):
        reserve(levels, more)
    with pytest.raises(RateLimited) as refusal:
        reserve(levels, more)
    assert refusal.value.retry_after_s == pytest.approx(20.0)
    reserve(levels, more, now_s=20.0)


def test_the_tightest_level_is_told() -> None:
    """Protects callers who slow down in time: what is left counts where it is least."""
    levels = Levels(ListLedger())
    owners = (
        Level("key_1", Limits(requests_per_minute=60)),
        Level("proj_1", Limits(requests_per_minute=10, tokens_per_minute=600)),
        Level("org_1", Limits()),
    )
    levels.reserve(Claim(owners, 90, 0, 0), now_s=0.0)
    requests, tokens = levels.rates(owners, at_ms=0, now_s=0.0)
    assert requests == Rate(10, 9, 6.0)
    assert tokens == Rate(600, 510, 9.0)
    requests, tokens = levels.rates(owners, at_ms=0, now_s=4.5)
    assert (requests, tokens) == (Rate(10, 9, 1.5), Rate(600, 555, 4.5))
    assert levels.rates(owners[2:], at_ms=0, now_s=4.5) == (None, None)


async def test_a_refused_request_knows_what_is_left() -> None:
    """Protects callers at their limit: the refusal says so in numbers, too."""
    world = World()
    world.authority.key_limits = Limits(requests_per_minute=1)
    await (await world.gateway.chat(world.caller(), ask("a"))).collect()
    refused = world.caller()
    with pytest.raises(RateLimited):
        await world.gateway.chat(refused, ask("a"))
    assert refused.call.trace.requests_rate == Rate(1, 0, 60.0)
    assert refused.call.trace.tokens_rate is None


async def test_money_that_is_only_held_is_worth_waiting_for() -> None:
    """Protects callers beside a long request: what it holds may come back, so they may retry."""
    world = World()
    world.authority.key_limits = Limits(budget_nano=100_000)
    first = await world.gateway.chat(world.caller(), ask("a b"))
    with pytest.raises(RateLimited, match=r"hold 0\.000100000 .* 0\.000000000 is free") as refusal:
        await world.gateway.chat(world.caller(), ask("a b"))
    assert refusal.value.retry_after_s == pytest.approx(2.0)
    assert refusal.value.reason == "key_budget"
    await first.collect()
    await (await world.gateway.chat(world.caller(), ask("a b"))).collect()
    with pytest.raises(BudgetExceeded, match=r"0\.000092000 is left"):
        await world.gateway.chat(world.caller(), ask("a b", max_output_tokens=98))
    world.assert_settled()


def test_spent_money_of_any_level_is_told_before_held_money() -> None:
    """Protects callers from waiting in vain: one level's holds end, another's budget does not."""
    ledger = ListLedger()
    ledger.spent["org_1"] = 9
    levels = Levels(ledger)
    free = (Level("key_1", Limits(budget_nano=10)),)
    levels.reserve(Claim(free, 1, 8, 0), now_s=0.0)
    with pytest.raises(BudgetExceeded, match="organisation"):
        both = (*free, Level("org_1", Limits(budget_nano=10)))
        levels.reserve(Claim(both, 1, 5, 0), now_s=0.0)


def test_held_tokens_are_told_and_shorten_the_wait() -> None:
    """Protects callers from waiting for a minute when a running request gives its tokens back."""
    levels = Levels(ListLedger())
    owners = (Level("key_1", Limits(tokens_per_minute=60)),)
    claim = Claim(owners, 60, 0, 0)
    levels.reserve(claim, now_s=0.0)
    with pytest.raises(RateLimited, match="running requests hold 60") as refusal:
        levels.reserve(claim, now_s=0.0)
    assert refusal.value.retry_after_s == pytest.approx(2.0)
    levels.settle(claim, price_nano=0, used_tokens=60, at_ms=0)
    with pytest.raises(RateLimited) as refusal:
        levels.reserve(claim, now_s=0.0)
    assert refusal.value.retry_after_s == pytest.approx(60.0)


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        (Limits(budget_nano=10_000), "budget"),
        (Limits(tokens_per_minute=10), "tokens_per_minute"),
        (Limits(budget_nano=10**12, tokens_per_minute=10**6), ""),
    ],
)
async def test_what_cuts_an_answer_is_told(limits: Limits, told: str) -> None:
    """Protects callers without max_tokens: they learn why their answer may end early."""
    world = World()
    world.authority.key_limits = limits
    caller = world.caller()
    await (await world.gateway.chat(caller, ask("a b"))).collect()
    assert caller.call.trace.limited_by == told
