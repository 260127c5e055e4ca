"""A request of the Responses API → the platform's request. Pure."""

import msgspec

from kilonova.core.chat import ChatRequest, Message, Sampling, TextPart, Thinking
from kilonova.core.errors import InvalidRequest
from kilonova.dialects.openai.body import decode_body
from kilonova.dialects.openai.decode import EFFORTS
from kilonova.dialects.openai.parameters import tier_asked
from kilonova.dialects.openai.responses import schema
from kilonova.dialects.openai.responses.parameters import refuse_unsupported
from kilonova.dialects.openai.responses.schema import CountBody, PromptBody, ResponseBody
from kilonova.dialects.openai.responses.tools import (
    decode_output_format,
    decode_tool_choice,
    decode_tools,
)

__all__ = ["decode_prompt", "decode_response", "parse_count", "parse_response"]

_LOGPROBS = "message.output_text.logprobs"

_responses = msgspec.json.Decoder(ResponseBody)
_counts = msgspec.json.Decoder(CountBody)


def parse_response(body: bytes) -> ResponseBody:
    """The body of ``POST /responses`` as a wire struct. Raises InvalidRequest."""
    parsed = decode_body(body, _responses)
    _check(parsed)
    if parsed.stream_options is not None and not parsed.stream:
        raise InvalidRequest(
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
            param="stream_options",
        )
    return parsed


def parse_count(body: bytes) -> CountBody:
    """The body of ``POST /responses/input_tokens``. Raises InvalidRequest."""
    parsed = decode_body(body, _counts)
    _check(parsed)
    return parsed


def _check(body: PromptBody) -> None:
    refuse_unsupported(body)
    if not body.input and body.previous_response_id is None:
        raise InvalidRequest(
            "Missing required parameter: 'input'. Send a text or items, or go on from a response "
            "with 'previous_response_id'.",
            param="input",
            reason="missing_required_parameter",
        )


def decode_prompt(
    body: PromptBody, messages: tuple[Message, ...], tools: list[schema.FunctionTool]
) -> ChatRequest:
    """What a prompt is made of. Instructions are those of this request alone, and come first."""
    if body.instructions:
        messages = (Message("system", (TextPart(body.instructions),)), *messages)
    return ChatRequest(
        model=body.model,
        messages=messages,
        thinking=_thinking(body.reasoning),
        tools=decode_tools(tools),
        tool_choice=decode_tool_choice(body.tool_choice, tools),
        can_call_in_parallel=body.parallel_tool_calls is not False,
        output_format=decode_output_format(body.text.format if body.text is not None else None),
    )


def decode_response(
    body: ResponseBody, messages: tuple[Message, ...], tools: list[schema.FunctionTool]
) -> ChatRequest:
    """Raises InvalidRequest for whatever cannot be honoured."""
    return msgspec.structs.replace(
        decode_prompt(body, messages, tools),
        sampling=Sampling(temperature=body.temperature, top_p=body.top_p),
        max_output_tokens=body.max_output_tokens,
        top_logprobs=_top_logprobs(body),
        service_tier=tier_asked(body.service_tier),
    )


def _thinking(asked: schema.Reasoning | None) -> Thinking:
    if asked is None or asked.effort is None:
        return Thinking()
    if asked.effort == "none":
        return Thinking(is_on=False)
    return Thinking(is_on=True, effort=EFFORTS[asked.effort])


def _top_logprobs(body: ResponseBody) -> int | None:
    """Alternatives imply the probabilities that they are alternatives to."""
    if body.top_logprobs or (body.include and _LOGPROBS in body.include):
        return body.top_logprobs or 0
    return None
