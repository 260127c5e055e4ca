"""Answers that are read to their end whoever leaves: what they used is known there alone.

The engine goes on without its caller, and so does whoever bills for it. A caller who leaves
therefore leaves a task behind, which holds the permit until the answer is complete and settles it
by what was used.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing

from kilonova.core.events import ChatEvent
from kilonova.core.money import format_nano
from kilonova.telemetry.log import log_event
from kilonova.telemetry.trace import Trace

__all__ = ["Finisher"]

_Events = AsyncGenerator[ChatEvent, None]


class Finisher:
    """Owns the tasks. Of ``left_max`` callers who left at once the answers are awaited; those of
    more are given up, and billed as nothing."""

    def __init__(self, left_max: int = 2_048) -> None:
        self._left_max = left_max
        self._left: dict[asyncio.Task[list[ChatEvent]], Trace] = {}

    @property
    def left(self) -> int:
        """How many answers are awaited that nobody waits for."""
        return len(self._left)

    async def read(self, events: _Events, trace: Trace) -> _Events:
        """The same events, once all of them are there. Raises what they raise."""
        reading = asyncio.create_task(_read(events))
        try:
            found = await asyncio.shield(reading)
        except asyncio.CancelledError:
            self._take_over(reading, trace)
            raise
        return _each(found)

    async def close(self) -> None:
        """Gives up what is still awaited; each is settled on its way out."""
        left = list(self._left)
        for reading in left:
            reading.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def _take_over(self, reading: asyncio.Task[list[ChatEvent]], trace: Trace) -> None:
        if reading.done():
            return
        self._left[reading] = trace
        reading.add_done_callback(self._end)
        if len(self._left) > self._left_max:
            reading.cancel()

    def _end(self, reading: asyncio.Task[list[ChatEvent]]) -> None:
        """The request has its line in the log already, without what it used."""
        trace = self._left.pop(reading)
        record = trace.record
        if record is not None:
            log_event(
                logging.INFO,
                "settled_without_caller",
                request_id=trace.request_id,
                outcome=record.outcome,
                output_tokens=record.usage.output_tokens,
                price=format_nano(record.price_nano),
            )


async def _read(events: _Events) -> list[ChatEvent]:
    async with aclosing(events):
        return [event async for event in events]


async def _each(events: list[ChatEvent]) -> _Events:
    for event in events:
        yield event
