"""What Anthropic's clients send, in Anthropic's own field names. Extra fields are refused.

What is not looked into is kept raw: absent and null are one.
"""

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Raw, Struct, field

__all__ = [
    "NULL",
    "Block",
    "CountBody",
    "Image",
    "ImageSource",
    "MessagesBody",
    "OutputConfig",
    "OutputFormat",
    "RedactedThinking",
    "Text",
    "Thinking",
    "ThinkingConfig",
    "Tool",
    "ToolChoice",
    "ToolResult",
    "ToolUse",
    "Turn",
]

NULL = Raw(b"null")

_TURNS_MAX = 2_048
_BLOCKS_MAX = 2_048
_TOOLS_MAX = 128
_STOPS_MAX = 2_500

_ModelName = Annotated[str, Meta(min_length=1, max_length=256)]
_ToolName = Annotated[str, Meta(pattern="^[a-zA-Z0-9_-]{1,128}$")]
_CallId = Annotated[str, Meta(pattern="^[a-zA-Z0-9_-]{1,256}$")]
_Fraction = Annotated[float, Meta(ge=0, le=1)]


class Text(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="text"):
    """``parsed_output`` is what the SDK's ``parse`` adds to its own messages."""

    text: str
    cache_control: Raw = NULL
    citations: Raw = NULL
    parsed_output: Raw = NULL


class ImageSource(Struct, frozen=True, forbid_unknown_fields=True):
    """``url`` and ``file_id`` decode, to be refused by name."""

    type: Literal["base64", "url", "file"]
    media_type: Literal["image/jpeg", "image/png", "image/gif", "image/webp"] | None = None
    data: str | None = None
    url: Raw = NULL
    file_id: Raw = NULL


class Image(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="image"):
    source: ImageSource
    cache_control: Raw = NULL
    transformations: Raw = NULL


class Thinking(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="thinking"):
    thinking: str
    signature: str


class RedactedThinking(
    Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="redacted_thinking"
):
    data: str


class ToolUse(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="tool_use"):
    id: _CallId
    name: _ToolName
    input: Raw
    cache_control: Raw = NULL
    caller: Raw = NULL
    toolset_name: Raw = NULL


class ToolResult(
    Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="tool_result"
):
    tool_use_id: _CallId
    content: str | Annotated[list[Text | Image], Meta(max_length=_BLOCKS_MAX)] | None = None
    is_error: bool | None = None
    cache_control: Raw = NULL
    toolset_name: Raw = NULL


Block: TypeAlias = Text | Image | Thinking | RedactedThinking | ToolUse | ToolResult


class Turn(Struct, frozen=True, forbid_unknown_fields=True):
    role: Literal["user", "assistant", "system"]
    content: str | Annotated[list[Block], Meta(max_length=_BLOCKS_MAX)]


class Tool(Struct, frozen=True, forbid_unknown_fields=True):
    """A tool that the client runs. Those that the vendor runs are refused before."""

    name: _ToolName
    input_schema: Raw
    type: Literal["custom"] | None = None
    description: str | None = None
    strict: bool | None = None
    cache_control: Raw = NULL
    input_examples: Raw = NULL
    eager_input_streaming: bool | None = None
    defer_loading: bool | None = None
    allowed_callers: list[str] | None = None


class ToolChoice(Struct, frozen=True, forbid_unknown_fields=True):
    type: Literal["auto", "any", "tool", "none"]
    name: _ToolName | None = None
    disable_parallel_tool_use: bool | None = None


class ThinkingConfig(Struct, frozen=True, forbid_unknown_fields=True):
    type: Literal["enabled", "disabled", "adaptive", "between_tools"]
    budget_tokens: Annotated[int, Meta(ge=1_024, le=2**31 - 1)] | None = None
    display: Literal["summarized", "omitted"] | None = None


class OutputFormat(Struct, frozen=True, forbid_unknown_fields=True):
    type: Literal["json_schema"]
    wanted: Raw = field(name="schema")


class OutputConfig(Struct, frozen=True, forbid_unknown_fields=True):
    format: OutputFormat | None = None
    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None


class CountBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of ``POST /v1/messages/count_tokens``: what the prompt is made of.

    On clouds' addresses the model may stand in the path, and the version in the body.
    """

    model: _ModelName | None = None
    messages: Annotated[list[Turn], Meta(min_length=1, max_length=_TURNS_MAX)]
    system: str | Annotated[list[Text], Meta(max_length=_BLOCKS_MAX)] | None = None
    tools: Annotated[list[Raw], Meta(max_length=_TOOLS_MAX)] | None = None
    tool_choice: ToolChoice | None = None
    thinking: ThinkingConfig | None = None
    output_config: OutputConfig | None = None
    output_format: OutputFormat | None = None
    anthropic_version: str | None = None
    # Ignored, see parameters.py.
    anthropic_beta: Raw = NULL
    cache_control: Raw = NULL
    user_profile_id: str | None = None
    # Refused, see parameters.py.
    container: Raw = NULL
    context_management: Raw = NULL
    mcp_servers: Raw = NULL
    speed: Literal["standard", "fast"] | None = None
    thread: Raw = NULL


class MessagesBody(CountBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of ``POST /v1/messages``. A limit of 0 decodes, to be refused by name."""

    max_tokens: Annotated[int, Meta(ge=0, le=2**31 - 1)]
    stream: bool | None = None
    stop_sequences: (
        Annotated[list[Annotated[str, Meta(max_length=1_024)]], Meta(max_length=_STOPS_MAX)] | None
    ) = None
    temperature: _Fraction | None = None
    top_p: _Fraction | None = None
    top_k: Annotated[int, Meta(ge=0, le=2**31 - 1)] | None = None
    service_tier: Literal["auto", "standard_only"] | None = None
    # Ignored, see parameters.py.
    diagnostics: Raw = NULL
    metadata: Raw = NULL
    # Refused, see parameters.py.
    billing_policy: Raw = NULL
    compaction: Raw = NULL
    fallback_credit_token: Raw = NULL
    fallbacks: Raw = NULL
    inference_geo: str | None = None
