"""Slots: no scope meets another's text, waiting is bounded, nothing is lost by cancelling."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from engines.subjects import ask
from kilonova.core.chat import ChatRequest, Message, TextPart
from kilonova.core.errors import EngineFailed, Overloaded
from kilonova.engines.llamacpp.slots import SlotPool


class _Erasures:
    def __init__(self) -> None:
        self.slots: list[int] = []
        self.fails = False
        self.is_idle = True

    async def __call__(self, slot: int) -> None:
        if self.fails:
            raise EngineFailed("gone")
        self.slots.append(slot)

    async def idle(self, slot: int) -> bool:
        return self.is_idle


def _pool(
    count: int = 2, *, queue_max: int = 2, wait_s_max: float = 5.0
) -> tuple[SlotPool, _Erasures]:
    erasures = _Erasures()
    return SlotPool(
        count, erasures, erasures.idle, queue_max=queue_max, wait_s_max=wait_s_max
    ), erasures


async def _use(pool: SlotPool, request: ChatRequest) -> int:
    async with pool.lease(request) as lease:
        lease.is_over = True
        return lease.index


def _talk(*texts: str, scope: str = "a") -> ChatRequest:
    messages = tuple(Message("user", (TextPart(text),)) for text in texts)
    return ChatRequest(model="m", messages=messages, cache_scope=scope)


async def test_a_conversation_comes_back_to_its_slot_without_erasure() -> None:
    pool, erasures = _pool(3)
    slots = [await _use(pool, _talk("one")), await _use(pool, _talk("two"))]
    assert len(set(slots)) == 2
    assert await _use(pool, _talk("one", "answer", "more")) == slots[0]
    assert await _use(pool, _talk("two", "answer", "more")) == slots[1]
    assert erasures.slots == []


async def test_the_longest_common_beginning_wins() -> None:
    pool, _ = _pool(2)
    async with pool.lease(_talk("s", "a", "b")) as long, pool.lease(_talk("s", "x")) as short:
        long.is_over = short.is_over = True
    assert await _use(pool, _talk("s", "a", "b", "c")) == long.index
    assert await _use(pool, _talk("s", "x", "c")) == short.index


async def test_another_scope_gets_a_slot_only_after_it_was_erased() -> None:
    pool, erasures = _pool(2)
    for scope in ("a", "b"):
        await _use(pool, _talk("same words", scope=scope))
    assert erasures.slots == []
    first = await _use(pool, _talk("same words", scope="c"))
    assert erasures.slots == [first]
    await _use(pool, _talk("same words", scope="c"))
    assert erasures.slots == [first]


async def test_requests_without_a_scope_share_with_nobody() -> None:
    pool, erasures = _pool(1)
    for _ in range(3):
        await _use(pool, _talk("x", scope=""))
    assert erasures.slots == [0, 0]


async def test_a_slot_that_could_not_be_erased_is_erased_the_next_time() -> None:
    pool, erasures = _pool(1)
    await _use(pool, _talk("x", scope="a"))
    erasures.fails = True
    with pytest.raises(EngineFailed):
        await _use(pool, _talk("x", scope="b"))
    await pool.idle.wait()
    erasures.fails = False
    await _use(pool, _talk("x", scope="b"))
    assert erasures.slots == [0]


async def test_who_waits_is_served_in_order() -> None:
    pool, _ = _pool(1)
    served: list[str] = []

    async def use(name: str) -> None:
        async with pool.lease(ask(name)) as lease:
            lease.is_over = True
            served.append(name)
            await asyncio.sleep(0)

    async with pool.lease(ask("first")) as lease:
        lease.is_over = True
        tasks = [asyncio.create_task(use(name)) for name in ("second", "third")]
        await asyncio.sleep(0)
        assert pool.waiting == 2
        with pytest.raises(Overloaded):
            await _use(pool, ask("too many"))
    await asyncio.gather(*tasks)
    assert served == ["second", "third"]
    assert (pool.busy, pool.waiting) == (0, 0)


async def test_waiting_too_long_is_overload() -> None:
    pool, _ = _pool(1, wait_s_max=0.01)
    async with pool.lease(ask("x")) as lease:
        lease.is_over = True
        with pytest.raises(Overloaded) as caught:
            await _use(pool, ask("y"))
    assert caught.value.retry_after_s
    assert (pool.busy, pool.waiting) == (0, 0)


async def test_a_cancelled_waiter_leaves_the_queue() -> None:
    pool, _ = _pool(1)
    async with pool.lease(ask("x")):
        waiting = asyncio.create_task(_use(pool, ask("y")))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert pool.waiting == 0
    assert await _use(pool, ask("z")) == 0


async def test_a_slot_given_to_a_waiter_that_is_cancelled_is_not_lost() -> None:
    pool, _ = _pool(1)
    async with AsyncExitStack() as stack:
        lease = await stack.enter_async_context(pool.lease(ask("x")))
        lease.is_over = True
        waiting = asyncio.create_task(_use(pool, ask("y")))
        await asyncio.sleep(0)
        await stack.aclose()  # the slot is handed over now
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    assert pool.busy == 0
    assert pool.idle.is_set()
    assert await _use(pool, ask("z")) == 0


async def test_closing_refuses_who_waits_and_who_comes() -> None:
    pool, _ = _pool(1)
    async with pool.lease(ask("x")):
        waiting = asyncio.create_task(_use(pool, ask("y")))
        await asyncio.sleep(0)
        pool.close(EngineFailed("gone"))
        with pytest.raises(EngineFailed):
            await waiting
        with pytest.raises(EngineFailed):
            await _use(pool, ask("z"))
    assert pool.idle.is_set()


async def test_a_slot_that_was_left_is_lent_again_only_when_it_is_idle() -> None:
    pool, child = _pool(1)
    child.is_idle = False
    async with pool.lease(ask("x")):
        pass
    waiting = asyncio.create_task(_use(pool, ask("y")))
    await asyncio.sleep(0.02)
    assert pool.busy == 1
    assert not waiting.done()
    child.is_idle = True
    assert await waiting == 0
    assert pool.busy == 0


async def test_closing_ends_the_waiting_for_idle_slots() -> None:
    pool, child = _pool(1)
    child.is_idle = False
    async with pool.lease(ask("x")):
        pass
    pool.close(EngineFailed("gone"))
    await asyncio.wait_for(pool.idle.wait(), 1)
