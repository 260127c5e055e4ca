"""The native body `chat-completions`, decoded: what most vendors' models on AWS speak.

Not the OpenAI dialect: only what AWS documents for InvokeModel is read. `model` may repeat the
path, `stream` must agree with the operation. Members not known here are ignored and listed.
"""

import binascii
import re
from base64 import b64decode
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Raw, Struct

from kilonova.core.chat import (
    ChatRequest,
    ImagePart,
    Message,
    OutputFormat,
    Part,
    ReasoningPart,
    Sampling,
    TextPart,
    ToolCallPart,
    ToolChoice,
    ToolResultPart,
)
from kilonova.core.chat import Tool as CoreTool
from kilonova.core.errors import InvalidRequest
from kilonova.core.model import Model
from kilonova.dialects.bedrock.body import decode_text
from kilonova.dialects.bedrock.decode import Decoded

__all__ = ["decode_completions"]

_MESSAGES_MAX = 2_048
_TOOLS_MAX = 128
_STOPS_MAX = 16
_CHOICES_MAX = 8
_DATA_URL = re.compile(r"data:(image/[a-z+.-]+);base64,(.*)", re.DOTALL)
_NO_PARAMETERS = Raw(b'{"type":"object","properties":{}}')


class _ImageUrl(Struct, frozen=True):
    url: str


class _ContentPart(Struct, frozen=True):
    type: Literal["text", "image_url"]
    text: str = ""
    image_url: _ImageUrl | None = None


class _FunctionCall(Struct, frozen=True):
    name: str
    arguments: str = "{}"


class _Call(Struct, frozen=True):
    id: str
    function: _FunctionCall


class _Message(Struct, frozen=True):
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | tuple[_ContentPart, ...] | None = None
    name: str | None = None
    tool_calls: tuple[_Call, ...] | None = None
    tool_call_id: str | None = None
    reasoning_content: str | None = None


class _Function(Struct, frozen=True):
    name: Annotated[str, Meta(min_length=1, max_length=64)]
    description: str | None = None
    parameters: Raw = _NO_PARAMETERS
    strict: bool | None = None


class _Tool(Struct, frozen=True):
    type: Literal["function"]
    function: _Function


class _Named(Struct, frozen=True):
    name: str


class _OneTool(Struct, frozen=True):
    type: Literal["function"]
    function: _Named


class _Schema(Struct, frozen=True):
    schema: Raw
    name: str = "answer"


class _Format(Struct, frozen=True):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: _Schema | None = None


class _Body(Struct, frozen=True, kw_only=True):
    messages: Annotated[tuple[_Message, ...], Meta(min_length=1, max_length=_MESSAGES_MAX)]
    model: str | None = None
    stream: bool | None = None
    tools: Annotated[tuple[_Tool, ...], Meta(max_length=_TOOLS_MAX)] | None = None
    tool_choice: Literal["none", "auto", "required"] | _OneTool | None = None
    parallel_tool_calls: bool | None = None
    response_format: _Format | None = None
    max_tokens: Annotated[int, Meta(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Meta(ge=1)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_k: Annotated[int, Meta(ge=1)] | None = None
    stop: str | Annotated[tuple[str, ...], Meta(max_length=_STOPS_MAX)] | None = None
    seed: int | None = None
    presence_penalty: Annotated[float, Meta(ge=-2, le=2)] | None = None
    frequency_penalty: Annotated[float, Meta(ge=-2, le=2)] | None = None
    n: Annotated[int, Meta(ge=1, le=_CHOICES_MAX)] | None = None


_decoder = msgspec.json.Decoder(_Body)
_keys = msgspec.json.Decoder(dict[str, Raw])


def decode_completions(body: bytes, model: Model, streams: bool | None) -> Decoded:
    """Raises InvalidRequest."""
    try:
        wire = decode_text(_decoder, body)
        unknown = set(_keys.decode(body)) - set(_Body.__struct_fields__)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _malformed(str(error)) from None
    if None not in (wire.stream, streams) and wire.stream != streams:
        raise _malformed("#/stream: must agree with the operation that is called")
    request = ChatRequest(
        model=model.id,
        messages=tuple(_message(message) for message in wire.messages),
        tools=tuple(_tool(tool) for tool in wire.tools or ()),
        tool_choice=_tool_choice(wire.tool_choice),
        can_call_in_parallel=wire.parallel_tool_calls is not False,
        output_format=_output_format(wire.response_format),
        sampling=_sampling(wire),
        max_output_tokens=wire.max_completion_tokens or wire.max_tokens,
        choices=wire.n or 1,
    )
    return Decoded(request, tuple(sorted(unknown)))


def _message(wire: _Message) -> Message:
    if wire.role == "tool":
        if wire.tool_call_id is None:
            raise _malformed("#/messages: a tool message needs its tool_call_id")
        text = "".join(part.text for part in _parts(wire) if isinstance(part, TextPart))
        return Message("tool", (ToolResultPart(wire.tool_call_id, text),), wire.name)
    parts = _parts(wire)
    if wire.reasoning_content:
        parts.insert(0, ReasoningPart(wire.reasoning_content))
    for call in wire.tool_calls or ():
        parts.append(ToolCallPart(call.id, call.function.name, call.function.arguments or "{}"))
    role = "system" if wire.role == "developer" else wire.role
    return Message(role, tuple(parts), wire.name)


def _parts(wire: _Message) -> list[Part]:
    if wire.content is None:
        return []
    if isinstance(wire.content, str):
        return [TextPart(wire.content)]
    return [_part(part) for part in wire.content]


def _part(part: _ContentPart) -> Part:
    if part.image_url is None:
        return TextPart(part.text)
    match = _DATA_URL.fullmatch(part.image_url.url)
    if match is None:
        raise _malformed("#/messages: images are not fetched; send a data: URL in base64")
    try:
        return ImagePart(match.group(1), b64decode(match.group(2), validate=True))
    except (binascii.Error, ValueError):
        raise _malformed("#/messages: the image is not valid base64") from None


def _tool(tool: _Tool) -> CoreTool:
    function = tool.function
    if not bytes(function.parameters).startswith(b"{"):
        raise _malformed("#/tools: parameters must be a JSON Schema of type object")
    return CoreTool(
        function.name,
        function.description or "",
        function.parameters,
        is_strict=bool(function.strict),
    )


def _tool_choice(wire: str | _OneTool | None) -> ToolChoice:
    match wire:
        case None | "auto":
            return ToolChoice()
        case "none":
            return ToolChoice("none")
        case _OneTool():
            return ToolChoice("required", (wire.function.name,))
        case _:
            return ToolChoice("required")


def _output_format(wire: _Format | None) -> OutputFormat:
    if wire is None:
        return OutputFormat()
    if wire.type != "json_schema":
        return OutputFormat(wire.type)
    if wire.json_schema is None:
        raise _malformed("#/response_format: json_schema is missing")
    if not bytes(wire.json_schema.schema).startswith(b"{"):
        raise _malformed("#/response_format: schema must be a JSON Schema object")
    return OutputFormat("json_schema", wire.json_schema.schema, wire.json_schema.name)


def _sampling(wire: _Body) -> Sampling:
    stop = (wire.stop,) if isinstance(wire.stop, str) else wire.stop or ()
    return Sampling(
        temperature=wire.temperature,
        top_p=wire.top_p,
        top_k=wire.top_k,
        seed=wire.seed,
        presence_penalty=wire.presence_penalty,
        frequency_penalty=wire.frequency_penalty,
        stop=stop,
    )


def _malformed(problem: str) -> InvalidRequest:
    return InvalidRequest(
        f"Malformed input request: {problem}, please reformat your input and try again.",
        param="body",
    )
