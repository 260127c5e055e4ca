"""What clients of the Responses API send, in OpenAI's own field names, with their limits.

Items and tools are unions by a ``type`` that clients may leave out, so a body keeps them raw and
``items.py`` and ``tools.py`` decode each by what it is.
"""

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Raw, Struct

from kilonova.dialects.openai.schema import NULL, ReasoningEffort

__all__ = [
    "CallOutput",
    "CountBody",
    "FunctionCall",
    "FunctionTool",
    "InputFile",
    "InputImage",
    "InputText",
    "ItemReference",
    "MessageItem",
    "OutputText",
    "Part",
    "PromptBody",
    "Reasoning",
    "ReasoningItem",
    "ReasoningText",
    "Refusal",
    "ResponseBody",
    "SummaryText",
    "TextConfig",
    "TextFormat",
    "ToolChoice",
]

ITEMS_MAX = 2_048
PARTS_MAX = 2_048
TOOLS_MAX = 128

_ModelName = Annotated[str, Meta(min_length=1, max_length=256)]
_FunctionName = Annotated[str, Meta(pattern="^[a-zA-Z0-9_-]{1,64}$")]
_Id = Annotated[str, Meta(min_length=1, max_length=256)]
_Metadata = Annotated[
    dict[Annotated[str, Meta(max_length=64)], Annotated[str, Meta(max_length=512)]],
    Meta(max_length=16),
]
_ItemStatus = Literal["in_progress", "completed", "incomplete"]
_Summary = Literal["auto", "concise", "detailed"]
_Include = Literal[
    "code_interpreter_call.outputs",
    "computer_call_output.output.image_url",
    "file_search_call.results",
    "message.input_image.image_url",
    "message.output_text.logprobs",
    "reasoning.encrypted_content",
    "web_search_call.action.sources",
    "web_search_call.results",
]


class InputText(
    Struct,
    frozen=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag_field="type",
    tag="input_text",
):
    text: str
    prompt_cache_breakpoint: Raw = NULL


class InputImage(
    Struct,
    frozen=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag_field="type",
    tag="input_image",
):
    image_url: str | None = None
    file_id: str | None = None
    detail: Literal["auto", "low", "high", "original"] | None = None
    prompt_cache_breakpoint: Raw = NULL


class InputFile(
    Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="input_file"
):
    """``attachments.py`` reads it; what is left in an item afterwards is text."""

    file_id: str | None = None
    file_data: str | None = None
    file_url: str | None = None
    filename: Annotated[str, Meta(max_length=512)] | None = None
    detail: Literal["auto", "low", "high"] | None = None
    prompt_cache_breakpoint: Raw = NULL


class OutputText(
    Struct,
    frozen=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag_field="type",
    tag="output_text",
):
    """``annotations``, ``logprobs`` and ``parsed`` come back from clients and say nothing new."""

    text: str
    annotations: Raw = NULL
    logprobs: Raw = NULL
    parsed: Raw = NULL


class Refusal(
    Struct,
    frozen=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag_field="type",
    tag="refusal",
):
    refusal: str


class SummaryText(
    Struct,
    frozen=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag_field="type",
    tag="summary_text",
):
    text: str


class ReasoningText(
    Struct,
    frozen=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag_field="type",
    tag="reasoning_text",
):
    text: str


Part: TypeAlias = InputText | InputImage | InputFile | OutputText | Refusal


class MessageItem(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag_field="type",
    tag="message",
):
    """``status`` and ``phase`` come back from clients and say nothing to a model."""

    role: Literal["user", "assistant", "system", "developer"]
    content: str | Annotated[list[Part], Meta(max_length=PARTS_MAX)]
    id: _Id | None = None
    status: _ItemStatus | None = None
    phase: Literal["commentary", "final_answer"] | None = None


class FunctionCall(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag_field="type",
    tag="function_call",
    rename={"is_async": "async"},
):
    """``parsed_arguments`` is what the SDK's ``parse`` adds to its own items."""

    call_id: _Id
    name: _FunctionName
    arguments: str
    id: _Id | None = None
    status: _ItemStatus | None = None
    caller: Raw = NULL
    namespace: Raw = NULL
    is_async: Raw = NULL
    parsed_arguments: Raw = NULL


class CallOutput(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag_field="type",
    tag="function_call_output",
):
    call_id: _Id
    output: str | Annotated[list[InputText | InputImage | InputFile], Meta(max_length=PARTS_MAX)]
    id: _Id | None = None
    status: _ItemStatus | None = None
    name: str | None = None
    caller: Raw = NULL
    namespace: Raw = NULL


class ReasoningItem(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag_field="type",
    tag="reasoning",
):
    """The thinking itself is in ``content``, in ``encrypted_content`` or in ``summary``."""

    summary: Annotated[list[SummaryText], Meta(max_length=PARTS_MAX)]
    content: Annotated[list[ReasoningText], Meta(max_length=PARTS_MAX)] | None = None
    encrypted_content: str | None = None
    id: _Id | None = None
    status: _ItemStatus | None = None


class ItemReference(
    Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="item_reference"
):
    id: _Id


class FunctionTool(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="type",
    tag="function",
    rename={"is_async": "async"},
):
    name: _FunctionName
    description: str | None = None
    parameters: Raw = NULL
    strict: bool | None = None
    allowed_callers: list[Literal["direct", "programmatic"]] | None = None
    defer_loading: bool | None = None
    output_schema: Raw = NULL
    is_async: bool | None = None


class NamedTool(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    type: str
    name: _FunctionName | None = None
    server_label: Raw = NULL


class ToolChoice(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One function, several, or a built-in tool, which is refused by its type."""

    type: str
    name: _FunctionName | None = None
    mode: Literal["auto", "required"] | None = None
    tools: Annotated[list[NamedTool], Meta(min_length=1, max_length=TOOLS_MAX)] | None = None
    server_label: Raw = NULL


class TextFormat(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    type: Literal["text", "json_object", "json_schema"]
    name: _FunctionName | None = None
    schema: Raw = NULL
    description: str | None = None
    strict: bool | None = None


class TextConfig(Struct, frozen=True, forbid_unknown_fields=True):
    format: TextFormat | None = None
    verbosity: Literal["low", "medium", "high"] | None = None


class Reasoning(Struct, frozen=True, forbid_unknown_fields=True):
    effort: ReasoningEffort | None = None
    summary: _Summary | None = None
    generate_summary: _Summary | None = None
    context: Literal["auto", "current_turn", "all_turns"] | None = None
    mode: str | None = None


class StreamOptions(Struct, frozen=True, forbid_unknown_fields=True):
    include_obfuscation: bool | None = None


class PromptBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a prompt is made of. ``conversation`` is refused, see parameters.py."""

    model: _ModelName
    input: str | Annotated[list[Raw], Meta(max_length=ITEMS_MAX)] | None = None
    instructions: str | None = None
    previous_response_id: _Id | None = None
    tools: Annotated[list[Raw], Meta(max_length=TOOLS_MAX)] | None = None
    tool_choice: Literal["none", "auto", "required"] | ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    reasoning: Reasoning | None = None
    text: TextConfig | None = None
    truncation: Literal["auto", "disabled"] | None = None
    conversation: Raw = NULL


class CountBody(PromptBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of ``POST /responses/input_tokens``. ``personality`` is refused."""

    personality: Raw = NULL


class ResponseBody(PromptBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of ``POST /responses``."""

    stream: bool | None = None
    stream_options: StreamOptions | None = None
    store: bool | None = None
    include: Annotated[list[_Include], Meta(max_length=16)] | None = None
    max_output_tokens: Annotated[int, Meta(ge=1, le=2**31 - 1)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    metadata: _Metadata | None = None
    service_tier: (
        Literal["auto", "default", "flex", "scale", "priority", "fast", "ultrafast"] | None
    ) = None
    # Ignored, see parameters.py.
    image: Raw = NULL
    max_tool_calls: int | None = None
    prompt_cache_key: str | None = None
    prompt_cache_options: Raw = NULL
    prompt_cache_retention: str | None = None
    safety_identifier: str | None = None
    user: str | None = None
    # Refused, see parameters.py.
    access_programs: Raw = NULL
    background: bool | None = None
    background_options: Raw = NULL
    context_management: Raw = NULL
    moderation: Raw = NULL
    prompt: Raw = NULL
