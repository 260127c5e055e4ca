"""The platform's answers → Anthropic's bodies. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Raw, Struct

from kilonova.core.events import ChatAnswer, Choice, FinishReason, ToolCall
from kilonova.core.model import Model
from kilonova.core.usage import Usage
from kilonova.dialects.wire.sealed_reasoning import ReasoningSeal

__all__ = [
    "Head",
    "Page",
    "encode_answer",
    "encode_count",
    "encode_model",
    "encode_models",
    "encode_usage",
    "stop_reason",
]

_STOP_REASONS: Mapping[FinishReason, str] = {
    "stop": "end_turn",
    "stop_sequence": "stop_sequence",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
}
_NO_ARGUMENTS = Raw(b"{}")

_encode = msgspec.json.encode


class Head(Struct, frozen=True, kw_only=True):
    """What an answer says about itself, and what was asked of it.

    ``shows_thinking`` false: thinking is kept back, and only its signature is told, which holds it.
    """

    id: str
    model: Model
    max_tokens: int
    seal: ReasoningSeal
    shows_thinking: bool = True

    def sign(self, thought: str) -> str:
        """The signature that goes with a thought."""
        return self.seal.sign(thought) if self.shows_thinking else self.seal.hide(thought)


class Page(Struct, frozen=True, kw_only=True):
    """A part of the list of models."""

    models: tuple[Model, ...]
    has_more: bool


def encode_answer(head: Head, answer: ChatAnswer) -> bytes:
    """The body of a whole answer."""
    (choice,) = answer.choices
    return _encode(
        {
            "id": head.id,
            "type": "message",
            "role": "assistant",
            "model": head.model.id,
            "content": _content(choice, head),
            "stop_reason": stop_reason(choice.reason, answer.usage, head),
            "stop_sequence": choice.stop_sequence,
            "stop_details": stop_details(choice.reason),
            "usage": encode_usage(answer.usage),
        }
    )


def _content(choice: Choice, head: Head) -> list[dict[str, Any]]:
    """Thoughts, text, tool calls."""
    content: list[dict[str, Any]] = []
    if choice.reasoning:
        shown = choice.reasoning if head.shows_thinking else ""
        signature = head.sign(choice.reasoning)
        content.append({"type": "thinking", "thinking": shown, "signature": signature})
    if choice.text:
        content.append({"type": "text", "text": choice.text})
    content += [
        {"type": "tool_use", "id": call.id, "name": call.name, "input": _arguments(call)}
        for call in choice.tool_calls
    ]
    # Clients read content[0].text; an empty answer must not break them.
    return content or [{"type": "text", "text": ""}]


def _arguments(call: ToolCall) -> Raw:
    """The arguments as a document. Those cut off or malformed must not pass for good ones."""
    if not call.arguments.strip():
        return _NO_ARGUMENTS
    try:
        is_object = isinstance(msgspec.json.decode(call.arguments), dict)
    except (msgspec.DecodeError, RecursionError):
        is_object = False
    if is_object:
        return Raw(call.arguments.encode())
    return Raw(_encode({"INVALID_JSON": call.arguments}))


def stop_reason(reason: FinishReason, usage: Usage, head: Head) -> str:
    """Anthropic's name. A text that ended before its limit ended where the context did."""
    is_full = usage.prompt_tokens + usage.output_tokens >= head.model.context_tokens
    if reason == "length" and usage.output_tokens < head.max_tokens and is_full:
        return "model_context_window_exceeded"
    return _STOP_REASONS[reason]


def stop_details(reason: FinishReason) -> dict[str, str | None] | None:
    """What there is to say about a refusal: that it was one."""
    if reason != "content_filter":
        return None
    return {"type": "refusal", "category": None, "explanation": None}


def encode_usage(usage: Usage) -> dict[str, Any]:
    """Tokens by kind; the three kinds of input are disjoint on this wire too."""
    return {
        **count_usage(usage),
        "cache_creation": {
            "ephemeral_5m_input_tokens": usage.cache_write_tokens,
            "ephemeral_1h_input_tokens": 0,
        },
        "service_tier": "standard",
    }


def count_usage(usage: Usage) -> dict[str, Any]:
    """The part of the usage that a stream repeats at its end."""
    return {
        "input_tokens": usage.input_tokens,
        "cache_creation_input_tokens": usage.cache_write_tokens,
        "cache_read_input_tokens": usage.cache_read_tokens,
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"thinking_tokens": usage.reasoning_tokens},
    }


def encode_count(input_tokens: int) -> bytes:
    """The body of a count of tokens."""
    return _encode({"input_tokens": input_tokens})


def encode_model(model: Model) -> bytes:
    """One model."""
    return _encode(_card(model))


def encode_models(page: Page) -> bytes:
    """A page of models, and whether there are more behind it."""
    cards = [_card(model) for model in page.models]
    return _encode(
        {
            "data": cards,
            "has_more": page.has_more,
            "first_id": cards[0]["id"] if cards else None,
            "last_id": cards[-1]["id"] if cards else None,
        }
    )


def _card(model: Model) -> dict[str, Any]:
    created = datetime.fromtimestamp(model.created_s, UTC)
    return {
        "type": "model",
        "id": model.id,
        "display_name": model.name,
        "created_at": created.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "lifecycle": "active",
        "line": None,
        "deprecated_at": None,
        "retires_at": None,
        "max_input_tokens": model.context_tokens,
        "max_tokens": model.output_tokens_max,
        "capabilities": _capabilities(model),
    }


def _capabilities(model: Model) -> dict[str, Any]:
    """All that Anthropic lists: of most of them there is nothing here."""
    no = {"supported": False}
    thinks = {"supported": model.can("reasoning")}
    return {
        "batch": no,
        "citations": no,
        "code_execution": no,
        "context_management": no,
        "effort": dict.fromkeys(("low", "medium", "high", "xhigh", "max"), thinks) | thinks,
        "image_input": {"supported": model.can("vision")},
        "pdf_input": no,
        "server_tools": {"code_execution": no, "web_search": no, **no},
        "structured_outputs": {"supported": model.can("json")},
        "thinking": {
            "types": {
                "enabled": thinks,
                "adaptive": thinks,
                "between_tools": no,
                "disabled": thinks,
            },
            **thinks,
        },
    }
