"""Google's tools, tool config and output format → the platform's. Pure."""

import msgspec
from msgspec import Raw, Struct

from kilonova.core.chat import OutputFormat, Tool, ToolChoice
from kilonova.core.errors import InvalidRequest
from kilonova.dialects.gemini import schema
from kilonova.dialects.gemini.openapi_schema import json_schema, plain_json_schema
from kilonova.dialects.gemini.schema import TOOLS_MAX, UNSENT
from kilonova.dialects.gemini.support import refuse_fields

__all__ = ["decode_output_format", "decode_tool_choice", "decode_tools", "wants_bare_enum"]

_NO_PARAMETERS = Raw(b'{"type":"object","properties":{},"additionalProperties":false}')
_EMPTY = Raw(b"{}")
_ENUM = "text/x.enum"
_CONFIG = "toolConfig.functionCallingConfig"


class _Head(Struct, frozen=True):
    """The keywords of a schema that must have certain values."""

    type: object = None
    enum: object = None


_head = msgspec.json.Decoder(_Head)


def decode_tools(
    tools: list[schema.Tool] | None, config: schema.FunctionCallingConfig | None
) -> tuple[Tool, ...]:
    """Raises InvalidRequest for tools other than functions, and for odd schemas.

    In the mode ``VALIDATED`` the schemas are a promise rather than a hint.
    """
    is_strict = config is not None and config.mode == "VALIDATED"
    decoded: dict[str, Tool] = {}
    for index, tool in enumerate(tools or ()):
        refuse_fields(tool, f"tools[{index}]")
        for number, declared in enumerate(tool.function_declarations or ()):
            place = f"tools[{index}].functionDeclarations[{number}]"
            if declared.name in decoded:
                raise InvalidRequest(
                    f"Duplicate function declaration found: {declared.name}.", param=place
                )
            decoded[declared.name] = _tool(declared, place, is_strict=is_strict)
    if len(decoded) > TOOLS_MAX:
        raise InvalidRequest(
            f"Invalid value at 'tools': {len(decoded)} functions are declared, and at most "
            f"{TOOLS_MAX} are accepted.",
            param="tools",
        )
    return tuple(decoded.values())


def _tool(declared: schema.FunctionDeclaration, place: str, *, is_strict: bool) -> Tool:
    if declared.behavior == "NON_BLOCKING":
        raise InvalidRequest(
            f"Invalid value at '{place}.behavior': only BLOCKING functions are supported here.",
            param=f"{place}.behavior",
        )
    parameters = _parameters(declared, place)
    if _head.decode(parameters).type not in (None, "object"):
        raise InvalidRequest(
            f"* GenerateContentRequest.{place}.parameters: functionDeclaration parameters schema "
            "should be of type OBJECT.",
            param=f"{place}.parameters",
        )
    return Tool(declared.name, declared.description or "", parameters, is_strict)


def _parameters(declared: schema.FunctionDeclaration, place: str) -> Raw:
    own, plain = declared.parameters, declared.parameters_json_schema
    if UNSENT not in (own, plain):
        raise InvalidRequest(
            f"Invalid value at '{place}': set parameters or parametersJsonSchema, not both.",
            param=f"{place}.parametersJsonSchema",
        )
    if plain not in (UNSENT, _EMPTY):
        return plain_json_schema(plain, f"{place}.parametersJsonSchema")
    if own not in (UNSENT, _EMPTY):
        return json_schema(own, f"{place}.parameters")
    return _NO_PARAMETERS


def decode_tool_choice(
    config: schema.FunctionCallingConfig | None, tools: tuple[Tool, ...]
) -> ToolChoice:
    """Raises InvalidRequest for a choice among functions that are not declared."""
    if config is None:
        return ToolChoice()
    names = tuple(config.allowed_function_names or ())
    if names and config.mode not in ("ANY", "VALIDATED"):
        raise InvalidRequest(
            f"Invalid value at '{_CONFIG}': allowedFunctionNames may be set only when mode is ANY "
            "or VALIDATED.",
            param=f"{_CONFIG}.allowedFunctionNames",
        )
    declared = {tool.name for tool in tools}
    for name in names:
        if name not in declared:
            raise InvalidRequest(
                f"Invalid value at '{_CONFIG}.allowedFunctionNames': the function '{name}' is not "
                "declared in 'tools'.",
                param=f"{_CONFIG}.allowedFunctionNames",
            )
    if config.mode == "NONE":
        return ToolChoice("none")
    if config.mode != "ANY":
        return ToolChoice("auto", names)
    if not tools:
        raise InvalidRequest(
            f"Invalid value at '{_CONFIG}.mode': ANY needs at least one function in 'tools'.",
            param=f"{_CONFIG}.mode",
        )
    return ToolChoice("required", names)


def decode_output_format(config: schema.GenerationConfig) -> OutputFormat:
    """Raises InvalidRequest for types that are not generated, and for schemas without JSON."""
    place = "generationConfig"
    own, plain = config.response_schema, config.response_json_schema
    kind = config.response_mime_type or "text/plain"
    if UNSENT not in (own, plain):
        raise InvalidRequest(
            "Invalid value at 'generationConfig': set responseSchema or responseJsonSchema, not "
            "both.",
            param=f"{place}.responseJsonSchema",
        )
    if kind not in ("text/plain", "application/json", _ENUM):
        raise InvalidRequest(
            f"Invalid value at '{place}.responseMimeType': '{kind[:100]}' is not generated here. "
            f"Use text/plain, application/json or {_ENUM}.",
            param=f"{place}.responseMimeType",
        )
    if kind == "text/plain":
        if own != UNSENT or plain != UNSENT:
            raise InvalidRequest(
                "Invalid value at 'generationConfig': a response schema needs the "
                "responseMimeType 'application/json'.",
                param=f"{place}.responseMimeType",
            )
        return OutputFormat()
    if plain not in (UNSENT, _EMPTY):
        found = plain_json_schema(plain, f"{place}.responseJsonSchema")
    elif own not in (UNSENT, _EMPTY):
        found = json_schema(own, f"{place}.responseSchema")
    else:
        found = _EMPTY
    if kind == _ENUM:
        _check_enum(found)
    elif found == _EMPTY:
        return OutputFormat("json_object")
    return OutputFormat("json_schema", found)


def wants_bare_enum(config: schema.GenerationConfig) -> bool:
    """Whether the answer is a word alone, without the quotes that it has in JSON."""
    return config.response_mime_type == _ENUM


def _check_enum(found: Raw) -> None:
    head = _head.decode(found)
    if head.type != "string" or not head.enum:
        raise InvalidRequest(
            f"Invalid value at 'generationConfig.responseSchema': {_ENUM} needs a schema of type "
            "STRING with an enum.",
            param="generationConfig.responseSchema",
        )
