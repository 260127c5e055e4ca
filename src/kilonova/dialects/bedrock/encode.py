"""From the platform's answers to Converse's wire, whole and as events. Pure."""

from collections.abc import Mapping
from typing import Any, assert_never

import msgspec
from msgspec import Raw

from kilonova.core.events import (
    ChatAnswer,
    ChatEvent,
    ChatFinished,
    ChatStarted,
    Choice,
    ChoiceFinished,
    FinishReason,
    ReasoningDelta,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolCallStarted,
)
from kilonova.core.usage import Usage

__all__ = [
    "ConverseEvents",
    "Event",
    "encode_answer",
    "encode_message",
    "encode_usage",
    "stop_reason",
]

# The name of an event and its JSON.
Event = tuple[str, bytes]

STOP_REASONS: Mapping[FinishReason, str] = {
    "stop": "end_turn",
    "stop_sequence": "stop_sequence",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "content_filtered",
}

_NO_ARGUMENTS = Raw(b"{}")

_encode = msgspec.json.encode


def encode_answer(answer: ChatAnswer, latency_ms: int) -> bytes:
    """The body of a whole answer."""
    (choice,) = answer.choices
    return _encode(
        {
            "output": {"message": encode_message(choice)},
            "stopReason": stop_reason(choice),
            "usage": encode_usage(answer.usage),
            "metrics": {"latencyMs": latency_ms},
        }
    )


def encode_message(choice: Choice) -> dict[str, Any]:
    """The assistant's message: thoughts, text, tool calls."""
    content: list[dict[str, Any]] = []
    if choice.reasoning:
        content.append({"reasoningContent": {"reasoningText": {"text": choice.reasoning}}})
    if choice.text:
        content.append({"text": choice.text})
    content += [{"toolUse": _tool_use(call)} for call in choice.tool_calls]
    # Clients read content[0]["text"]; an empty answer must not break them.
    return {"role": "assistant", "content": content or [{"text": ""}]}


def stop_reason(choice: Choice) -> str:
    """AWS's name; a call whose arguments are no JSON is not offered as one to be run."""
    if choice.reason == "tool_calls" and None in map(_arguments, choice.tool_calls):
        return "malformed_tool_use"
    return STOP_REASONS[choice.reason]


def encode_usage(usage: Usage) -> dict[str, int]:
    """Tokens by kind; the three kinds of input are disjoint on this wire too."""
    return {
        "inputTokens": usage.input_tokens,
        "outputTokens": usage.output_tokens,
        "totalTokens": usage.total_tokens,
        "cacheReadInputTokens": usage.cache_read_tokens,
        "cacheWriteInputTokens": usage.cache_write_tokens,
    }


class ConverseEvents:
    """The events of one stream. Blocks are numbered from 0 and never interleave."""

    def __init__(self) -> None:
        self._block = -1
        self._kind: str | None = None
        self._has_input = False

    def encode(self, event: ChatEvent) -> list[Event]:
        """What one event of the engine amounts to; the last, `metadata`, is `finish`'s."""
        match event:
            case TextDelta():
                return self._delta("text", b'{"text":%b}' % _encode(event.text))
            case ReasoningDelta():
                body = b'{"reasoningContent":{"text":%b}}' % _encode(event.text)
                return self._delta("reasoning", body)
            case ToolCallDelta():
                self._has_input = self._has_input or bool(event.arguments)
                return self._delta("tool", b'{"toolUse":{"input":%b}}' % _encode(event.arguments))
            case ToolCallStarted():
                return self._start_tool(event)
            case _:
                return self._frame(event)

    def finish(self, usage: Usage, latency_ms: int) -> Event:
        """The last event."""
        body = {"usage": encode_usage(usage), "metrics": {"latencyMs": latency_ms}}
        return "metadata", _encode(body)

    def _frame(self, event: ChatStarted | ChoiceFinished | ChatFinished) -> list[Event]:
        match event:
            case ChatStarted():
                return [("messageStart", b'{"role":"assistant"}')]
            case ChoiceFinished():
                return self._end(event)
            case ChatFinished():
                return []
            case _:
                assert_never(event)

    def _delta(self, kind: str, delta: bytes) -> list[Event]:
        events = [] if kind == self._kind else self._open(kind)
        body = b'{"contentBlockIndex":%d,"delta":%b}' % (self._block, delta)
        events.append(("contentBlockDelta", body))
        return events

    def _start_tool(self, event: ToolCallStarted) -> list[Event]:
        events = self._open("tool")
        start = {"toolUse": {"toolUseId": event.id, "name": event.name}}
        body = {"contentBlockIndex": self._block, "start": start}
        events.append(("contentBlockStart", _encode(body)))
        return events

    def _open(self, kind: str) -> list[Event]:
        events = self._close()
        self._block += 1
        self._kind = kind
        self._has_input = False
        return events

    def _close(self) -> list[Event]:
        if self._kind is None:
            return []
        # Clients parse the joined fragments: a call without arguments must still be JSON.
        is_bare = self._kind == "tool" and not self._has_input
        events = self._delta("tool", b'{"toolUse":{"input":"{}"}}') if is_bare else []
        events.append(("contentBlockStop", b'{"contentBlockIndex":%d}' % self._block))
        self._kind = None
        return events

    def _end(self, event: ChoiceFinished) -> list[Event]:
        events = self._delta("text", b'{"text":""}') if self._block < 0 else []
        events += self._close()
        events.append(("messageStop", _encode({"stopReason": STOP_REASONS[event.reason]})))
        return events


def _tool_use(call: ToolCall) -> dict[str, Any]:
    arguments = _arguments(call)
    return {
        "toolUseId": call.id,
        "name": call.name,
        "input": {} if arguments is None else arguments,
    }


def _arguments(call: ToolCall) -> Raw | None:
    """The arguments as a document, None when they are not one: cut off, or malformed."""
    if not call.arguments.strip():
        return _NO_ARGUMENTS
    try:
        is_object = isinstance(msgspec.json.decode(call.arguments), dict)
    except (msgspec.DecodeError, RecursionError):
        return None
    return Raw(call.arguments.encode()) if is_object else None
