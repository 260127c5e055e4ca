"""A request that ends at any turn of the event loop: everything is settled, once."""

import asyncio
import itertools
import json
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from asgi_client import Client
from kilonova.billing.posting import post
from kilonova.billing.verify import verify
from kilonova.core.ports import Hold, Ledger
from kilonova.core.usage import UsageRecord
from kilonova.dialects.openai import OpenAISurface
from kilonova.engines.echo import Echo
from kilonova.stores.memory import MemoryLedger
from kilonova.stores.sql.store import SqlStore
from kilonova.telemetry.metrics import Metrics
from kilonova.web.edge import Edge, EdgeLimits
from world import ECHO, World

CHAT = "/v1/chat/completions"
TEXTS = {
    "answer": "a b",
    "slow": "[[echo: tokens=2, delay_ms=0.1]] w",
    "broken": "[[echo: fail_after=2]] a b c",
}
DISK_TURNS = 4


def _leave_and_cut(edge: Edge, client: Client) -> None:
    client.leave()
    edge.cut()


ENDS: dict[str, Callable[[Edge, Client], None]] = {
    "leaves": lambda _edge, client: client.leave(),
    "is cut": lambda edge, _client: edge.cut(),
    "both": _leave_and_cut,
}

texts = pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
streams = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
keys = pytest.mark.parametrize("is_keyed", [True, False], ids=["keyed", "plain"])
ends = pytest.mark.parametrize("end", ENDS.values(), ids=ENDS.keys())


class LateLedger(MemoryLedger):
    """What it promises is kept a few turns of the loop later, as on a disk."""

    def reserve(self, hold: Hold) -> "asyncio.Future[None]":
        super().reserve(hold)
        return _later()

    def settle(self, record: UsageRecord) -> "asyncio.Future[None]":
        super().settle(record)
        return _later()


def _later() -> "asyncio.Future[None]":
    loop = asyncio.get_running_loop()
    future: asyncio.Future[None] = loop.create_future()

    def tick(left: int) -> None:
        if left:
            loop.call_soon(tick, left - 1)
        elif not future.done():
            future.set_result(None)

    tick(DISK_TURNS)
    return future


class Departures:
    """One request after another, each ended a little later than the one before it."""

    def __init__(self, ledger: Ledger, *, text: str, stream: bool, is_keyed: bool) -> None:
        self.world = World(kept_by=ledger)
        surface = OpenAISurface(self.world.gateway, shelf=self.world.shelf)
        self.edge = Edge([surface], metrics=Metrics("test"), limits=EdgeLimits(look_s=0.0))
        self.is_keyed = is_keyed
        messages = [{"role": "user", "content": text}]
        self.body = json.dumps({"model": ECHO, "messages": messages, "stream": stream}).encode()

    async def walk(self, turns: Iterable[int], end: Callable[[Edge, Client], None]) -> int:
        """Goes on until a request was over before its turn; how many were ended before."""
        for count, turn in enumerate(turns):
            if await self._is_over(turn, end):
                return count
        raise AssertionError("no request came to its own end")

    async def _is_over(self, turn: int, end: Callable[[Edge, Client], None]) -> bool:
        key = ((b"idempotency-key", b"%d" % turn),) if self.is_keyed else ()
        headers = ((b"authorization", b"Bearer good"), *key)
        client = Client(self.edge, CHAT, body=self.body, headers=headers)
        running = asyncio.create_task(client.run())
        for _ in range(turn):
            await asyncio.sleep(0)
            # Checkpoints are written all the time.
            self.world.clock.now += 0.1
        is_over = running.done()
        end(self.edge, client)
        async with asyncio.timeout(10):
            await asyncio.wait([running])
        assert running.cancelled() or running.exception() is None
        return is_over

    def assert_nothing_is_left(self) -> None:
        assert self.world.admission.open_requests == frozenset()
        assert isinstance(self.world.engine, Echo)
        assert self.world.engine.running == 0
        attempts = self.world.replays._attempts.values()
        assert [attempt for attempt in attempts if not attempt.ended.is_set()] == []


@texts
@streams
@keys
@ends
async def test_every_turn_in_memory(
    text: str, stream: bool, is_keyed: bool, end: Callable[[Edge, Client], None]
) -> None:
    """Protects both sides of every bill: no turn of the loop loses or repeats a settlement."""
    ledger = LateLedger(post)
    departures = Departures(ledger, text=text, stream=stream, is_keyed=is_keyed)
    ended = await departures.walk(itertools.count(), end)
    assert ended > DISK_TURNS
    departures.assert_nothing_is_left()
    assert verify(ledger) == []


@streams
@keys
@ends
async def test_many_turns_on_disk(
    tmp_path: Path, stream: bool, is_keyed: bool, end: Callable[[Edge, Client], None]
) -> None:
    """Protects the same where permit and settlement take their time to become durable."""
    path = tmp_path / "kilonova.db"
    store = SqlStore.open(path, post)
    departures = Departures(store.ledger, text=TEXTS["answer"], stream=stream, is_keyed=is_keyed)
    # The first turns one by one, later ones at growing distances.
    ended = await departures.walk((round(1.1**step) + step for step in itertools.count()), end)
    await store.close()
    assert ended > 5
    departures.assert_nothing_is_left()
    assert verify(SqlStore.reading(path)) == []
