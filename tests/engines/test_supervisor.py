"""The supervisor starts again, ever more rarely, and ends a child that stands still."""

import asyncio
from typing import Any

import pytest

from engines.subjects import until
from kilonova.core.errors import KilonovaError, ModelNotReady
from kilonova.engines.llamacpp.slots import SlotPool
from kilonova.engines.llamacpp.supervisor import (
    CannotStart,
    Child,
    ChildFailed,
    Patience,
    Supervisor,
)

_QUICK = Patience(
    ready_wait_s=0.2,
    poll_s=0.01,
    back_off_s_min=0.001,
    back_off_s_max=0.5,
    crashes_max=3,
    drain_s_max=0.1,
)


class _Process:
    id = 1

    def __init__(self) -> None:
        self.ended = asyncio.Event()
        self.is_closed = False

    async def wait(self) -> str:
        await self.ended.wait()
        return "it ended"

    async def close(self) -> None:
        self.is_closed = True


class _Server:
    """``steps`` is what it says of its progress; None means that it grows."""

    def __init__(self, steps: int | None) -> None:
        self._steps = steps
        self._asked = 0

    async def progress(self) -> tuple[int, int]:
        self._asked += 1
        return 1, self._asked if self._steps is None else self._steps

    async def close(self) -> None:
        return None


async def _nothing(slot: int) -> None:
    del slot


async def _idle(slot: int) -> bool:
    return slot == 0


class _Launch:
    """Hands out children, or raises what it was told to raise first."""

    def __init__(self, *errors: Exception, steps: int | None = None) -> None:
        self.errors = list(errors)
        self.processes: list[_Process] = []
        self._steps = steps

    async def __call__(self) -> Child:
        if self.errors:
            raise self.errors.pop(0)
        self.processes.append(_Process())
        parts: Any = (self.processes[-1], _Server(self._steps))
        slots = SlotPool(1, _nothing, _idle, queue_max=1, wait_s_max=1)
        return Child(*parts, slots, None, 0.05)  # type: ignore[arg-type]


async def test_it_starts_again_until_it_serves() -> None:
    launch = _Launch(ChildFailed("a"), ModelNotReady("b"))
    supervisor = Supervisor("x", launch, _QUICK)
    supervisor.start()
    await supervisor.ready()
    assert supervisor.starts == 3
    assert supervisor.health().is_ready
    await supervisor.stop()
    assert launch.processes[0].is_closed
    assert not supervisor.health().is_ready


async def test_over_its_budget_it_waits_longest() -> None:
    launch = _Launch(*(ChildFailed("again") for _ in range(4)))
    supervisor = Supervisor("x", launch, _QUICK)
    supervisor.start()

    async def gave_up() -> bool:
        return "again in 0.5 s" in supervisor.health().detail

    await until(gave_up, seconds=2)
    assert supervisor.starts == 4
    await supervisor.stop()


async def test_what_cannot_start_is_not_tried_again() -> None:
    supervisor = Supervisor("x", _Launch(CannotStart("bad file")), _QUICK)
    supervisor.start()
    with pytest.raises(ModelNotReady) as caught:
        await supervisor.ready()
    assert caught.value.retry_after_s
    assert "bad file" in supervisor.health().detail
    assert "bad file" not in caught.value.message
    await supervisor.stop()


async def test_a_child_that_stands_still_is_replaced() -> None:
    launch = _Launch(steps=7)
    supervisor = Supervisor("x", launch, _QUICK)
    supervisor.start()
    first = await supervisor.ready()

    async def was_replaced() -> bool:
        return len(launch.processes) > 1

    await until(was_replaced, seconds=2)
    with pytest.raises(KilonovaError):
        await first.slots._take("a", ())
    await supervisor.stop()


async def test_a_child_that_moves_is_left_alone() -> None:
    launch = _Launch(steps=None)
    supervisor = Supervisor("x", launch, _QUICK)
    supervisor.start()
    child = await supervisor.ready()
    await asyncio.sleep(0.15)
    assert await supervisor.ready() is child
    await supervisor.stop()


async def test_nobody_waits_longer_than_the_patience() -> None:
    supervisor = Supervisor("x", _Launch(ChildFailed("x")), _QUICK)
    with pytest.raises(ModelNotReady):
        await supervisor.ready()
    await supervisor.stop()
