"""Time that only the simulation moves, and an engine that moves it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from msgspec.structs import replace

from kilonova.core.chat import ChatRequest
from kilonova.core.events import ChatFinished, ChatStarted, EngineEvent
from kilonova.engines.echo import Echo

__all__ = ["TimedEcho", "VirtualClock"]

_MS = 1_000_000


class VirtualClock:
    """The clock of the machine. ``step`` sets it, forwards or back; what is monotonic stays so."""

    def __init__(self, start_s: float) -> None:
        self._start_ns = round(start_s * 1e9)
        self._offset_ns = 0
        self._elapsed_ns = 0

    def now_s(self) -> float:
        # Whole milliseconds, so that a float is exact enough.
        return (self._start_ns + self._offset_ns + self._elapsed_ns) // _MS / 1000

    def monotonic_s(self) -> float:
        return self._elapsed_ns / 1e9

    def monotonic_ns(self) -> int:
        return self._elapsed_ns

    def advance(self, seconds: float) -> None:
        assert seconds >= 0, "time passes"
        self._elapsed_ns += round(seconds * 1e9)

    def advance_to(self, at_s: float) -> None:
        """Waits until then; not at all where it is later already."""
        self.advance(max(0.0, at_s - self.now_s()))

    def step(self, seconds: float) -> None:
        """Somebody sets the clock."""
        self._offset_ns += round(seconds * 1e9)


class TimedEcho(Echo):
    """The echo engine where every event takes ``step_s``, and a prompt is partly in a cache.

    Requests that run together take turns at each event, so that they share the engine's time."""

    def __init__(self, name: str, clock: VirtualClock, *, step_s: float) -> None:
        super().__init__(name)
        self._clock = clock
        self._step_s = step_s

    def chat(self, request: ChatRequest) -> AsyncGenerator[EngineEvent, None]:
        return self._timed(request)

    async def _timed(self, request: ChatRequest) -> AsyncGenerator[EngineEvent, None]:
        async with aclosing(super().chat(request)) as events:
            async for event in events:
                self._clock.advance(self._step_s)
                await asyncio.sleep(0)
                yield _cached(event)


def _cached(event: EngineEvent) -> EngineEvent:
    """A quarter of every prompt is read from the cache, and more than a fifth written into it."""
    if isinstance(event, ChatStarted):
        return replace(event, cache_read_tokens=event.input_tokens // 4)
    if isinstance(event, ChatFinished):
        whole = event.usage.input_tokens
        read, written, kept = whole // 4, whole // 5, whole // 9
        usage = replace(
            event.usage,
            input_tokens=whole - read - written - kept,
            cache_read_tokens=read,
            cache_write_tokens=written,
            cache_write_long_tokens=kept,
        )
        return replace(event, usage=usage)
    return event
