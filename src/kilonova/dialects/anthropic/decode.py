"""A request on Anthropic's wire → the platform's request. Pure."""

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from kilonova.core.chat import ChatRequest, Sampling
from kilonova.core.errors import InvalidRequest
from kilonova.core.model import Model
from kilonova.dialects.anthropic.body import decode_body
from kilonova.dialects.anthropic.complaints import invalid
from kilonova.dialects.anthropic.parameters import ignored_by, refuse_unsupported
from kilonova.dialects.anthropic.schema import CountBody, MessagesBody, Tool
from kilonova.dialects.anthropic.tools import (
    decode_output_format,
    decode_tool_choice,
    decode_tools,
    parse_tools,
)
from kilonova.dialects.anthropic.turns import decode_turns

__all__ = ["Decoded", "decode_count", "decode_messages", "parse_count", "parse_messages"]

_messages_bodies = msgspec.json.Decoder(MessagesBody)
_count_bodies = msgspec.json.Decoder(CountBody)


class Decoded(Struct, frozen=True):
    """The platform's request, and the hints that have no effect on it."""

    request: ChatRequest
    ignored: list[str]


def parse_messages(body: bytes) -> MessagesBody:
    """The body of a request for a message as a wire struct. Raises InvalidRequest."""
    return decode_body(body, _messages_bodies)


def parse_count(body: bytes) -> CountBody:
    """The body of a request for a count of tokens as a wire struct. Raises InvalidRequest."""
    return decode_body(body, _count_bodies)


def decode_messages(body: MessagesBody, model: Model) -> Decoded:
    """Raises InvalidRequest for whatever cannot be honoured by this model."""
    refuse_unsupported(body)
    if body.messages[-1].role == "assistant":
        raise InvalidRequest(
            "This model does not support assistant message prefill. The conversation must end with "
            "a user message.",
            param="messages",
        )
    _check_thinking(body, model, max_tokens=body.max_tokens)
    tools = parse_tools(body.tools)
    request = replace(
        _request(body, model, tools),
        sampling=_sampling(body),
        max_output_tokens=body.max_tokens,
    )
    return Decoded(request, ignored_by(body, tools, model))


def decode_count(body: CountBody, model: Model) -> Decoded:
    """As ``decode_messages``; a conversation may end anywhere in order to be counted."""
    refuse_unsupported(body)
    _check_thinking(body, model, max_tokens=None)
    tools = parse_tools(body.tools)
    return Decoded(_request(body, model, tools), ignored_by(body, tools, model))


def _request(body: CountBody, model: Model, tools: list[Tool]) -> ChatRequest:
    choice = body.tool_choice
    return ChatRequest(
        model=model.id,
        messages=decode_turns(body.system, body.messages),
        tools=decode_tools(tools),
        tool_choice=decode_tool_choice(choice, tools),
        can_call_in_parallel=choice is None or not choice.disable_parallel_tool_use,
        output_format=decode_output_format(body),
    )


def _sampling(body: MessagesBody) -> Sampling:
    """Empty stop sequences stop nothing; the best of none is the best of all."""
    return Sampling(
        temperature=body.temperature,
        top_p=body.top_p,
        top_k=body.top_k or None,
        stop=tuple([text for text in body.stop_sequences or () if text]),
    )


def _check_thinking(body: CountBody, model: Model, *, max_tokens: int | None) -> None:
    """Thinking that is insisted on needs a model that thinks, and room to do it."""
    thinking = body.thinking
    if thinking is None or thinking.type != "enabled":
        return
    if thinking.budget_tokens is None:
        raise invalid("thinking.enabled.budget_tokens", "Field required")
    if max_tokens is not None and thinking.budget_tokens >= max_tokens:
        raise invalid("max_tokens", "`max_tokens` must be greater than `thinking.budget_tokens`")
    if not model.can("reasoning"):
        raise invalid("thinking", f"The model {model.id} does not support extended thinking.")
    if body.tool_choice is not None and body.tool_choice.type in ("any", "tool"):
        raise invalid(
            "tool_choice", "Thinking may not be enabled when tool_choice forces tool use."
        )
