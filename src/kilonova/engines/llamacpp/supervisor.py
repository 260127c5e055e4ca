"""Keeps one child alive: starts it, proves it, watches it, starts it again.

The supervisor owns one task, made by ``start`` and ended by ``stop``; everything else hangs on it.
A request that comes while the model loads waits a little; otherwise it hears that the model is not
ready, and when to come again. A child that keeps dying is started ever more rarely.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable

import msgspec

from kilonova.core.errors import EngineFailed, KilonovaError, ModelNotReady
from kilonova.core.ports import Health
from kilonova.engines.llamacpp.body import PromptWriter
from kilonova.engines.llamacpp.process import ChildProcess
from kilonova.engines.llamacpp.server import ChildServer
from kilonova.engines.llamacpp.slots import SlotPool

__all__ = ["CannotStart", "Child", "ChildFailed", "Patience", "Supervisor"]


_NOTICE_S_MAX = 0.5


class CannotStart(Exception):
    """Starting again would not help: the file or the installation must change first."""


class ChildFailed(Exception):
    """This start failed; the next one may not."""


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """How long the supervisor waits, and for what. All in seconds but ``crashes_max``."""

    ready_wait_s: float = 10.0
    drain_s_max: float = 30.0
    poll_s: float = 2.5
    back_off_s_min: float = 0.1
    back_off_s_max: float = 60.0
    crashes_max: int = 5
    crash_window_s: float = 300.0


class Child(msgspec.Struct, frozen=True):
    """A proven child and all that belongs to it."""

    process: ChildProcess
    server: ChildServer
    slots: SlotPool
    writer: PromptWriter
    stall_s_max: float

    async def close(self, reason: KilonovaError) -> None:
        self.slots.close(reason)
        await self.server.close()
        await self.process.close()


class Supervisor:
    """See the module. ``launch`` starts and proves one child."""

    def __init__(
        self, name: str, launch: Callable[[], Awaitable[Child]], patience: Patience
    ) -> None:
        self._name = name
        self._launch = launch
        self._patience = patience
        self._child: Child | None = None
        self._changed = asyncio.Event()
        self._detail = "not started"
        self._is_loading = False
        self._crashes: deque[float] = deque()
        self._task: asyncio.Task[None] | None = None
        self.starts = 0

    def start(self) -> None:
        """Begin, without waiting for the model. ``stop`` ends the task that is made here."""
        assert self._task is None, "an engine is started once"
        self._is_loading = True
        self._detail = "loading"
        self._task = asyncio.create_task(self._run(), name=f"llamacpp-{self._name}")

    async def stop(self) -> None:
        """Let running requests finish for a while, then end the child."""
        if self._task is None:
            return
        self._is_loading = False
        self._detail = "stopping"
        child, self._child = self._child, None
        self._notify()
        if child is not None:
            child.slots.close(self._not_ready())
            await self._drain(child)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._task = None

    def health(self) -> Health:
        return Health(self._child is not None, self._detail)

    async def ready(self) -> Child:
        """The child, as soon as it serves. Waits a bounded time while the model loads."""
        child = self._child
        return await self._next_child() if child is None else child

    async def _next_child(self) -> Child:
        try:
            async with asyncio.timeout(self._patience.ready_wait_s):
                while self._is_loading and self._child is None:
                    await self._changed.wait()
        except TimeoutError as error:
            raise self._not_ready() from error
        if (child := self._child) is None:
            raise self._not_ready()
        return child

    async def is_dead(self, child: Child) -> bool:
        """After a broken connection: whether the child has died, once that is known.

        Without waiting the next request could be sent to it in the milliseconds in between.
        """
        try:
            async with asyncio.timeout(_NOTICE_S_MAX):
                while self._child is child:
                    await self._changed.wait()
        except TimeoutError:
            return False  # the connection broke for another reason
        return True

    def _not_ready(self) -> ModelNotReady:
        return ModelNotReady(f"The model is not ready ({self._name}); try again.", retry_after_s=1)

    def _notify(self) -> None:
        """Wake everyone who waits for a change, once."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def _run(self) -> None:
        while True:
            try:
                reason = await self._one_life()
            except CannotStart as error:
                self._set_down(f"cannot start: {error}", is_loading=False)
                return
            except (ChildFailed, KilonovaError) as error:
                reason = str(error)
            wait_s = self._back_off_s()
            self._set_down(f"starts again in {wait_s:g} s: {reason}", is_loading=wait_s < 1)
            await asyncio.sleep(wait_s)
            self._set_down(f"loading again: {reason}", is_loading=True)

    async def _one_life(self) -> str:
        """From the start of a child to its end; says why it ended."""
        self.starts += 1
        child = await self._launch()
        try:
            self._child = child
            self._detail = f"serves, process {child.process.id}"
            self._notify()
            return await self._watch(child)
        finally:
            self._child = None
            self._notify()
            await child.close(EngineFailed("The engine was restarted; try again."))

    def _set_down(self, detail: str, *, is_loading: bool) -> None:
        self._detail = detail
        self._is_loading = is_loading
        self._notify()

    def _back_off_s(self) -> float:
        """Doubles with every crash in the window; over the budget it is the longest."""
        now = time.monotonic()
        self._crashes.append(now)
        while now - self._crashes[0] > self._patience.crash_window_s:
            self._crashes.popleft()
        count = len(self._crashes)
        if count > self._patience.crashes_max:
            return self._patience.back_off_s_max
        wait_s = self._patience.back_off_s_min * 2.0 ** (count - 1)
        return min(wait_s, self._patience.back_off_s_max)

    async def _watch(self, child: Child) -> str:
        """Until the child ends or stands still; says which."""
        end = asyncio.create_task(child.process.wait())
        try:
            moved_s, steps = time.monotonic(), -1
            while time.monotonic() - moved_s < child.stall_s_max:
                done, _ = await asyncio.wait([end], timeout=self._patience.poll_s)
                if done:
                    return end.result()
                running, now = await self._progress(child)
                if not running or now not in (steps, -1):
                    moved_s, steps = time.monotonic(), now
            return f"the child made no progress for {child.stall_s_max:g} s"
        finally:
            end.cancel()

    async def _progress(self, child: Child) -> tuple[int, int]:
        """A child that does not even answer counts as one that does not move."""
        try:
            async with asyncio.timeout(self._patience.poll_s):
                return await child.server.progress()
        except (KilonovaError, TimeoutError):
            return 1, -1

    async def _drain(self, child: Child) -> None:
        """Requests that outlast the patience break when their child ends."""
        await asyncio.wait(
            [drained := asyncio.create_task(child.slots.idle.wait())],
            timeout=self._patience.drain_s_max,
        )
        drained.cancel()
