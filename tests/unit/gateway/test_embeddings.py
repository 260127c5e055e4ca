"""Vectors on the request path: counted before admission, one permit, one record, no output."""

import asyncio

import pytest
from msgspec.structs import replace

from kilonova.catalog.catalog import Catalog
from kilonova.core.embedding import EmbeddingAnswer, EmbeddingRequest
from kilonova.core.errors import (
    BudgetExceeded,
    ContextTooLong,
    EngineFailed,
    InvalidRequest,
    ModelNotReady,
    Overloaded,
    RequestTooLarge,
)
from kilonova.core.identity import Limits
from kilonova.core.usage import Usage, UsageRecord
from kilonova.engines.echo import Echo
from kilonova.gateway.abilities import EmbeddingLimits
from kilonova.gateway.replay import Replays
from world import ECHO, FakeClock, World, ask

VECTORS = "test.vectors"


@pytest.fixture
def world() -> World:
    """With a model that makes vectors and does nothing else, of at most eight words a text."""
    made = World(Echo("echo", Echo.Options(context_tokens=8)))
    echo = made.gateway.model(ECHO)
    vectors = replace(echo, id=VECTORS, aliases=(), abilities=("embeddings",))
    made.gateway._catalog = Catalog([*made.gateway.models(), vectors])
    made.gateway._embedding_limits = EmbeddingLimits(texts_max=3, chars_max=40)
    return made


def request(*texts: str) -> EmbeddingRequest:
    return EmbeddingRequest(model=VECTORS, texts=texts)


async def test_the_permit_is_for_what_was_counted(world: World) -> None:
    """Protects budgets: exactly the input is held, and exactly it is billed, by the price list."""
    answer = await world.gateway.embed(world.caller(), request("one two", "three"))
    (hold,), (record,) = world.ledger.holds, world.ledger.records
    assert (hold.input_tokens, answer.input_tokens) == (3, 3)
    assert record.usage == Usage(input_tokens=3)
    assert record.outcome == "completed"
    assert record.price_nano == hold.held_nano == 3_000
    world.assert_settled()


@pytest.mark.parametrize(
    ("texts", "kind", "words"),
    [
        ((), InvalidRequest, "0 texts to embed; send 1 to 3"),
        (("a",) * 4, InvalidRequest, "4 texts to embed"),
        (("a", ""), InvalidRequest, "empty"),
        (("a" * 41,), RequestTooLarge, "41 characters together, more than the limit of 40"),
        (("a", "w " * 9), ContextTooLong, "text 1 .* has 9 tokens .* holds 8"),
    ],
)
async def test_what_cannot_be_embedded_costs_nothing(
    world: World, texts: tuple[str, ...], kind: type[Exception], words: str
) -> None:
    """Protects callers and the engine: refused by name before anything is reserved."""
    with pytest.raises(kind, match=words) as caught:
        await world.gateway.embed(world.caller(), request(*texts))
    assert getattr(caught.value, "param", None) == "input"
    assert world.ledger.holds == []


async def test_a_model_is_asked_for_what_it_can(world: World) -> None:
    """Protects callers who mix up models: the refusal says what the model can do instead."""
    with pytest.raises(InvalidRequest, match="does not support chat. It supports: embeddings"):
        await world.gateway.chat(world.caller(), replace(ask("hi"), model=VECTORS))
    spark = EmbeddingRequest(model="spark", texts=("hi",))
    with pytest.raises(InvalidRequest, match="does not support embeddings. It supports: chat"):
        await world.gateway.embed(world.caller(), spark)
    with pytest.raises(ModelNotReady):
        await world.gateway.embed(
            world.caller(), EmbeddingRequest(model="kilonova.embed-v1:0", texts=("hi",))
        )
    assert world.ledger.holds == []


async def test_a_budget_that_is_too_small_refuses_before_the_engine(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protects the provider: nothing is computed that nobody pays for."""

    async def never(engine: Echo, asked: EmbeddingRequest) -> EmbeddingAnswer:
        raise AssertionError("the engine was asked")

    monkeypatch.setattr(Echo, "embed", never)
    world.authority.key_limits = Limits(budget_nano=2_999)
    with pytest.raises(BudgetExceeded):
        await world.gateway.embed(world.caller(), request("one two three"))
    assert world.ledger.holds == []


async def test_an_engine_that_breaks_is_settled_without_a_charge(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protects the books when an engine fails."""

    async def fail(engine: Echo, asked: EmbeddingRequest) -> EmbeddingAnswer:
        raise EngineFailed("broken")

    monkeypatch.setattr(Echo, "embed", fail)
    with pytest.raises(EngineFailed):
        await world.gateway.embed(world.caller(), request("one"))
    (record,) = world.ledger.records
    assert (record.outcome, record.price_nano) == ("failed", 0)
    world.assert_settled()


async def test_a_caller_who_leaves_is_settled_without_a_charge(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protects capacity and the books: no permit stays open behind a client that is gone."""

    async def hang(engine: Echo, asked: EmbeddingRequest) -> EmbeddingAnswer:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(Echo, "embed", hang)
    task = asyncio.create_task(world.gateway.embed(world.caller(), request("one")))
    while not world.ledger.holds:
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (record,) = world.ledger.records
    assert (record.outcome, record.price_nano) == ("cancelled", 0)
    world.assert_settled()


async def test_no_vector_leaves_before_its_permit_is_on_disk(world: World) -> None:
    """Protects the promise of the ledger: a store that cannot take it gives nothing away."""
    world.ledger.failure = Overloaded("disk full")
    with pytest.raises(Overloaded):
        await world.gateway.embed(world.caller(), request("one"))
    assert world.ledger.records == []
    assert world.admission.open_requests == frozenset()


def _vectors(count: int) -> EmbeddingAnswer:
    return EmbeddingAnswer(vectors=((0.5,) * 10,) * count, input_tokens=count)


def _record(tokens: int) -> UsageRecord:
    return UsageRecord(
        request_id="req_1", organisation_id="o", project_id="p", key_id="k", model_id="m",
        dialect="d", outcome="completed", usage=Usage(input_tokens=tokens), price_nano=0,
        currency="USD", price_version="v", started_ms=0, finished_ms=0,
    )  # fmt: skip


async def test_kept_vectors_are_bounded_together() -> None:
    """Protects memory: the oldest make room, larger ones than all the room are not kept."""
    replays = Replays(FakeClock(), bytes_max=400)
    for name, count in (("a", 2), ("b", 2), ("c", 2), ("d", 6)):
        assert await replays.find((name, ""), b"") is None
        replays.finish_embedding((name, ""), _vectors(count), _record(count))
    kept = [await replays.find((name, ""), b"") for name in ("b", "c")]
    assert [one.embedding for one in kept if one] == [_vectors(2), _vectors(2)]
    for gone in ("a", "d"):
        assert await replays.find((gone, ""), b"") is None
