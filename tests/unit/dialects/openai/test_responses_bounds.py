"""A short request may refer to much: how much it reads, holds and keeps others waiting is bounded.

Each of these once took the memory or the time of the whole server, from one caller's key.
"""

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from kilonova.core.chat import ChatRequest
from kilonova.core.shelf import Drawer, Item
from kilonova.dialects.openai.responses import archive, truncation
from kilonova.stores.memory import MemoryShelf
from kilonova.web.message import Response, Stream
from unit.dialects.openai.response_world import ResponseWorld, ask

BYTES_MAX = 1 << 14
JUNK = {"type": "reasoning", "summary": [], "encrypted_content": "a" * 1_000}


@pytest.fixture
async def world() -> Any:
    """Every permit is settled once, and nothing is held any more, when a test ends."""
    one = ResponseWorld(body_bytes_max=BYTES_MAX)
    yield one
    one.world.assert_settled()


async def test_what_is_named_often_counts_often(world: ResponseWorld) -> None:
    """Protects the memory: 500 names of one megabyte were 500 megabytes, all of them kept."""
    response = await world.create([{"role": "user", "content": "x"}, JUNK])
    name = f"rs_{response['id'].removeprefix('resp_')}i0001"
    user = {"role": "user", "content": "x"}
    reference = {"type": "item_reference", "id": name}
    assert await world.create([user, *[reference] * 10])
    status, error = await world.refused([user, *[reference] * 20])
    assert (status, error["param"]) == (400, "input")


async def test_small_items_count_as_well(
    world: ResponseWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protects the event loop: a conversation holds no more items and parts than a body may."""
    monkeypatch.setattr(archive, "_PIECES_MAX", 20)
    part = {"type": "input_text", "text": "x"}
    first = await world.create([{"role": "user", "content": [part] * 7}])
    assert await world.create("x", previous_response_id=first["id"])
    second = await world.create(
        [{"role": "user", "content": [part] * 8}], previous_response_id=first["id"]
    )
    status, error = await world.refused("x", previous_response_id=second["id"])
    assert (status, error["param"]) == (400, "previous_response_id")


async def test_all_requests_together_hold_so_much(monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects the memory: small requests for large conversations wait, and not for ever."""
    monkeypatch.setattr(archive, "_READINGS_MAX", 2)
    world = ResponseWorld(body_bytes_max=BYTES_MAX)
    first = await world.create([{"role": "user", "content": "x" * (BYTES_MAX // 3)}])
    more = {"previous_response_id": first["id"]}

    async def assert_full() -> None:
        answer, body = await world.whole("POST", "/v1/responses", ask("x", **more))
        assert (answer.status, body["error"]["code"]) == (503, "server_is_overloaded")
        assert b"retry-after" in dict(answer.headers)

    begun = await world.open("x", **more)
    async for _ in begun.chunks:
        break
    await assert_full()
    await begun.chunks.aclose()
    unread = await world.open("x", **more)
    await assert_full()
    # What the edge closes where the client left before the first byte.
    assert unread.source is not None
    await unread.source.aclose()
    for _ in range(3):
        assert await world.create("x", **more)
        assert await world.stream("x", **more)
        assert await world.refused("x", tool_choice="required", **more)
    world.world.assert_settled()


async def test_others_get_their_turn_while_a_long_conversation_is_read() -> None:
    """Protects all other callers from a conversation of many responses."""
    world = ResponseWorld()
    drawer = Drawer("org_1", "proj_1", "response")
    shelf, name = world.shelf, (await world.create("x"))["id"]
    item = await shelf.get(drawer, name)
    assert item is not None
    for number in range(60):
        link = f"resp_{number:026d}"
        content = item.content.replace(
            b'"previous_response_id":null', b'"previous_response_id":"%b"' % name.encode()
        )
        await shelf.put(drawer, replace(item, id=link, content=content))
        name = link
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    waiting = asyncio.create_task(others())
    await asyncio.sleep(0)
    before = turns
    answer, _ = await world.whole("GET", f"/v1/responses/{name}/input_items")
    assert answer.status == 200
    waiting.cancel()
    assert turns - before >= 3


async def test_a_cut_is_found_by_halving(
    world: ResponseWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protects the memory: all shorter forms of a long conversation at once were its square."""
    made = 0

    def counted(asked: ChatRequest, **fields: Any) -> ChatRequest:
        nonlocal made
        made += 1
        return replace(asked, **fields)

    monkeypatch.setattr(truncation, "replace", counted)
    long = [{"role": "user", "content": "w " * 90} for _ in range(100)]
    response = await world.create(long, truncation="auto")
    assert response["status"] == "completed"
    assert made <= 8


class Slow(MemoryShelf):
    """Lets a test come in between."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = asyncio.Event()
        self.gate = asyncio.Event()

    async def put(self, drawer: Drawer, item: Item) -> None:
        self.reached.set()
        await self.gate.wait()
        await super().put(drawer, item)


@pytest.mark.parametrize("is_streamed", [False, True])
async def test_a_caller_who_leaves_while_it_is_stored(is_streamed: bool) -> None:
    """Protects retries in the last moment: billed once, and stored by the retry."""
    shelf = Slow()
    world = ResponseWorld(shelf)
    body = b'{"model":"kilonova.echo-v1:0","input":"one","stream":%b}' % (
        b"true" if is_streamed else b"false"
    )

    async def send() -> str:
        answer = await world.send("POST", "/v1/responses", body, idempotency_key="k")
        if isinstance(answer, Stream):
            return b"".join([chunk async for chunk in answer.chunks]).decode()
        assert isinstance(answer, Response)
        return answer.body.decode()

    leaving = asyncio.create_task(send())
    await shelf.reached.wait()
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    shelf.gate.set()
    text = await send()
    [record] = world.world.ledger.records
    assert record.outcome == "completed"
    [item] = shelf.page(Drawer("org_1", "proj_1", "response"), after=None, limit=5).items
    assert item.id in text
    assert item.id == f"resp_{record.request_id.removeprefix('req_')}"
    world.world.assert_settled()
