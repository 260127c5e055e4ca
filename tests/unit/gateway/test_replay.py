"""Retries by their idempotency key: one attempt runs, one is billed, and none is mixed up."""

import asyncio

import pytest

from kilonova.core.embedding import EmbeddingRequest
from kilonova.core.errors import Conflict, EngineFailed, InvalidRequest
from kilonova.core.events import (
    ChatAnswer,
    ChatEvent,
    ChatStarted,
    ChoiceFinished,
    TextDelta,
    TokenLogprob,
)
from kilonova.core.usage import UsageRecord
from kilonova.gateway.replay import Replays
from ledger_samples import hold, record, used
from world import ECHO, FakeClock, World, ask

KEY = ("key_1", "retry")


def answer(text: str, logprobs: tuple[TokenLogprob, ...] = ()) -> list[ChatEvent]:
    return [ChatStarted(1), TextDelta(text, 1, 0, logprobs), ChoiceFinished("stop", 1)]


def settled(request_id: str) -> UsageRecord:
    return record(hold(request_id), used(1))


async def collect(world: World) -> ChatAnswer:
    caller = world.caller(idempotency_key="k", body=b"1")
    return await (await world.gateway.chat(caller, ask("a b"))).collect()


async def test_a_client_gone_during_its_settlement_leaves_its_key_usable() -> None:
    """Protects the retry of a caller who left at the last moment: it is answered, not held up."""
    world = World()
    world.ledger.stalls = True
    first = asyncio.create_task(collect(world))
    while not world.ledger.records:
        await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    async with asyncio.timeout(5):
        again = await collect(world)
    assert again.choices[0].text == "a b"
    assert len(world.ledger.records) == 1
    world.assert_settled()


async def test_one_running_attempt_does_not_stop_eviction() -> None:
    """Protects memory from a single slow request."""
    replays = Replays(FakeClock(), answers_max=4)
    assert await replays.find(KEY, b"slow") is None
    for number in range(50):
        key = ("key_1", str(number))
        assert await replays.find(key, b"") is None
        replays.finish(key, answer("x"), settled(str(number)))
    assert len(replays._attempts) <= 5
    assert KEY in replays._attempts


async def test_a_running_attempt_keeps_its_key_however_long_it_takes() -> None:
    """Protects against another request's answer: a key has one attempt at a time."""
    clock = FakeClock()
    replays = Replays(clock, kept_s=60)
    assert await replays.find(KEY, b"first") is None
    clock.now += 61
    with pytest.raises(Conflict):
        await replays.find(KEY, b"second")
    replays.finish(KEY, answer("to the first"), settled("req_1"))
    assert await replays.find(KEY, b"second") is None


async def test_a_kept_answer_counts_its_alternatives() -> None:
    """Protects memory: the bound on one answer holds for its log probabilities, too."""
    replays = Replays(FakeClock(), answer_bytes_max=16_384)
    other = TokenLogprob("word", -1.0, b"word")
    token = TokenLogprob("word", -1.0, b"word", (other,) * 20)
    assert await replays.find(KEY, b"") is None
    replays.finish(KEY, answer("word" * 60, (token,) * 60), settled("req_1"))
    assert await replays.find(KEY, b"") is None


async def test_long_answers_are_kept_and_bounded_together() -> None:
    """Protects the caller of a long whole answer, who left and asks again, from paying twice, and
    memory: the oldest answers make room."""
    replays = Replays(FakeClock(), bytes_max=250_000)
    names = ("a", "b", "c")
    for name in names:
        assert await replays.find((name, ""), b"") is None
        replays.finish((name, ""), answer("x" * 100_000), settled(name))
    kept = [await replays.find((name, ""), b"") for name in names[1:]]
    assert [each.record.request_id for each in kept if each and each.record] == ["b", "c"]
    assert await replays.find(("a", ""), b"") is None


async def test_a_retried_embedding_is_billed_once() -> None:
    """Protects customers whose network lost the first vectors."""
    world = World()
    request = EmbeddingRequest(model=ECHO, texts=("hi",))
    vectors = [
        await world.gateway.embed(world.caller(idempotency_key="k", body=b"1"), request)
        for _ in range(2)
    ]
    assert vectors[0] == vectors[1]
    assert len(world.ledger.records) == 1
    with pytest.raises(Conflict):
        await world.gateway.embed(world.caller(idempotency_key="k", body=b"2"), request)


async def test_a_failed_embedding_runs_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects retries after an error: only vectors that were made are given again."""
    world = World()
    request = EmbeddingRequest(model=ECHO, texts=("hi",))

    async def fail(engine: object, request: EmbeddingRequest) -> None:
        raise EngineFailed("broken")

    with monkeypatch.context() as broken:
        broken.setattr(type(world.engine), "embed", fail)
        with pytest.raises(EngineFailed):
            await world.gateway.embed(world.caller(idempotency_key="k", body=b"1"), request)
    await world.gateway.embed(world.caller(idempotency_key="k", body=b"1"), request)
    assert [each.outcome for each in world.ledger.records] == ["failed", "completed"]
    world.assert_settled()


async def test_an_idempotency_key_has_a_length() -> None:
    """Protects memory: kept answers are found by keys that the callers make up."""
    world = World()
    with pytest.raises(InvalidRequest) as refusal:
        await world.gateway.chat(world.caller(idempotency_key="k" * 256, body=b"1"), ask("a"))
    assert refusal.value.param == "Idempotency-Key"
    assert world.ledger.holds == []
