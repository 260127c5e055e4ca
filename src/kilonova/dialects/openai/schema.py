"""What OpenAI's clients send, in OpenAI's own field names, with the limits of each field.

Every parameter that OpenAI documents has a field here; ``parameters.py`` says which of them are
ignored and which are refused. Anything else is refused by name, as OpenAI does it.
"""

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Raw, Struct

__all__ = [
    "NULL",
    "AllowedTools",
    "AssistantMessage",
    "AudioPart",
    "ChatBody",
    "ContentPart",
    "DeveloperMessage",
    "EmbeddingBody",
    "FilePart",
    "FunctionMessage",
    "ImagePart",
    "JsonSchema",
    "ReasoningEffort",
    "RefusalPart",
    "ResponseFormat",
    "SystemMessage",
    "TextPart",
    "ThinkingMode",
    "Tool",
    "ToolCall",
    "ToolChoice",
    "ToolMessage",
    "UserMessage",
    "WireMessage",
]

# What is not looked into is kept raw: absent and null are one.
NULL = Raw(b"null")

MESSAGES_MAX = 2_048
PARTS_MAX = 2_048
TOOLS_MAX = 128
STOPS_MAX = 16  # OpenAI takes 4, its relatives more
CHOICES_MAX = 8
INPUTS_MAX = 2_048

_ModelName = Annotated[str, Meta(min_length=1, max_length=256)]
_FunctionName = Annotated[str, Meta(pattern="^[a-zA-Z0-9_-]{1,64}$")]
_PersonName = Annotated[str, Meta(pattern=r"^[^\s<|\\/>]{1,64}$")]
_CallId = Annotated[str, Meta(min_length=1, max_length=256)]
_Penalty = Annotated[float, Meta(ge=-2, le=2)]
_Tokens = Annotated[int, Meta(ge=1, le=2**31 - 1)]
_Stop = Annotated[str, Meta(max_length=1_024)]


class TextPart(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="text"):
    text: str
    prompt_cache_breakpoint: Raw = NULL


class ImageUrl(Struct, frozen=True, forbid_unknown_fields=True):
    url: str
    detail: Literal["auto", "low", "high", "original"] = "auto"


class ImagePart(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="image_url"):
    image_url: ImageUrl
    prompt_cache_breakpoint: Raw = NULL


class AudioPart(Struct, frozen=True, tag_field="type", tag="input_audio"):
    input_audio: Raw = NULL


class FilePart(Struct, frozen=True, tag_field="type", tag="file"):
    file: Raw = NULL


class RefusalPart(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="refusal"):
    refusal: str


ContentPart: TypeAlias = TextPart | ImagePart | AudioPart | FilePart
_Texts = str | Annotated[list[TextPart], Meta(min_length=1, max_length=PARTS_MAX)]


class SystemMessage(
    Struct, frozen=True, forbid_unknown_fields=True, tag_field="role", tag="system"
):
    content: _Texts
    name: _PersonName | None = None


class DeveloperMessage(SystemMessage, frozen=True, tag="developer"):
    """The newer name of a system message."""


class UserMessage(Struct, frozen=True, forbid_unknown_fields=True, tag_field="role", tag="user"):
    content: str | Annotated[list[ContentPart], Meta(min_length=1, max_length=PARTS_MAX)]
    name: _PersonName | None = None


class FunctionCall(Struct, frozen=True, forbid_unknown_fields=True):
    """``parsed_arguments`` is what the SDK's ``parse`` adds to its own messages."""

    name: _FunctionName
    arguments: str
    parsed_arguments: Raw = NULL


class ToolCall(Struct, frozen=True, forbid_unknown_fields=True):
    id: _CallId
    type: str = "function"
    function: FunctionCall | None = None
    custom: Raw = NULL
    index: int | None = None


class AssistantMessage(
    Struct, frozen=True, forbid_unknown_fields=True, tag_field="role", tag="assistant"
):
    """``annotations`` and ``parsed`` come back from the SDK and repeat what ``content`` says.

    ``prefix`` and ``reasoning_content`` are not OpenAI's own, see parameters.py.
    """

    content: (
        str
        | Annotated[list[TextPart | RefusalPart], Meta(min_length=1, max_length=PARTS_MAX)]
        | None
    ) = None
    name: _PersonName | None = None
    refusal: str | None = None
    tool_calls: Annotated[list[ToolCall], Meta(min_length=1, max_length=TOOLS_MAX)] | None = None
    reasoning_content: str | None = None
    prefix: bool | None = None
    audio: Raw = NULL
    function_call: Raw = NULL
    annotations: Raw = NULL
    parsed: Raw = NULL


class ToolMessage(Struct, frozen=True, forbid_unknown_fields=True, tag_field="role", tag="tool"):
    tool_call_id: _CallId
    content: _Texts
    name: _PersonName | None = None


class FunctionMessage(Struct, frozen=True, tag_field="role", tag="function"):
    """The predecessor of a tool message; refused by name."""


WireMessage: TypeAlias = (
    SystemMessage
    | DeveloperMessage
    | UserMessage
    | AssistantMessage
    | ToolMessage
    | FunctionMessage
)


class Function(Struct, frozen=True, forbid_unknown_fields=True):
    name: _FunctionName
    description: str | None = None
    parameters: Raw = NULL
    strict: bool | None = None


class Tool(Struct, frozen=True, forbid_unknown_fields=True):
    type: str
    function: Function | None = None
    custom: Raw = NULL


class NamedFunction(Struct, frozen=True, forbid_unknown_fields=True):
    name: _FunctionName


class NamedTool(Struct, frozen=True, forbid_unknown_fields=True):
    type: str
    function: NamedFunction | None = None
    custom: Raw = NULL


class AllowedTools(Struct, frozen=True, forbid_unknown_fields=True):
    mode: Literal["auto", "required"]
    tools: Annotated[list[NamedTool], Meta(min_length=1, max_length=TOOLS_MAX)]


class ToolChoice(Struct, frozen=True, forbid_unknown_fields=True):
    type: str
    function: NamedFunction | None = None
    allowed_tools: AllowedTools | None = None
    custom: Raw = NULL


class JsonSchema(Struct, frozen=True, forbid_unknown_fields=True):
    name: _FunctionName
    description: str | None = None
    schema: Raw = NULL
    strict: bool | None = None


class ResponseFormat(Struct, frozen=True, forbid_unknown_fields=True):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None


class StreamOptions(Struct, frozen=True, forbid_unknown_fields=True):
    include_usage: bool | None = None
    include_obfuscation: bool | None = None


ReasoningEffort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]


class ThinkingMode(Struct, frozen=True, forbid_unknown_fields=True):
    """Whether to think, in the words of relatives; ``adaptive`` leaves it to the model."""

    type: Literal["enabled", "disabled", "adaptive"]


class ChatBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of ``POST /chat/completions``."""

    model: _ModelName
    messages: Annotated[list[WireMessage], Meta(min_length=1, max_length=MESSAGES_MAX)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: _Tokens | None = None
    max_completion_tokens: _Tokens | None = None
    n: Annotated[int, Meta(ge=1, le=CHOICES_MAX)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    seed: Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] | None = None
    stop: _Stop | Annotated[list[_Stop], Meta(max_length=STOPS_MAX)] | None = None
    presence_penalty: _Penalty | None = None
    frequency_penalty: _Penalty | None = None
    logit_bias: (
        Annotated[dict[str, Annotated[float, Meta(ge=-100, le=100)]], Meta(max_length=300)] | None
    ) = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    tools: Annotated[list[Tool], Meta(min_length=1, max_length=TOOLS_MAX)] | None = None
    tool_choice: Literal["none", "auto", "required"] | ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormat | None = None
    modalities: Annotated[list[Literal["text", "audio"]], Meta(max_length=2)] | None = None
    service_tier: Literal["auto", "default", "flex", "scale", "priority", "fast"] | None = None
    store: bool | None = None
    reasoning_effort: ReasoningEffort | None = None
    # Not OpenAI's own, see parameters.py.
    thinking: ThinkingMode | None = None
    user_id: str | None = None
    # Ignored, see parameters.py.
    metadata: Raw = NULL
    user: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    prompt_cache_options: Raw = NULL
    prompt_cache_retention: str | None = None
    verbosity: str | None = None
    prediction: Raw = NULL
    # Refused, see parameters.py.
    audio: Raw = NULL
    function_call: Raw = NULL
    functions: Raw = NULL
    moderation: Raw = NULL
    web_search_options: Raw = NULL


class EmbeddingBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of ``POST /embeddings``. Token arrays decode, to be refused by name."""

    model: _ModelName
    input: str | Annotated[list[str | int | list[int]], Meta(min_length=1, max_length=INPUTS_MAX)]
    dimensions: Annotated[int, Meta(ge=1, le=65_536)] | None = None
    encoding_format: Literal["float", "base64"] | None = None
    user: str | None = None
