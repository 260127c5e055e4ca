"""The answer to a chat request as a dialect sees it: events to encode, or one whole answer."""

from collections.abc import AsyncGenerator, Awaitable

from kilonova.core.bill import Bill, bill_of
from kilonova.core.events import ChatAnswer, ChatEvent, fold
from kilonova.core.model import Model
from kilonova.core.usage import UsageRecord
from kilonova.telemetry.trace import Trace

__all__ = ["ChatStream"]


class ChatStream:
    """Iterate over it once, or ``collect`` it once. Its first event has already arrived.

    Whoever holds it must exhaust or ``aclose`` it; both settle the permit.
    """

    def __init__(
        self, events: AsyncGenerator[ChatEvent, None], first: ChatEvent, model: Model, trace: Trace
    ) -> None:
        self._events = events
        self._first: ChatEvent | None = first
        self.trace = trace
        self.model = model

    @property
    def request_id(self) -> str:
        return self.trace.request_id

    @property
    def first_request_id(self) -> str:
        """The request that was answered first, which a replayed answer keeps its name from."""
        record = self.trace.record if self.was_replayed else None
        return self.request_id if record is None else record.request_id

    @property
    def record(self) -> UsageRecord:
        """What the request used and cost. There is one once the stream has ended."""
        assert self.trace.record is not None, "a stream has no record before its end"
        return self.trace.record

    @property
    def service_tier(self) -> str:
        """The tier that was sold: the one asked for, if that is on sale."""
        return self.trace.service_tier

    def bill(self) -> Bill | None:
        """What the end of a stream says of price and cost; None before the record is there."""
        record = self.trace.record
        return None if record is None else bill_of(record, tells_cost=self.trace.tells_cost)

    @property
    def was_replayed(self) -> bool:
        """True when this repeats the answer to an earlier attempt of the same request."""
        return self.trace.was_replayed

    def __aiter__(self) -> "ChatStream":
        return self

    def __anext__(self) -> Awaitable[ChatEvent]:
        # Not a coroutine of its own: it would cost more than passing an event on.
        return self._events.__anext__() if self._first is None else self._take_first()

    async def _take_first(self) -> ChatEvent:
        first, self._first = self._first, None
        assert first is not None, "asked twice at once"
        return first

    async def collect(self) -> ChatAnswer:
        """The whole answer, once it is complete and its settlement on disk."""
        # Nothing is delivered before all of it is there: a crash in between must not be billed.
        self.trace.is_whole = True
        try:
            first = await self._take_first()
            return fold([first, *[event async for event in self._events]])
        finally:
            await self.aclose()

    async def aclose(self) -> None:
        await self._events.aclose()
