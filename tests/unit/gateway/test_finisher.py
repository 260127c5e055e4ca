"""Whole answers whose callers leave: read to their end, and settled by what they used."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from kilonova.core.chat import ChatRequest
from kilonova.core.errors import EngineFailed
from kilonova.core.events import ChatBegun, EngineEvent
from kilonova.engines.echo import Echo
from kilonova.gateway.finisher import Finisher
from world import World, ask


class _Vendor(Echo):
    """Answers in one piece once ``gate`` is open, as a vendor does: leaving does not stop it."""

    answers_whole = True

    def __init__(self) -> None:
        super().__init__("echo")
        self.gate = asyncio.Event()
        self.asked: list[bool] = []

    async def chat(self, request: ChatRequest) -> AsyncGenerator[EngineEvent, None]:
        self.asked.append(request.is_whole)
        yield ChatBegun(request.is_whole)
        await self.gate.wait()
        async for event in super().chat(request):
            if not isinstance(event, ChatBegun):
                yield event


async def _leave(world: World, text: str = "a b c", key: str | None = None) -> None:
    """Asks for a whole answer, and leaves while the engine is at work."""
    caller = world.caller(idempotency_key=key, body=text.encode())
    asking = asyncio.create_task(world.gateway.chat(caller, ask(text), is_whole=True))
    await asyncio.sleep(0.01)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


async def _settled(world: World, count: int = 1) -> None:
    async with asyncio.timeout(5):
        while len(world.ledger.records) < count:
            await asyncio.sleep(0)


async def test_a_caller_who_leaves_pays_for_what_the_vendor_makes() -> None:
    """Protects the operator: a vendor's bill for an answer that nobody waited for has a payer, and
    until the answer is there its reservation stands."""
    vendor = _Vendor()
    world = World(vendor)
    await _leave(world)
    assert len(world.admission.open_requests) == 1
    assert world.ledger.records == []
    vendor.gate.set()
    await _settled(world)
    stayed = await (await world.gateway.chat(world.caller(), ask("a b c"))).collect()
    left = world.ledger.records[0]
    assert (left.outcome, left.usage) == ("completed", stayed.usage)
    assert left.price_nano == world.ledger.records[1].price_nano > 0
    world.assert_settled()


async def test_an_engine_that_can_be_stopped_is() -> None:
    """Protects machines of one's own: who leaves a whole answer there frees them at once."""
    world = World()
    await _leave(world, "[[echo: hang]] a")
    world.assert_settled()
    assert isinstance(world.engine, Echo)
    assert world.engine.running == 0


async def test_a_stream_from_a_vendor_is_left_as_any_other() -> None:
    """Protects streams: only what nobody reads before its end is asked for in one piece."""
    vendor = _Vendor()
    world = World(vendor)
    asking = asyncio.create_task(world.gateway.chat(world.caller(), ask("a")))
    await asyncio.sleep(0.01)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    world.assert_settled()
    assert vendor.asked == [False]
    assert world.ledger.records[0].price_nano == 0


async def test_a_retry_gets_the_answer_that_its_first_attempt_left() -> None:
    """Protects callers whose patience is shorter than the answer: it is made and paid for once."""
    vendor = _Vendor()
    world = World(vendor)
    await _leave(world, key="same")
    caller = world.caller(idempotency_key="same", body=b"a b c")
    again = asyncio.create_task(world.gateway.chat(caller, ask("a b c"), is_whole=True))
    await asyncio.sleep(0.01)
    vendor.gate.set()
    answer = await (await again).collect()
    assert answer.choices[0].text == "a b c"
    assert vendor.asked == [True]
    assert len(world.ledger.records) == 1
    world.assert_settled()


async def test_what_breaks_after_its_caller_left_is_settled() -> None:
    """Protects the books: nothing was delivered, and nothing is charged."""
    vendor = _Vendor()
    world = World(vendor)
    await _leave(world, "[[echo: fail_before]] a")
    vendor.gate.set()
    await _settled(world)
    assert [(each.outcome, each.price_nano) for each in world.ledger.records] == [("failed", 0)]
    world.assert_settled()


async def test_refusals_and_errors_reach_a_caller_who_stays() -> None:
    """Protects callers: the engine's own error, not one of the task that read it."""
    vendor = _Vendor()
    vendor.gate.set()
    world = World(vendor)
    with pytest.raises(EngineFailed):
        await world.gateway.chat(world.caller(), ask("[[echo: fail_after=1]] a b"), is_whole=True)
    answer = await (await world.gateway.chat(world.caller(), ask("a b"), is_whole=True)).collect()
    assert answer.choices[0].text == "a b"
    assert [each.outcome for each in world.ledger.records] == ["failed", "completed"]
    # The vendor made a part of it, which nobody got.
    assert world.ledger.records[0].price_nano == 0
    # What comes in one piece has no first token that anyone saw earlier.
    assert world.ledger.records[1].first_token_ms is None
    world.assert_settled()


async def test_the_end_of_the_server_and_too_many_who_left_settle_at_once() -> None:
    """Protects the end of a server, and its memory, from vendors that never answer."""
    finisher = Finisher(left_max=2)
    world = World(_Vendor(), finisher=finisher)
    for _ in range(4):
        await _leave(world)
    await _settled(world, 2)
    await asyncio.sleep(0.01)
    assert finisher.left == 2
    await finisher.close()
    world.assert_settled()
    assert {(each.outcome, each.price_nano) for each in world.ledger.records} == {("cancelled", 0)}
    assert finisher.left == 0
