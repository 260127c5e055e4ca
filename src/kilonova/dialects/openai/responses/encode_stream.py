"""Events → the events of a Responses stream. Pure.

Items follow each other: one closes before the next opens. The last event carries the whole
response; ``complete`` makes it first, so that it can be kept before it is sent.
"""

from typing import assert_never

from kilonova.core.bill import Bill
from kilonova.core.errors import KilonovaError
from kilonova.core.events import (
    ChatEvent,
    ChatFinished,
    ChatStarted,
    ChoiceFinished,
    Delta,
    FinishReason,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
)
from kilonova.core.usage import Usage
from kilonova.dialects.openai.responses.answer_schema import ResponseObject
from kilonova.dialects.openai.responses.encode import Manner, complete, status_of
from kilonova.dialects.openai.responses.errors import encode_problem, failed
from kilonova.dialects.openai.responses.items import KeptItem
from kilonova.dialects.openai.responses.stream_items import (
    CallItem,
    Events,
    OpenItem,
    TextItem,
    ThoughtItem,
)
from kilonova.dialects.wire.bills import wire_bill
from kilonova.dialects.wire.sse import encode_line

__all__ = ["StreamEncoder"]


class StreamEncoder:
    """One for each stream. ``encode`` gives the bytes of an event, which may be none."""

    def __init__(self, response: ResponseObject, manner: Manner) -> None:
        self._response = response
        self._manner = manner
        self._number = 0
        self._items: list[KeptItem] = []
        self._open: OpenItem | None = None
        self._reason: FinishReason = "stop"

    def encode(self, event: ChatEvent) -> bytes:
        """The messages of one event, framed. The last one is ``finish``'s."""
        if isinstance(event, ChatStarted):
            told = b',"response":' + encode_line(self._response)
            return self._frame([(b"response.created", told), (b"response.in_progress", told)])
        if isinstance(event, ChatFinished):
            return b""
        if isinstance(event, ChoiceFinished):
            self._reason = event.reason
            return self._end()
        return self._delta(event)

    def _delta(self, event: Delta) -> bytes:
        match event:
            case TextDelta():
                return self._text(event) if event.text else b""
            case ReasoningDelta():
                return self._thought(event.text)
            case ToolCallStarted():
                return self._begin(
                    CallItem(self._manner, self._next_index(), call_id=event.id, name=event.name)
                )
            case ToolCallDelta():
                assert isinstance(self._open, CallItem), "calls do not interleave"
                return self._frame([self._open.add(event.arguments)])
            case _ as never:
                assert_never(never)

    def complete(self, usage: Usage, completed_ms: int) -> ResponseObject:
        """The response that the stream amounted to."""
        return complete(
            self._response,
            self._items,
            reason=self._reason,
            usage=usage,
            completed_ms=completed_ms,
        )

    def finish(self, whole: ResponseObject, bill: Bill | None = None) -> bytes:
        """The last event, with the whole response and, beside it, the bill."""
        name = b"response.completed" if whole.status == "completed" else b"response.incomplete"
        return self._frame([(name, b',"response":' + encode_line(whole) + wire_bill(bill))])

    def fail(self, error: KilonovaError) -> bytes:
        """The end of a stream that breaks: SDKs raise on ``error``, others read what follows."""
        whole = failed(self._response, error, output=tuple(self._items))
        return self._frame(
            [
                (b"error", encode_problem(error)),
                (b"response.failed", b',"response":' + encode_line(whole)),
            ]
        )

    def _text(self, event: TextDelta) -> bytes:
        opening = b""
        if not isinstance(self._open, TextItem):
            opening = self._begin(TextItem(self._manner, self._next_index()))
        assert isinstance(self._open, TextItem), "a text was begun"
        return opening + self._frame([self._open.add(event)])

    def _thought(self, text: str) -> bytes:
        opening = b""
        if not isinstance(self._open, ThoughtItem):
            opening = self._begin(ThoughtItem(self._manner, self._next_index()))
        assert isinstance(self._open, ThoughtItem), "a thought was begun"
        return opening + self._frame([self._open.add(text)])

    def _next_index(self) -> int:
        return len(self._items) + (self._open is not None)

    def _begin(self, item: OpenItem) -> bytes:
        """Closes what is open: something followed it, so it is complete."""
        closing = self._close("stop")
        self._open = item
        return closing + self._frame(item.open())

    def _end(self) -> bytes:
        """An answer without any item is an empty text."""
        opening = b""
        if self._open is None:
            opening = self._begin(TextItem(self._manner, self._next_index()))
        return opening + self._close(self._reason)

    def _close(self, reason: FinishReason) -> bytes:
        if self._open is None:
            return b""
        item, events = self._open.close(status_of(reason))
        self._items.append(item)
        self._open = None
        return self._frame(events)

    def _frame(self, events: Events) -> bytes:
        framed = []
        for name, fields in events:
            framed.append(
                b'event: %b\ndata: {"type":"%b","sequence_number":%d%b}\n\n'
                % (name, name, self._number, fields)
            )
            self._number += 1
        return b"".join(framed)
