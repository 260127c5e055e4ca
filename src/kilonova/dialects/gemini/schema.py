"""What Google's clients send, in Google's own field names, with the limits of each field.

Every field that Google documents is here; ``support.py`` says which of them are ignored and which
are refused. Anything else is refused by name, as Google does it.
"""

from typing import Annotated, Literal

from msgspec import Meta, Raw, Struct

__all__ = [
    "UNSENT",
    "BatchEmbedBody",
    "Blob",
    "Content",
    "CountBody",
    "EmbedBody",
    "EmbedContentConfig",
    "FunctionCall",
    "FunctionCallingConfig",
    "FunctionDeclaration",
    "FunctionResponse",
    "GenerateBody",
    "GenerationConfig",
    "Instance",
    "Part",
    "PredictBody",
    "PredictParameters",
    "ThinkingConfig",
    "Tool",
    "ToolConfig",
]

# What is not looked into is kept raw: absent and null are one.
UNSENT = Raw(b"null")

CONTENTS_MAX = 2_048
PARTS_MAX = 2_048
TOOLS_MAX = 128
STOPS_MAX = 5
INPUTS_MAX = 2_048

_FunctionName = Annotated[str, Meta(pattern=r"^[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}$")]
_CallId = Annotated[str, Meta(max_length=256)]
_Penalty = Annotated[float, Meta(ge=-2, le=2)]
_Dimensions = Annotated[int, Meta(ge=1, le=65_536)]


class _Wire(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A message of Google's: known fields alone, in camel case."""


class Blob(_Wire, frozen=True):
    mime_type: str = ""
    data: str = ""
    display_name: str | None = None


class FunctionCall(_Wire, frozen=True):
    name: _FunctionName
    id: _CallId | None = None
    args: Raw = UNSENT
    partial_args: Raw = UNSENT
    will_continue: bool | None = None


class FunctionResponse(_Wire, frozen=True):
    name: _FunctionName
    id: _CallId | None = None
    response: Raw = UNSENT
    parts: Raw = UNSENT
    will_continue: bool | None = None
    scheduling: str | None = None


class Part(_Wire, frozen=True):
    text: str | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    inline_data: Blob | None = None
    function_call: FunctionCall | None = None
    function_response: FunctionResponse | None = None
    code_execution_result: Raw = UNSENT
    executable_code: Raw = UNSENT
    file_data: Raw = UNSENT
    tool_call: Raw = UNSENT
    tool_response: Raw = UNSENT
    audio_metadata: Raw = UNSENT
    audio_transcription: Raw = UNSENT
    document_metadata: Raw = UNSENT
    media_processing: Raw = UNSENT
    media_resolution: Raw = UNSENT
    part_metadata: Raw = UNSENT
    speech_metadata: Raw = UNSENT
    spreadsheet_metadata: Raw = UNSENT
    video_metadata: Raw = UNSENT


class Content(_Wire, frozen=True):
    role: str | None = None
    parts: Annotated[list[Part], Meta(max_length=PARTS_MAX)] | None = None


class FunctionDeclaration(_Wire, frozen=True):
    name: _FunctionName
    description: str | None = None
    parameters: Raw = UNSENT
    parameters_json_schema: Raw = UNSENT
    response: Raw = UNSENT
    response_json_schema: Raw = UNSENT
    behavior: Literal["UNSPECIFIED", "BLOCKING", "NON_BLOCKING"] | None = None


class Tool(_Wire, frozen=True):
    function_declarations: (
        Annotated[list[FunctionDeclaration], Meta(max_length=TOOLS_MAX)] | None
    ) = None
    code_execution: Raw = UNSENT
    computer_use: Raw = UNSENT
    enterprise_web_search: Raw = UNSENT
    exa_ai_search: Raw = UNSENT
    file_search: Raw = UNSENT
    google_maps: Raw = UNSENT
    google_search: Raw = UNSENT
    google_search_retrieval: Raw = UNSENT
    mcp_servers: Raw = UNSENT
    parallel_ai_search: Raw = UNSENT
    retrieval: Raw = UNSENT
    url_context: Raw = UNSENT


class FunctionCallingConfig(_Wire, frozen=True):
    mode: Literal["MODE_UNSPECIFIED", "AUTO", "ANY", "NONE", "VALIDATED"] | None = None
    allowed_function_names: Annotated[list[_FunctionName], Meta(max_length=TOOLS_MAX)] | None = None
    stream_function_call_arguments: bool | None = None


class ToolConfig(_Wire, frozen=True):
    function_calling_config: FunctionCallingConfig | None = None
    retrieval_config: Raw = UNSENT
    include_server_side_tool_invocations: bool | None = None


class ThinkingConfig(_Wire, frozen=True):
    include_thoughts: bool | None = None
    thinking_budget: Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)] | None = None
    thinking_level: str | None = None


class GenerationConfig(_Wire, frozen=True):
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_k: Annotated[float, Meta(ge=1, le=2**31 - 1)] | None = None
    candidate_count: Annotated[int, Meta(ge=1, le=8)] | None = None
    max_output_tokens: Annotated[int, Meta(ge=1, le=2**31 - 1)] | None = None
    stop_sequences: (
        Annotated[list[Annotated[str, Meta(max_length=1_024)]], Meta(max_length=STOPS_MAX)] | None
    ) = None
    presence_penalty: _Penalty | None = None
    frequency_penalty: _Penalty | None = None
    seed: Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] | None = None
    response_logprobs: bool | None = None
    logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    response_mime_type: str | None = None
    response_schema: Raw = UNSENT
    response_json_schema: Raw = UNSENT
    response_modalities: list[str] | None = None
    thinking_config: ThinkingConfig | None = None
    audio_timestamp: bool | None = None
    audio_transcription_config: Raw = UNSENT
    enable_affective_dialog: bool | None = None
    enable_enhanced_civic_answers: bool | None = None
    image_config: Raw = UNSENT
    media_resolution: str | None = None
    model_selection_config: Raw = UNSENT
    response_format: Raw = UNSENT
    routing_config: Raw = UNSENT
    speech_config: Raw = UNSENT
    translation_config: Raw = UNSENT


_Contents = Annotated[list[Content], Meta(max_length=CONTENTS_MAX)] | None
_Tools = Annotated[list[Tool], Meta(max_length=TOOLS_MAX)] | None


class GenerateBody(_Wire, frozen=True):
    """The body of ``generateContent`` and ``streamGenerateContent``. ``model`` repeats the path."""

    contents: _Contents = None
    system_instruction: Content | None = None
    tools: _Tools = None
    tool_config: ToolConfig | None = None
    generation_config: GenerationConfig | None = None
    model: str | None = None
    cached_content: str | None = None
    continuation_token: str | None = None
    generation_output_config: Raw = UNSENT
    labels: Raw = UNSENT
    model_armor_config: Raw = UNSENT
    safety_settings: Raw = UNSENT
    service_tier: str | None = None
    store: bool | None = None


class CountBody(_Wire, frozen=True):
    """The body of ``countTokens``: contents alone, or all that ``generateContent`` takes."""

    contents: _Contents = None
    generate_content_request: GenerateBody | None = None
    system_instruction: Content | None = None
    tools: _Tools = None
    generation_config: GenerationConfig | None = None
    model: str | None = None
    instances: Raw = UNSENT


class EmbedContentConfig(_Wire, frozen=True):
    output_dimensionality: _Dimensions | None = None
    task_type: str | None = None
    title: str | None = None
    auto_truncate: bool | None = None
    audio_track_extraction: bool | None = None
    document_ocr: bool | None = None


class EmbedBody(_Wire, frozen=True):
    """The body of ``embedContent``; Vertex AI puts the settings into a message of their own."""

    content: Content | None = None
    model: str | None = None
    output_dimensionality: _Dimensions | None = None
    task_type: str | None = None
    title: str | None = None
    auto_truncate: bool | None = None
    embed_content_config: EmbedContentConfig | None = None


class BatchEmbedBody(_Wire, frozen=True):
    """The body of ``batchEmbedContents``."""

    requests: Annotated[list[EmbedBody], Meta(min_length=1, max_length=INPUTS_MAX)]


class Instance(_Wire, frozen=True):
    """``task_type`` is written in snake case here, whatever the rest of the wire does."""

    content: str
    task_type: str | None = None
    title: str | None = None
    mime_type: str | None = None


class PredictParameters(_Wire, frozen=True):
    output_dimensionality: _Dimensions | None = None
    auto_truncate: bool | None = None


class PredictBody(_Wire, frozen=True):
    """The body of ``predict`` for a model of text embeddings."""

    instances: Annotated[list[Instance], Meta(min_length=1, max_length=INPUTS_MAX)]
    parameters: PredictParameters | None = None
