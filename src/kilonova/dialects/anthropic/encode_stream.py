"""Events → the events of Anthropic's stream. Pure.

Blocks are numbered from 0 and never interleave. Each event is a name and its JSON; how it is
framed is the wire's business: server-sent events, or AWS's frames.
"""

from typing import assert_never

import msgspec

from kilonova.core.bill import BillOf, no_bill
from kilonova.core.events import (
    ChatEvent,
    ChatFinished,
    ChatStarted,
    ChoiceFinished,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
)
from kilonova.core.usage import Usage
from kilonova.dialects.anthropic.encode import (
    Head,
    count_usage,
    encode_usage,
    stop_details,
    stop_reason,
)
from kilonova.dialects.wire.bills import wire_bill
from kilonova.dialects.wire.sse import encode_line

__all__ = ["Event", "StreamEncoder"]

# The name of an event and its JSON.
Event = tuple[bytes, bytes]

_encode = msgspec.json.Encoder().encode

_PING: Event = (b"ping", b'{"type":"ping"}')
# Thoughts that are kept back must not look like a connection that died.
_PING_DELTAS = 32
_STOP: Event = (b"message_stop", b'{"type":"message_stop"}')
_TEXT = b'{"type":"text","text":""}'
_THINKING = b'{"type":"thinking","thinking":"","signature":""}'


class StreamEncoder:
    """One for each stream. ``encode`` gives the events of an event, which may be none."""

    def __init__(self, head: Head, bill: BillOf = no_bill) -> None:
        self._head = head
        self._bill = bill
        self._block = -1
        self._kind = ""
        # A delta of the open block of text, up to the text itself.
        self._text = b""
        self._thoughts: list[str] = []
        self._end: ChoiceFinished | None = None

    def encode(self, event: ChatEvent) -> list[Event]:
        """What one event of the engine amounts to."""
        if type(event) is TextDelta and self._kind == "text":
            # Nearly every event of a stream takes this way.
            return [(b"content_block_delta", self._text + encode_line(event.text) + b"}}")]
        match event:
            case TextDelta():
                return [*self._enter("text", _TEXT), *self.encode(event)]
            case ToolCallDelta():
                return [self._delta(_json_delta(event.arguments))]
            case ReasoningDelta():
                return self._think(event.text)
            case ToolCallStarted():
                return self._call(event)
            case _:
                return self._frame(event)

    def _frame(self, event: ChatStarted | ChoiceFinished | ChatFinished) -> list[Event]:
        match event:
            case ChatStarted():
                return [self._start(event), _PING]
            case ChoiceFinished():
                self._end = event
                opened = self._enter("text", _TEXT) if self._block < 0 else []
                return opened + self._leave()
            case ChatFinished():
                return [self._finish(event.usage), _STOP]
            case _ as never:
                assert_never(never)

    def _start(self, event: ChatStarted) -> Event:
        usage = Usage(
            input_tokens=event.input_tokens - event.cache_read_tokens,
            cache_read_tokens=event.cache_read_tokens,
        )
        message: dict[str, object] = {
            "id": self._head.id,
            "type": "message",
            "role": "assistant",
            "model": self._head.model.id,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "stop_details": None,
            "usage": encode_usage(usage),
        }
        return b"message_start", _encode({"type": "message_start", "message": message})

    def _finish(self, usage: Usage) -> Event:
        end = self._end
        assert end is not None, "a stream ended without finishing its choice"
        delta = {
            "stop_reason": stop_reason(end.reason, usage, self._head),
            "stop_sequence": end.stop_sequence,
            "stop_details": stop_details(end.reason),
        }
        told = {"type": "message_delta", "delta": delta, "usage": count_usage(usage)}
        body = encode_line(told)[:-1] + wire_bill(self._bill()) + b"}"
        return b"message_delta", body

    def _think(self, text: str) -> list[Event]:
        events = self._enter("thinking", _THINKING)
        self._thoughts.append(text)
        if self._head.shows_thinking:
            delta = b'{"type":"thinking_delta","thinking":' + encode_line(text) + b"}"
            events.append(self._delta(delta))
        elif len(self._thoughts) % _PING_DELTAS == 0:
            events.append(_PING)
        return events

    def _call(self, event: ToolCallStarted) -> list[Event]:
        block = (
            b'{"type":"tool_use","id":' + encode_line(event.id)
            + b',"name":' + encode_line(event.name) + b',"input":{}}'
        )  # fmt: skip
        # Clients wait for some input, which a call without arguments has none of.
        return [*self._leave(), *self._enter("tool", block), self._delta(_json_delta(""))]

    def _enter(self, kind: str, block: bytes) -> list[Event]:
        if kind == self._kind:
            return []
        events = self._leave()
        self._block += 1
        self._kind = kind
        self._text = b'{"type":"content_block_delta","index":%d,"delta":%b' % (
            self._block,
            b'{"type":"text_delta","text":',
        )
        body = b'{"type":"content_block_start","index":%d,"content_block":%b}' % (
            self._block,
            block,
        )
        events.append((b"content_block_start", body))
        return events

    def _leave(self) -> list[Event]:
        if not self._kind:
            return []
        events = []
        if self._kind == "thinking":
            signature = self._head.sign("".join(self._thoughts))
            delta = b'{"type":"signature_delta","signature":' + _encode(signature) + b"}"
            events.append(self._delta(delta))
            self._thoughts = []
        body = b'{"type":"content_block_stop","index":%d}' % self._block
        events.append((b"content_block_stop", body))
        self._kind = ""
        return events

    def _delta(self, delta: bytes) -> Event:
        body = b'{"type":"content_block_delta","index":%d,"delta":%b}' % (self._block, delta)
        return b"content_block_delta", body


def _json_delta(fragment: str) -> bytes:
    return b'{"type":"input_json_delta","partial_json":' + encode_line(fragment) + b"}"
