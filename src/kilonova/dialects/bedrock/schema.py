"""The wire of Converse, in AWS's own spelling: what requests hold.

Only what decoding reads is typed; rare or refused members are kept unread. Documents are `Raw`,
empty when absent. The limits here are those of AWS's description: a test compares the two.
"""

from typing import Annotated, Literal

from msgspec import Meta, Raw, Struct

__all__ = [
    "CachePoint",
    "CitationsContent",
    "ContentBlock",
    "Converse",
    "ConverseTokens",
    "CountTokens",
    "GuardContent",
    "GuardrailConfig",
    "ImageBlock",
    "ImageSource",
    "InferenceConfig",
    "InputSchema",
    "InvokeTokens",
    "JsonSchema",
    "OutputConfig",
    "OutputStructure",
    "PerformanceConfig",
    "ReasoningContent",
    "ReasoningText",
    "ServiceTier",
    "SystemBlock",
    "TextFormat",
    "TokensInput",
    "Tool",
    "ToolChoice",
    "ToolConfig",
    "ToolName",
    "ToolResult",
    "ToolResultContent",
    "ToolSpec",
    "ToolUse",
    "ToolUseId",
    "Turn",
]

ToolName = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"\A[a-zA-Z0-9_-]+\Z")]
ToolUseId = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"\A[a-zA-Z0-9_.:-]+\Z")]
Text = Annotated[str, Meta(min_length=1)]
Share = Annotated[float, Meta(ge=0, le=1)]
FieldPath = Annotated[str, Meta(min_length=1, max_length=256)]
Blob = Annotated[bytes, Meta(min_length=1)]
# An object whose members are not looked at.
Unread = dict[str, Raw]


class _Wire(Struct, frozen=True, kw_only=True, rename="camel"):
    """Unknown members are ignored: newer SDKs may send them."""


class CachePoint(_Wire, frozen=True):
    type: Literal["default"]
    ttl: Literal["5m", "1h"] | None = None


class ImageSource(_Wire, frozen=True):
    bytes: Blob | None = None
    s3_location: Unread | None = None


class ImageBlock(_Wire, frozen=True):
    format: Literal["png", "jpeg", "gif", "webp"]
    source: ImageSource
    error: Unread | None = None


class ToolUse(_Wire, frozen=True):
    tool_use_id: ToolUseId
    name: ToolName
    input: Raw
    type: Literal["server_tool_use"] | None = None


class ToolResultContent(_Wire, frozen=True):
    json: Raw = Raw()
    text: str | None = None
    image: Unread | None = None
    document: Unread | None = None
    video: Unread | None = None
    search_result: Unread | None = None


class ToolResult(_Wire, frozen=True):
    tool_use_id: ToolUseId
    content: tuple[ToolResultContent, ...]
    status: Literal["success", "error"] = "success"
    type: str | None = None


class ReasoningText(_Wire, frozen=True):
    text: str
    signature: str | None = None


class ReasoningContent(_Wire, frozen=True):
    reasoning_text: ReasoningText | None = None
    redacted_content: str | None = None


class CitedText(_Wire, frozen=True):
    text: str = ""


class CitationsContent(_Wire, frozen=True):
    content: tuple[CitedText, ...] = ()
    citations: tuple[Unread, ...] | None = None


class GuardText(_Wire, frozen=True):
    text: str
    qualifiers: tuple[Literal["grounding_source", "query", "guard_content"], ...] | None = None


class GuardContent(_Wire, frozen=True):
    """Exactly one of these is set."""

    text: GuardText | None = None
    image: Unread | None = None


class ContentBlock(_Wire, frozen=True):
    """Exactly one of these is set."""

    text: str | None = None
    image: ImageBlock | None = None
    tool_use: ToolUse | None = None
    tool_result: ToolResult | None = None
    reasoning_content: ReasoningContent | None = None
    citations_content: CitationsContent | None = None
    cache_point: CachePoint | None = None
    document: Unread | None = None
    video: Unread | None = None
    audio: Unread | None = None
    guard_content: GuardContent | None = None
    search_result: Unread | None = None
    tool_addition: Unread | None = None
    tool_removal: Unread | None = None


class Turn(_Wire, frozen=True):
    role: Literal["user", "assistant", "system"]
    content: tuple[ContentBlock, ...]


class SystemBlock(_Wire, frozen=True):
    text: Text | None = None
    cache_point: CachePoint | None = None
    guard_content: GuardContent | None = None


class InferenceConfig(_Wire, frozen=True):
    max_tokens: Annotated[int, Meta(ge=1)] | None = None
    temperature: Share | None = None
    top_p: Share | None = None
    stop_sequences: Annotated[tuple[Text, ...], Meta(max_length=2500)] | None = None


class InputSchema(_Wire, frozen=True):
    json: Raw = Raw()


class ToolSpec(_Wire, frozen=True):
    name: ToolName
    input_schema: InputSchema
    description: Text | None = None
    strict: bool | None = None


class Tool(_Wire, frozen=True):
    tool_spec: ToolSpec | None = None
    cache_point: CachePoint | None = None
    system_tool: Unread | None = None


class SpecificTool(_Wire, frozen=True):
    name: ToolName


class ToolChoice(_Wire, frozen=True):
    """Exactly one of these is set."""

    auto: Unread | None = None
    any: Unread | None = None
    tool: SpecificTool | None = None


class ToolConfig(_Wire, frozen=True):
    tools: Annotated[tuple[Tool, ...], Meta(min_length=1)]
    tool_choice: ToolChoice | None = None


class JsonSchema(_Wire, frozen=True):
    schema: str
    name: str | None = None
    description: str | None = None


class OutputStructure(_Wire, frozen=True):
    json_schema: JsonSchema | None = None


class TextFormat(_Wire, frozen=True):
    type: Literal["json_schema"]
    structure: OutputStructure


class OutputConfig(_Wire, frozen=True):
    text_format: TextFormat | None = None
    effort: Annotated[str, Meta(max_length=16)] | None = None


class GuardrailConfig(_Wire, frozen=True):
    """Both operations' own: only streams have a processing mode."""

    guardrail_identifier: str | None = None
    guardrail_version: str | None = None
    trace: Literal["enabled", "disabled", "enabled_full"] | None = None
    stream_processing_mode: Literal["sync", "async"] | None = None


class PerformanceConfig(_Wire, frozen=True):
    latency: Literal["standard", "optimized"] | None = None


class ServiceTier(_Wire, frozen=True):
    type: Literal["priority", "default", "flex", "reserved"]


class Converse(_Wire, frozen=True):
    """The body of Converse and of ConverseStream."""

    messages: tuple[Turn, ...] | None = None
    system: tuple[SystemBlock, ...] | None = None
    inference_config: InferenceConfig | None = None
    tool_config: ToolConfig | None = None
    output_config: OutputConfig | None = None
    additional_model_request_fields: Raw = Raw()
    additional_model_response_field_paths: (
        Annotated[tuple[FieldPath, ...], Meta(max_length=10)] | None
    ) = None
    guardrail_config: GuardrailConfig | None = None
    performance_config: PerformanceConfig | None = None
    prompt_variables: Unread | None = None
    request_metadata: Unread | None = None
    service_tier: ServiceTier | None = None


class ConverseTokens(_Wire, frozen=True):
    """What CountTokens counts of a Converse request."""

    messages: tuple[Turn, ...] | None = None
    system: tuple[SystemBlock, ...] | None = None
    tool_config: ToolConfig | None = None
    additional_model_request_fields: Raw = Raw()


class InvokeTokens(_Wire, frozen=True):
    """What CountTokens counts of an InvokeModel request; JSON writes the body in base64."""

    body: bytes


class TokensInput(_Wire, frozen=True):
    """Exactly one of these is set."""

    converse: ConverseTokens | None = None
    invoke_model: InvokeTokens | None = None


class CountTokens(_Wire, frozen=True):
    """The body of CountTokens."""

    input: TokensInput
