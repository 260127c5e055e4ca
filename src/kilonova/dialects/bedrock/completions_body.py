"""The native body `chat-completions`, encoded: whole answers and chunks."""

from collections.abc import Mapping
from typing import Any

import msgspec

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
from kilonova.dialects.bedrock.completions_decode import decode_completions
from kilonova.dialects.bedrock.native import About, Family

__all__ = ["COMPLETIONS", "CompletionsEvents"]

_REASONS: Mapping[FinishReason, str] = {
    "stop": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
}


def _encode(answer: ChatAnswer, about: About) -> bytes:
    choices = [_choice(index, choice) for index, choice in enumerate(answer.choices)]
    head = _head(about, "chat.completion")
    return msgspec.json.encode({**head, "choices": choices, "usage": _usage(answer.usage)})


class CompletionsEvents:
    """The chunks of one stream. AWS puts thoughts into the content, between tags."""

    def __init__(self, about: About) -> None:
        self._head = _head(about, "chat.completion.chunk")
        self._thinking: set[int] = set()
        self._begun: set[int] = set()
        self._bare_call: int | None = None

    def encode(self, event: ChatEvent) -> list[bytes]:
        """The chunks that one event amounts to."""
        match event:
            case ChatStarted() | ChatFinished():
                return []
            case ReasoningDelta():
                opening = "" if event.choice in self._thinking else "<reasoning>"
                self._thinking.add(event.choice)
                return [self._chunk(event.choice, {"content": opening + event.text})]
            case _:
                return self._end_thinking(event.choice) + self._answering(event)

    def finish(self, usage: Usage, metrics: dict[str, Any]) -> bytes:
        """The last chunk, with AWS's metrics inside."""
        body = {**self._head, "choices": [], "usage": _usage(usage)}
        return msgspec.json.encode({**body, "amazon-bedrock-invocationMetrics": metrics})

    def _answering(
        self, event: TextDelta | ToolCallStarted | ToolCallDelta | ChoiceFinished
    ) -> list[bytes]:
        match event:
            case TextDelta():
                return [self._chunk(event.choice, {"content": event.text})]
            case ToolCallStarted():
                ended = self._end_call(event.choice)
                self._bare_call = event.index
                function = {"name": event.name, "arguments": ""}
                call = {"index": event.index, "id": event.id, "type": "function"}
                delta = {"tool_calls": [{**call, "function": function}]}
                return [*ended, self._chunk(event.choice, delta)]
            case ToolCallDelta():
                self._bare_call = None
                return [self._arguments(event.choice, event.index, event.arguments)]
            case ChoiceFinished():
                ended = self._end_call(event.choice)
                return [*ended, self._chunk(event.choice, {}, _REASONS[event.reason])]

    def _end_call(self, choice: int) -> list[bytes]:
        # Clients parse the joined fragments: a call without arguments must still be JSON.
        index, self._bare_call = self._bare_call, None
        return [] if index is None else [self._arguments(choice, index, "{}")]

    def _arguments(self, choice: int, index: int, fragment: str) -> bytes:
        call = {"index": index, "function": {"arguments": fragment}}
        return self._chunk(choice, {"tool_calls": [call]})

    def _end_thinking(self, choice: int) -> list[bytes]:
        if choice not in self._thinking:
            return []
        self._thinking.remove(choice)
        return [self._chunk(choice, {"content": "</reasoning>"})]

    def _chunk(self, choice: int, delta: dict[str, Any], reason: str | None = None) -> bytes:
        if choice not in self._begun:
            self._begun.add(choice)
            delta = {"role": "assistant", **delta}
        body = {"index": choice, "delta": delta, "finish_reason": reason}
        return msgspec.json.encode({**self._head, "choices": [body]})


def _head(about: About, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{about.request_id}",
        "object": kind,
        "created": about.created_s,
        "model": about.model_id,
    }


def _choice(index: int, choice: Choice) -> dict[str, Any]:
    thoughts = f"<reasoning>{choice.reasoning}</reasoning>" if choice.reasoning else ""
    text = thoughts + choice.text
    message: dict[str, Any] = {"role": "assistant", "content": text or None}
    if choice.tool_calls:
        message["tool_calls"] = [_call(call) for call in choice.tool_calls]
    else:
        message["content"] = text
    return {"index": index, "message": message, "finish_reason": _REASONS[choice.reason]}


def _call(call: ToolCall) -> dict[str, Any]:
    function = {"name": call.name, "arguments": call.arguments or "{}"}
    return {"id": call.id, "type": "function", "function": function}


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cache_read_tokens},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }


# What the models of most vendors speak.
COMPLETIONS = Family(decode_completions, _encode, CompletionsEvents)
