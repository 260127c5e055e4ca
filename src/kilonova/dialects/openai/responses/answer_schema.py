"""What clients of the Responses API expect back, in OpenAI's own field names.

The items of an answer are those of ``schema.py``: what is answered is what is sent back.
"""

from typing import Literal

import msgspec
from msgspec import Raw, Struct

from kilonova.core.usage import Usage
from kilonova.dialects.openai.responses.items import KeptItem
from kilonova.dialects.openai.responses.schema import ResponseBody, ToolChoice

__all__ = [
    "Deleted",
    "Failure",
    "IncompleteDetails",
    "InputTokens",
    "ItemPage",
    "ResponseObject",
    "Status",
    "WireUsage",
    "begin",
    "wire_usage",
]

_TEXT = Raw(b'{"type":"text"}')

Status = Literal["in_progress", "completed", "incomplete", "failed"]


class Failure(Struct, frozen=True):
    code: Literal["server_error", "rate_limit_exceeded"]
    message: str


class IncompleteDetails(Struct, frozen=True):
    reason: Literal["max_output_tokens", "content_filter"]


class InputDetails(Struct, frozen=True):
    cached_tokens: int
    cache_write_tokens: int


class OutputDetails(Struct, frozen=True):
    reasoning_tokens: int


class WireUsage(Struct, frozen=True):
    input_tokens: int
    input_tokens_details: InputDetails
    output_tokens: int
    output_tokens_details: OutputDetails
    total_tokens: int


class Reasoning(Struct, frozen=True):
    effort: str | None = None
    summary: str | None = None


class Format(Struct, frozen=True):
    format: Raw


class ResponseObject(Struct, frozen=True, kw_only=True):
    """A response, while it is made and when it is done."""

    id: str
    object: Literal["response"] = "response"
    created_at: int
    status: Status = "in_progress"
    background: bool = False
    completed_at: int | None = None
    error: Failure | None = None
    incomplete_details: IncompleteDetails | None = None
    instructions: str | None
    max_output_tokens: int | None
    max_tool_calls: int | None
    model: str
    output: tuple[KeptItem, ...] = ()
    parallel_tool_calls: bool
    previous_response_id: str | None
    prompt_cache_key: str | None
    reasoning: Reasoning
    safety_identifier: str | None
    service_tier: str = "default"
    store: bool
    temperature: float | None
    text: Format
    tool_choice: str | ToolChoice
    tools: list[Raw]
    top_logprobs: int
    top_p: float | None
    truncation: str
    usage: WireUsage | None = None
    user: str | None
    metadata: dict[str, str]


class InputTokens(Struct, frozen=True):
    input_tokens: int
    object: Literal["response.input_tokens"] = "response.input_tokens"


class Deleted(Struct, frozen=True):
    id: str
    object: Literal["response"] = "response"
    deleted: bool = True


class ItemPage(Struct, frozen=True):
    data: tuple[KeptItem, ...]
    first_id: str | None
    last_id: str | None
    has_more: bool
    object: Literal["list"] = "list"


def begin(body: ResponseBody, *, response_id: str, model_id: str, created_s: int) -> ResponseObject:
    """The response to this request before anything of it is there."""
    asked = body.reasoning
    summary = None if asked is None else asked.summary or asked.generate_summary
    text = None if body.text is None else body.text.format
    return ResponseObject(
        id=response_id,
        created_at=created_s,
        instructions=body.instructions,
        max_output_tokens=body.max_output_tokens,
        max_tool_calls=body.max_tool_calls,
        model=model_id,
        parallel_tool_calls=body.parallel_tool_calls is not False,
        previous_response_id=body.previous_response_id,
        prompt_cache_key=body.prompt_cache_key,
        reasoning=Reasoning(None if asked is None else asked.effort, summary),
        safety_identifier=body.safety_identifier,
        store=body.store is not False,
        temperature=body.temperature,
        text=Format(_TEXT if text is None else _line(Raw(msgspec.json.encode(text)))),
        tool_choice=body.tool_choice or "auto",
        tools=[_line(tool) for tool in body.tools or ()],
        top_logprobs=body.top_logprobs or 0,
        top_p=body.top_p,
        truncation=body.truncation or "disabled",
        user=body.user,
        metadata=body.metadata or {},
    )


def _line(raw: Raw) -> Raw:
    """The caller's own JSON on one line: it goes into events, which end with a line."""
    return Raw(msgspec.json.format(bytes(raw), indent=-1))


def wire_usage(usage: Usage) -> WireUsage:
    """Tokens by kind, as OpenAI nests them: cached tokens are part of the input's."""
    return WireUsage(
        usage.prompt_tokens,
        InputDetails(usage.cache_read_tokens, usage.cache_write_tokens),
        usage.output_tokens,
        OutputDetails(usage.reasoning_tokens),
        usage.total_tokens,
    )
