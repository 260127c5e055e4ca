"""The body `cohere-command`: Cohere Command R, asked.

Shapes: the user guide's page on Command R, litellm. Calls of tools have no ids on this wire: the
results of a turn repeat the calls that they answer.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Raw, Struct

from kilonova.core.chat import (
    ChatRequest,
    Message,
    Role,
    Sampling,
    TextPart,
    Tool,
    ToolCallPart,
    ToolResultPart,
)
from kilonova.core.model import Model
from kilonova.dialects.bedrock.bodies.cohere_answer import CohereWriter
from kilonova.dialects.bedrock.bodies.reading import NO, malformed, noted, parser, refuse
from kilonova.dialects.wire.native import Family, NativeRequest

__all__ = ["COHERE_COMMAND", "IGNORED", "REFUSED", "CohereCommandBody"]

IGNORED: Mapping[str, str] = {
    "prompt_truncation": "nothing is cut off: a prompt that is too long is refused",
    "force_single_step": "calls are made one turn at a time",
    "citation_quality": "answers cite nothing",
}
REFUSED: Mapping[str, str] = {
    "documents": "answers cite nothing; put the documents into the message",
    "search_queries_only": "nothing is searched here; ask for queries in the message",
    "return_prompt": "the prompt is not shown",
}

_TURNS_MAX = 2_048
_TOOLS_MAX = 128
_ROLES: Mapping[str, Role] = {"USER": "user", "CHATBOT": "assistant", "SYSTEM": "system"}
# Types are written as in Python.
_TYPES = {
    "str": "string",
    "string": "string",
    "int": "integer",
    "integer": "integer",
    "float": "number",
    "number": "number",
    "bool": "boolean",
    "boolean": "boolean",
    "list": "array",
    "array": "array",
    "dict": "object",
    "object": "object",
}
_Penalty = Annotated[float, Meta(ge=0, le=1)]


class CohereTurn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    role: Literal["USER", "CHATBOT", "SYSTEM"]
    message: str


class CohereParameter(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    type: str
    description: str | None = None
    required: bool | None = None


class CohereTool(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: Annotated[str, Meta(pattern="^[a-zA-Z0-9_-]{1,64}$")]
    description: str | None = None
    parameter_definitions: dict[str, CohereParameter] | None = None


class CohereCall(Struct, frozen=True, kw_only=True):
    name: str
    parameters: Raw = Raw(b"{}")


class CohereToolResult(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    call: CohereCall
    outputs: tuple[Raw, ...]


class CohereCommandBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    message: str
    chat_history: Annotated[tuple[CohereTurn, ...], Meta(max_length=_TURNS_MAX)] | None = None
    preamble: str | None = None
    max_tokens: Annotated[int, Meta(ge=1)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=1)] | None = None
    p: Annotated[float, Meta(ge=0, le=1)] | None = None
    k: Annotated[float, Meta(ge=0, le=500)] | None = None
    seed: int | None = None
    frequency_penalty: _Penalty | None = None
    presence_penalty: _Penalty | None = None
    stop_sequences: Annotated[tuple[str, ...], Meta(max_length=16)] | None = None
    tools: Annotated[tuple[CohereTool, ...], Meta(max_length=_TOOLS_MAX)] | None = None
    tool_results: Annotated[tuple[CohereToolResult, ...], Meta(max_length=_TOOLS_MAX)] | None = None
    raw_prompting: bool | None = None
    prompt_truncation: str | None = None
    force_single_step: bool | None = None
    citation_quality: str | None = None
    documents: Raw = NO
    search_queries_only: bool | None = None
    return_prompt: bool | None = None


def _decode(body: CohereCommandBody, model: Model, _streams: bool | None) -> NativeRequest:
    refuse(body, REFUSED)
    asked = _continuation(body, model) if body.raw_prompting else _conversation(body, model)
    return NativeRequest(asked, CohereWriter, noted(body, IGNORED))


def _continuation(body: CohereCommandBody, model: Model) -> ChatRequest:
    if body.chat_history or body.preamble or body.tools or body.tool_results:
        raise malformed("#/raw_prompting: the message is all of the prompt")
    return ChatRequest(
        model=model.id,
        prompt=body.message,
        sampling=_sampling(body),
        max_output_tokens=body.max_tokens,
    )


def _conversation(body: CohereCommandBody, model: Model) -> ChatRequest:
    turns: list[tuple[Role, str]] = [("system", body.preamble or "")]
    turns += [(_ROLES[turn.role], turn.message) for turn in body.chat_history or ()]
    turns.append(("user", body.message))
    messages = [Message(role, (TextPart(text),)) for role, text in turns if text]
    if body.tool_results:
        messages += _answered_calls(body.tool_results)
    return ChatRequest(
        model=model.id,
        messages=tuple(messages),
        tools=tuple([_tool(tool) for tool in body.tools or ()]),
        sampling=_sampling(body),
        max_output_tokens=body.max_tokens,
    )


def _sampling(body: CohereCommandBody) -> Sampling:
    return Sampling(
        temperature=body.temperature,
        top_p=body.p,
        top_k=int(body.k) if body.k else None,
        seed=body.seed,
        presence_penalty=body.presence_penalty,
        frequency_penalty=body.frequency_penalty,
        stop=tuple(filter(None, body.stop_sequences or ())),
    )


def _answered_calls(results: Sequence[CohereToolResult]) -> list[Message]:
    calls: list[ToolCallPart] = []
    answers: list[Message] = []
    for index, result in enumerate(results):
        arguments = bytes(result.call.parameters).decode()
        if not arguments.startswith("{"):
            raise malformed(f"#/tool_results/{index}/call/parameters: expected type: Object")
        call = ToolCallPart(f"call_{index}", result.call.name, arguments)
        text = "\n".join([bytes(output).decode() for output in result.outputs])
        calls.append(call)
        answers.append(Message("tool", (ToolResultPart(call.id, text),)))
    return [Message("assistant", tuple(calls)), *answers]


def _tool(tool: CohereTool) -> Tool:
    definitions = tool.parameter_definitions or {}
    schema = {
        "type": "object",
        "properties": {name: _property(one) for name, one in definitions.items()},
        "required": [name for name, one in definitions.items() if one.required],
    }
    return Tool(tool.name, tool.description or "", Raw(msgspec.json.encode(schema)))


def _property(parameter: CohereParameter) -> dict[str, Any]:
    kind = _TYPES.get(parameter.type.partition("[")[0].strip().lower())
    described = {"description": parameter.description} if parameter.description else {}
    return {"type": kind, **described} if kind else described


COHERE_COMMAND = Family(
    example='{"message": "Hello"}', parse=parser(CohereCommandBody), decode=_decode
)
