"""Several alternatives of one answer, for any engine: n streams of one choice, merged.

An engine's ``chat`` is ``return fan_out(self._stream, request)``; its ``_stream`` never sees more
than one choice. Each stream gets its own seed. The prompt is counted once: its alternatives share
it, and callers are charged for it once, as every cloud does.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable

import msgspec

from kilonova.core.chat import ChatRequest
from kilonova.core.events import ChatBegun, ChatFinished, ChatStarted, EngineEvent
from kilonova.core.usage import Usage

__all__ = ["Stream", "fan_out"]

_Events = AsyncGenerator[EngineEvent, None]
Stream = Callable[[ChatRequest], _Events]


def fan_out(stream: Stream, request: ChatRequest) -> _Events:
    """The events of ``request``: of the stream itself, or of ``choices`` streams side by side."""
    return stream(request) if request.choices == 1 else _merged(stream, request)


async def _merged(stream: Stream, request: ChatRequest) -> _Events:
    streams = [stream(_single(request, index)) for index in range(request.choices)]
    steps = {_step(events): index for index, events in enumerate(streams)}
    usages: dict[int, Usage] = {}
    leader: int | None = None
    has_begun = False
    try:
        while steps:
            done, _ = await asyncio.wait(steps, return_when=asyncio.FIRST_COMPLETED)
            for step in done:
                index, event = steps.pop(step), step.result()
                if isinstance(event, ChatFinished):
                    usages[index] = event.usage
                    continue
                steps[_step(streams[index])] = index
                if isinstance(event, ChatBegun):
                    if not has_begun:
                        has_begun = True
                        yield event
                elif not isinstance(event, ChatStarted):
                    yield msgspec.structs.replace(event, choice=index)
                elif leader is None:
                    leader = index
                    yield event
    finally:
        await _close(list(steps), streams)
    assert leader is not None
    yield ChatFinished(_total(usages[leader], list(usages.values())))


def _step(events: _Events) -> asyncio.Task[EngineEvent]:
    return asyncio.create_task(anext(events))


async def _close(steps: list[asyncio.Task[EngineEvent]], streams: list[_Events]) -> None:
    """Cancel every choice and wait until each has let go of what it held."""
    for step in steps:
        step.cancel()
    await asyncio.gather(*steps, return_exceptions=True)
    for events in streams:
        await events.aclose()


def _single(request: ChatRequest, index: int) -> ChatRequest:
    sampling = request.sampling
    if sampling.seed is not None:
        sampling = msgspec.structs.replace(sampling, seed=sampling.seed + index)
    return msgspec.structs.replace(request, choices=1, sampling=sampling)


def _total(first: Usage, usages: list[Usage]) -> Usage:
    """The prompt as the leading choice reported it in ChatStarted, the output of all of them."""
    return msgspec.structs.replace(
        first,
        output_tokens=sum(usage.output_tokens for usage in usages),
        reasoning_tokens=sum(usage.reasoning_tokens for usage in usages),
    )
