"""The body `cohere-command`: what Cohere Command R answers."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Raw

from kilonova.core.events import (
    ChatAnswer,
    ChatEvent,
    ChatFinished,
    ChatStarted,
    FinishReason,
    ReasoningDelta,
    TextDelta,
    ToolCall,
    fold,
)
from kilonova.core.usage import Usage
from kilonova.dialects.wire.native import About

__all__ = ["CohereWriter"]

_REASONS: Mapping[FinishReason, str] = {
    "stop": "COMPLETE",
    "stop_sequence": "COMPLETE",
    "length": "MAX_TOKENS",
    "tool_calls": "COMPLETE",
    "content_filter": "ERROR_TOXIC",
}


class CohereWriter:
    """Texts as they come; calls of tools and the whole answer, once more, at the end."""

    def __init__(self, about: About) -> None:
        self._id = about.request_id
        self._events: list[ChatEvent] = []

    def whole(self, answer: ChatAnswer) -> bytes:
        return msgspec.json.encode(self._document(answer))

    def chunks(self, event: ChatEvent) -> list[bytes]:
        self._events.append(event)
        match event:
            case ChatStarted():
                return [_event("stream-start", {"generation_id": self._id})]
            case TextDelta() | ReasoningDelta():
                return [_event("text-generation", {"text": event.text})]
        return []

    def last(self, usage: Usage, metrics: dict[str, int]) -> list[bytes]:
        document = self._document(fold([*self._events, ChatFinished(usage)]))
        end = {
            "event_type": "stream-end",
            "is_finished": True,
            "finish_reason": document["finish_reason"],
            "response": document,
            "amazon-bedrock-invocationMetrics": metrics,
        }
        calls = document.get("tool_calls")
        called = [_event("tool-calls-generation", {"tool_calls": calls})] if calls else []
        return [*called, msgspec.json.encode(end)]

    def _document(self, answer: ChatAnswer) -> dict[str, Any]:
        (choice,) = answer.choices
        document: dict[str, Any] = {
            "response_id": self._id,
            "generation_id": self._id,
            "text": choice.reasoning + choice.text,
            "finish_reason": _REASONS[choice.reason],
            "meta": {
                "api_version": {"version": "1"},
                "billed_units": {
                    "input_tokens": answer.usage.prompt_tokens,
                    "output_tokens": answer.usage.output_tokens,
                },
            },
        }
        if choice.tool_calls:
            document["tool_calls"] = [_call(call) for call in choice.tool_calls]
        return document


def _event(kind: str, more: dict[str, Any]) -> bytes:
    return msgspec.json.encode({"event_type": kind, "is_finished": False, **more})


def _call(call: ToolCall) -> dict[str, Any]:
    """Arguments that were cut off are shown as they are, and never as good ones."""
    try:
        is_object = isinstance(msgspec.json.decode(call.arguments or "{}"), dict)
    except (msgspec.DecodeError, RecursionError):
        is_object = False
    parameters = Raw((call.arguments or "{}").encode()) if is_object else call.arguments
    return {"name": call.name, "parameters": parameters}
