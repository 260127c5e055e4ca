"""Who may use which slot of the child, and that no scope ever meets another's cached text.

A request that is left before its end goes on in the child for some steps. Its slot is lent again
only when the child says that it is idle: a request for a busy slot would wait inside the child,
where it can be forgotten. The pool owns the tasks that wait for this; ``close`` ends them.

A slot keeps the text of its last request, so that a longer one with the same beginning is read
faster. llama.cpp cannot tell callers apart: a slot that served one scope is erased before another
scope gets it. Within a scope the slot with the longest common beginning is chosen.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import msgspec

from kilonova.core.chat import ChatRequest, Message
from kilonova.core.errors import KilonovaError, Overloaded

__all__ = ["Lease", "SlotPool"]

_RETRY_AFTER_S = 1.0
_SETTLE_S_MIN, _SETTLE_S_MAX = 0.001, 0.05
_PIECE_BYTES = 256
_Beginning = tuple[bytes | Message, ...]


class _Slot(msgspec.Struct):
    """``scope`` is None while the slot holds nobody's text."""

    index: int
    scope: str | None = None
    beginning: _Beginning = ()
    last_use: int = 0
    is_busy: bool = False


class Lease(msgspec.Struct):
    """``is_over`` is set by who used it, once the child has answered to the end."""

    index: int
    is_over: bool = False


class _Waiter(msgspec.Struct):
    scope: str
    beginning: _Beginning
    turn: "asyncio.Future[_Slot]"


class SlotPool:
    """The slots of one child process. A child that is started again gets a new pool."""

    def __init__(
        self,
        count: int,
        erase: Callable[[int], Awaitable[None]],
        is_idle: Callable[[int], Awaitable[bool]],
        *,
        queue_max: int,
        wait_s_max: float,
    ) -> None:
        self._slots = [_Slot(index) for index in range(count)]
        self._erase = erase
        self._is_idle = is_idle
        self._settling: set[asyncio.Task[None]] = set()
        self._queue_max = queue_max
        self._wait_s_max = wait_s_max
        self._waiting: deque[_Waiter] = deque()
        self._uses = 0
        self._end: KilonovaError | None = None
        self.idle = asyncio.Event()
        self.idle.set()

    @property
    def busy(self) -> int:
        return sum(slot.is_busy for slot in self._slots)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def close(self, reason: KilonovaError) -> None:
        """Refuse everyone who waits or comes; who has a slot keeps it."""
        self._end = reason
        for task in self._settling:
            task.cancel()
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.turn.done():
                waiter.turn.set_exception(reason)

    @asynccontextmanager
    async def lease(self, request: ChatRequest) -> AsyncIterator[Lease]:
        """A slot that is this request's own and holds no other scope's text."""
        beginning = _beginning(request)
        slot = await self._take(request.cache_scope, beginning)
        lease = Lease(slot.index)
        try:
            if slot.scope is not None and (slot.scope != request.cache_scope or not slot.scope):
                await self._erase(slot.index)
            slot.scope, slot.beginning = request.cache_scope, beginning
            yield lease
        finally:
            if lease.is_over or self._end is not None:
                self._release(slot)
            else:
                self._settle(slot)

    def _settle(self, slot: _Slot) -> None:
        task = asyncio.create_task(self._until_idle(slot), name="llamacpp-settle")
        self._settling.add(task)
        task.add_done_callback(lambda done: self._settled(done, slot))

    def _settled(self, task: "asyncio.Task[None]", slot: _Slot) -> None:
        """Also when it was cancelled, perhaps before it began."""
        self._settling.discard(task)
        self._release(slot)

    async def _until_idle(self, slot: _Slot) -> None:
        """A child that does not answer is on its way out, and its pool with it."""
        wait_s = _SETTLE_S_MIN
        try:
            while not await self._is_idle(slot.index):
                await asyncio.sleep(wait_s)
                wait_s = min(2 * wait_s, _SETTLE_S_MAX)
        except KilonovaError:
            await asyncio.sleep(_SETTLE_S_MAX)

    async def _take(self, scope: str, beginning: _Beginning) -> _Slot:
        if self._end is not None:
            raise self._end
        if not self._waiting and (slot := self._choose(scope, beginning)):
            return self._mark(slot)
        if len(self._waiting) >= self._queue_max:
            raise Overloaded(
                f"The model has {self._queue_max} requests waiting; try again.",
                retry_after_s=_RETRY_AFTER_S,
            )
        return await self._wait(scope, beginning)

    async def _wait(self, scope: str, beginning: _Beginning) -> _Slot:
        turn: asyncio.Future[_Slot] = asyncio.get_running_loop().create_future()
        waiter = _Waiter(scope, beginning, turn)
        self._waiting.append(waiter)
        try:
            async with asyncio.timeout(self._wait_s_max):
                return await asyncio.shield(turn)
        except TimeoutError as error:
            self._give_up(waiter)
            raise Overloaded(
                f"The model stayed busy for {self._wait_s_max:g} s; try again.",
                retry_after_s=_RETRY_AFTER_S,
            ) from error
        except asyncio.CancelledError:
            self._give_up(waiter)
            raise

    def _give_up(self, waiter: _Waiter) -> None:
        """Leave the queue, or give back the slot that came in the same moment."""
        if not waiter.turn.done():
            waiter.turn.cancel()
            self._waiting.remove(waiter)
        elif not waiter.turn.cancelled() and waiter.turn.exception() is None:
            self._release(waiter.turn.result())

    def _release(self, slot: _Slot) -> None:
        slot.is_busy = False
        while self._waiting:
            waiter = self._waiting[0]
            chosen = self._choose(waiter.scope, waiter.beginning)
            if chosen is None:
                return
            self._waiting.popleft()
            waiter.turn.set_result(self._mark(chosen))
        if not self.busy:
            self.idle.set()

    def _mark(self, slot: _Slot) -> _Slot:
        self._uses += 1
        slot.last_use = self._uses
        slot.is_busy = True
        self.idle.clear()
        return slot

    def _choose(self, scope: str, beginning: _Beginning) -> _Slot | None:
        """Own text with the longest common beginning, then an empty slot, then the eldest."""
        free = [slot for slot in self._slots if not slot.is_busy]
        if not free:
            return None
        own = [slot for slot in free if slot.scope == scope and scope]
        if own:
            best = max(own, key=lambda slot: _common(slot.beginning, beginning))
            if _common(best.beginning, beginning):
                return best
        empty = next((slot for slot in free if slot.scope is None), None)
        return empty or min(own or free, key=lambda slot: slot.last_use)


def _beginning(request: ChatRequest) -> _Beginning:
    """What two requests are compared by, piece by piece from the front."""
    if request.prompt is None:
        return (_tools_digest(request), *request.messages)
    text = request.prompt.encode(errors="replace")
    pieces = (text[at : at + _PIECE_BYTES] for at in range(0, len(text), _PIECE_BYTES))
    return (b"prompt", *pieces)


def _tools_digest(request: ChatRequest) -> bytes:
    """Tools come first in every prompt: without the same tools there is no common beginning."""
    return b"\0".join(tool.name.encode() + bytes(tool.parameters) for tool in request.tools)


def _common(left: _Beginning, right: _Beginning) -> int:
    """How many messages both begin with; 0 when their tools differ."""
    count = 0
    for ours, theirs in zip(left, right, strict=False):
        if ours != theirs:
            break
        count += 1
    return max(count - 1, 0)
