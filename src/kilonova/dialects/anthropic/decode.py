"""A request on Anthropic's wire → the platform's request. Pure."""

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from kilonova.core.chat import ChatRequest, Sampling
from kilonova.core.model import Model
from kilonova.dialects.anthropic.body import decode_body
from kilonova.dialects.anthropic.parameters import ignored_by, refuse_unsupported
from kilonova.dialects.anthropic.schema import CountBody, MessagesBody, Tool
from kilonova.dialects.anthropic.thinking import decode_thinking
from kilonova.dialects.anthropic.tools import (
    decode_output_format,
    decode_tool_choice,
    decode_tools,
    parse_tools,
)
from kilonova.dialects.anthropic.turns import check_prefill, decode_turns
from kilonova.dialects.wire.sealed_reasoning import ReasoningSeal
from kilonova.gateway.abilities import thinking_ignored

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


def decode_messages(body: MessagesBody, model: Model, seal: ReasoningSeal) -> Decoded:
    """Raises InvalidRequest for whatever cannot be honoured by this model."""
    refuse_unsupported(body)
    thinking = decode_thinking(body, model, max_tokens=body.max_tokens)
    tools = parse_tools(body.tools)
    request = replace(
        _request(body, model, tools, seal=seal),
        thinking=thinking,
        sampling=_sampling(body),
        max_output_tokens=body.max_tokens,
    )
    if request.continues_last:
        place = f"messages.{len(body.messages) - 1}"
        check_prefill(request, place, can_think=model.can("reasoning"))
    return Decoded(request, ignored_by(body, tools, thinking_ignored(model, thinking)))


def decode_count(body: CountBody, model: Model, seal: ReasoningSeal) -> Decoded:
    """As ``decode_messages``; an answer may be begun anyhow in order to be counted."""
    refuse_unsupported(body)
    thinking = decode_thinking(body, model, max_tokens=None)
    tools = parse_tools(body.tools)
    request = replace(_request(body, model, tools, seal=seal), thinking=thinking)
    return Decoded(request, ignored_by(body, tools, thinking_ignored(model, thinking)))


def _request(
    body: CountBody, model: Model, tools: list[Tool], *, seal: ReasoningSeal
) -> ChatRequest:
    choice = body.tool_choice
    messages = decode_turns(body.system, body.messages, seal)
    return ChatRequest(
        model=model.id,
        messages=messages,
        # An empty answer at the end has begun nothing.
        continues_last=bool(messages) and messages[-1].role == "assistant",
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
