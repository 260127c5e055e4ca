"""The meter and what requests take: every permit has one beginning at most, and exactly one end."""

import asyncio

import pytest

from kilonova.core.embedding import EmbeddingRequest
from kilonova.core.errors import EngineFailed, KilonovaError, Overloaded
from kilonova.core.model import Model
from kilonova.core.ports import Work
from kilonova.core.usage import Cost, Usage
from world import World, ask


class _Told:
    """Writes down what it is told."""

    def __init__(self, model: Model, input_tokens: int, choices: int) -> None:
        self.opened = (model.id, input_tokens, choices)
        self.steps: list[str] = []
        self.usage: Usage | None = None

    def begin(self) -> None:
        self.steps.append("begin")

    def write(self) -> None:
        self.steps.append("write")

    def end(self, usage: Usage) -> Cost:
        self.steps.append("end")
        self.usage = usage
        return Cost(resource="machine", busy_ns=len(self.steps), basis="modelled")


class _Costs:
    def __init__(self) -> None:
        self.works: list[_Told] = []

    def open(self, model: Model, *, input_tokens: int, choices: int = 1) -> Work:
        self.works.append(_Told(model, input_tokens, choices))
        return self.works[-1]

    @property
    def steps(self) -> list[list[str]]:
        return [work.steps for work in self.works]


def _world() -> tuple[World, _Costs]:
    costs = _Costs()
    return World(costs=costs), costs


async def test_a_whole_answer_begins_writes_and_ends() -> None:
    """Protects the record: it has the cost that the end told, of the usage that is billed."""
    world, costs = _world()
    stream = await world.gateway.chat(world.caller(), ask("a b c", choices=2))
    await stream.collect()
    assert costs.steps == [["begin", "write", "end"]]
    assert costs.works[0].opened[1:] == (3, 2)
    assert costs.works[0].usage == stream.record.usage
    assert stream.record.cost.busy_ns == 3


@pytest.mark.parametrize("delivered", range(6))
async def test_a_client_that_leaves_ends_its_work(delivered: int) -> None:
    """Protects everybody else's share: whoever left has no weight any more."""
    world, costs = _world()
    stream = await world.gateway.chat(world.caller(), ask("a b c d"))
    for _ in range(delivered):
        await anext(stream)
    await stream.aclose()
    assert costs.steps == [["begin", "write", "end"]]
    world.assert_settled()


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("[[echo: fail_after=2]] a b c", ["begin", "write", "end"]),
        ("[[echo: fail_before]] a", ["end"]),
        ("[[echo: overloaded]] a", ["end"]),
    ],
)
async def test_an_engine_that_breaks_ends_its_work(text: str, steps: list[str]) -> None:
    """Protects conservation: also where nothing was delivered, and what never began is no work."""
    world, costs = _world()
    with pytest.raises((EngineFailed, Overloaded)):
        await (await world.gateway.chat(world.caller(), ask(text))).collect()
    assert costs.steps == [steps]
    assert world.ledger.records[0].cost.busy_ns == len(steps)


async def test_a_refused_permit_ends_its_work_without_a_record() -> None:
    """Protects the time of others when the store refuses: the engine was at work already."""
    world, costs = _world()
    world.ledger.failure = Overloaded("full")
    with pytest.raises(Overloaded):
        await world.gateway.chat(world.caller(), ask("a b"))
    assert costs.steps == [["begin", "write", "end"]]
    assert world.ledger.records == []


async def test_waiting_in_an_engine_is_not_work() -> None:
    """Protects who waits: an engine that has not taken the request up has not begun."""
    world, costs = _world()
    task = asyncio.create_task(world.gateway.chat(world.caller(), ask("[[echo: hang]] a")))
    await asyncio.sleep(0.01)
    assert costs.steps == [[]]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert costs.steps == [["end"]]


async def test_an_answer_in_one_piece_is_read_and_never_written() -> None:
    """Protects vectors and labels, and those that fail."""
    world, costs = _world()
    await world.gateway.embed(
        world.caller(), EmbeddingRequest(model="kilonova.echo-v1:0", texts=("a b",))
    )
    with pytest.raises(KilonovaError):
        await world.gateway.embed(
            world.caller(),
            EmbeddingRequest(model="kilonova.echo-v1:0", texts=("a",), dimensions=9_999_999),
        )
    assert costs.steps == [["begin", "end"], ["begin", "end"]]


async def test_a_replayed_answer_is_no_work() -> None:
    """Protects retries: the answer comes from memory, and its cost is that of the first run."""
    world, costs = _world()
    for _ in range(2):
        caller = world.caller(idempotency_key="k", body=b"x")
        stream = await world.gateway.chat(caller, ask("a b"))
        await stream.collect()
        assert stream.record.cost.busy_ns == 3
    assert len(costs.works) == 1
