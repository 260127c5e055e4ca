"""From the platform's answers to Converse's wire, whole and as events. Pure."""

from collections.abc import Mapping
from typing import Any, assert_never

import msgspec
from msgspec import Raw, Struct

from kilonova.core.bill import Bill
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
from kilonova.dialects.bedrock.decode import Wanted
from kilonova.dialects.bedrock.field_paths import native_fields, pick
from kilonova.dialects.wire.bills import wire_bill
from kilonova.dialects.wire.sealed_reasoning import ReasoningSeal

__all__ = [
    "ConverseEvents",
    "Event",
    "Manner",
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

_encode = msgspec.json.Encoder().encode


class Manner(Struct, frozen=True):
    """How an answer is written: what the request wants to see in it, what a guardrail adds (its
    stop reason and its trace), and the service tier that was sold."""

    wanted: Wanted = Wanted()
    stop_reason: str | None = None
    trace: Mapping[str, Any] | None = None
    service_tier: str = "default"

    def members(self) -> dict[str, Any]:
        """The members of a whole answer and of a stream's last event alike. There is one
        speed, so that is what served the request, whatever was asked for."""
        members: dict[str, Any] = {}
        if self.trace is not None:
            members["trace"] = {"guardrail": self.trace}
        if self.wanted.has_latency:
            members["performanceConfig"] = {"latency": "standard"}
        if self.wanted.has_tier:
            members["serviceTier"] = {"type": self.service_tier}
        return members

    def fields(self, reason: str, sequence: str | None, usage: Usage) -> dict[str, Any]:
        """What the response field paths pick."""
        paths = self.wanted.field_paths
        picked = pick(native_fields(reason, sequence, usage), paths) if paths else {}
        return {"additionalModelResponseFields": picked} if picked else {}


_PLAIN = Manner()


def encode_answer(
    answer: ChatAnswer,
    latency_ms: int,
    *,
    seal: ReasoningSeal | None = None,
    manner: Manner = _PLAIN,
) -> bytes:
    """The body of a whole answer; thoughts are signed where there is a seal."""
    (choice,) = answer.choices
    reason = manner.stop_reason or stop_reason(choice)
    return _encode(
        {
            "output": {"message": encode_message(choice, seal)},
            "stopReason": reason,
            "usage": encode_usage(answer.usage),
            "metrics": {"latencyMs": latency_ms},
            **manner.fields(reason, choice.stop_sequence, answer.usage),
            **manner.members(),
        }
    )


def encode_message(choice: Choice, seal: ReasoningSeal | None = None) -> dict[str, Any]:
    """The assistant's message: thoughts, text, tool calls."""
    content: list[dict[str, Any]] = []
    if choice.reasoning:
        thought = {"text": choice.reasoning}
        if seal is not None:
            thought["signature"] = seal.sign(choice.reasoning)
        content.append({"reasoningContent": {"reasoningText": thought}})
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

    def __init__(self, seal: ReasoningSeal | None = None, manner: Manner = _PLAIN) -> None:
        self._seal = seal
        self._manner = manner
        self._block = -1
        self._kind: str | None = None
        # A delta of the open block of text, up to the text itself.
        self._text = b""
        self._has_input = False
        self._thoughts: list[str] = []
        # Some fields of it are known with the usage alone, which comes right after.
        self._held: tuple[str, str | None] | None = None

    def encode(self, event: ChatEvent) -> list[Event]:
        """What one event of the engine amounts to; the last, `metadata`, is `finish`'s."""
        if type(event) is TextDelta and self._kind == "text":
            # Nearly every event of a stream takes this way.
            return [("contentBlockDelta", self._text + _encode(event.text) + b"}}")]
        match event:
            case TextDelta():
                return self._delta("text", b'{"text":%b}' % _encode(event.text))
            case ReasoningDelta():
                if self._seal is not None:
                    self._thoughts.append(event.text)
                body = b'{"reasoningContent":{"text":%b}}' % _encode(event.text)
                return self._delta("reasoning", body)
            case ToolCallDelta():
                self._has_input = self._has_input or bool(event.arguments)
                return self._delta("tool", b'{"toolUse":{"input":%b}}' % _encode(event.arguments))
            case ToolCallStarted():
                return self._start_tool(event)
            case _:
                return self._frame(event)

    def finish(self, usage: Usage, latency_ms: int, bill: Bill | None = None) -> Event:
        """The last event."""
        usages = {"usage": encode_usage(usage), "metrics": {"latencyMs": latency_ms}}
        body = _encode(usages | self._manner.members())
        return "metadata", body[:-1] + wire_bill(bill) + b"}"

    def held_stop(self, usage: Usage) -> list[Event]:
        """The event before the last, where it had to wait for the usage."""
        if self._held is None:
            return []
        reason, sequence = self._held
        fields = self._manner.fields(reason, sequence, usage)
        return [("messageStop", _encode({"stopReason": reason, **fields}))]

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
        self._text = b'{"contentBlockIndex":%d,"delta":{"text":' % self._block
        self._has_input = False
        return events

    def _close(self) -> list[Event]:
        if self._kind is None:
            return []
        # Clients parse the joined fragments: a call without arguments must still be JSON.
        is_bare = self._kind == "tool" and not self._has_input
        events = self._delta("tool", b'{"toolUse":{"input":"{}"}}') if is_bare else []
        if self._kind == "reasoning" and self._seal is not None:
            signature = self._seal.sign("".join(self._thoughts))
            self._thoughts.clear()
            body = b'{"reasoningContent":{"signature":%b}}' % _encode(signature)
            events += self._delta("reasoning", body)
        events.append(("contentBlockStop", b'{"contentBlockIndex":%d}' % self._block))
        self._kind = None
        return events

    def _end(self, event: ChoiceFinished) -> list[Event]:
        events = self._delta("text", b'{"text":""}') if self._block < 0 else []
        events += self._close()
        reason = self._manner.stop_reason or STOP_REASONS[event.reason]
        if self._manner.wanted.field_paths:
            self._held = (reason, event.stop_sequence)
        else:
            events.append(("messageStop", _encode({"stopReason": reason})))
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
