"""OpenAI's tools, tool choice and response format → the platform's. Pure."""

import re
from itertools import accumulate

import msgspec
from msgspec import Raw, Struct

from kilonova.core.chat import OutputFormat, Tool, ToolChoice
from kilonova.core.errors import InvalidRequest
from kilonova.dialects.openai import schema
from kilonova.dialects.openai.schema import ChatBody

__all__ = [
    "SCHEMA_BYTES_MAX",
    "SCHEMA_DEPTH_MAX",
    "decode_function",
    "decode_output_format",
    "decode_schema",
    "decode_tool_choice",
    "decode_tools",
]

SCHEMA_DEPTH_MAX = 64
SCHEMA_BYTES_MAX = 1 << 20

_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"')
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_OBJECT = (b"null", b'"object"')
_NO_PARAMETERS = Raw(b'{"type":"object","properties":{}}')
_CHOICES = {mode: ToolChoice(mode) for mode in ("auto", "none", "required")}
_TEXT = OutputFormat()
_JSON_OBJECT = OutputFormat("json_object")


class _Head(Struct, frozen=True):
    """The one keyword of a tool's schema that must have a certain value, as it was sent."""

    type: Raw = Raw(b"null")


_head = msgspec.json.Decoder(_Head)


def decode_tools(tools: list[schema.Tool] | None) -> tuple[Tool, ...]:
    """Raises InvalidRequest for tools of another type than function, and for odd schemas."""
    if tools is None:
        return ()
    if sum([len(bytes(t.function.parameters)) for t in tools if t.function]) > SCHEMA_BYTES_MAX:
        raise _too_large("tools")
    return tuple([_tool(tool, f"tools[{index}]") for index, tool in enumerate(tools)])


def _tool(tool: schema.Tool, path: str) -> Tool:
    if tool.type != "function" or tool.custom != schema.NULL:
        raise InvalidRequest(
            f"Unsupported value: '{path}.type' is '{tool.type[:64]}', and only 'function' tools "
            "are supported here.",
            param=f"{path}.type",
            reason="unsupported_value",
        )
    function = tool.function
    if function is None:
        raise _missing(f"{path}.function")
    return decode_function(function, f"{path}.function")


def decode_function(function: schema.Function, path: str) -> Tool:
    """A function that the model may call. Raises InvalidRequest for odd schemas."""
    parameters = decode_schema(function.parameters, f"{path}.parameters")
    if parameters is not None and bytes(_head.decode(parameters).type) not in _OBJECT:
        raise InvalidRequest(
            f"Invalid schema for function '{function.name}': schema must be a JSON Schema of "
            "'type: \"object\"'.",
            param=f"{path}.parameters",
            reason="invalid_function_parameters",
        )
    return Tool(
        name=function.name,
        description=function.description or "",
        parameters=_NO_PARAMETERS if parameters is None else parameters,
        is_strict=bool(function.strict),
    )


def decode_schema(raw: Raw, path: str) -> Raw | None:
    """The caller's own JSON, once it is an object of bounded depth; None for null and {}."""
    text = bytes(raw).strip()
    if text in (b"null", b"{}"):
        return None
    if not text.startswith(b"{"):
        raise InvalidRequest(
            f"Invalid type for '{path}': expected an object.", param=path, reason="invalid_type"
        )
    if len(text) > SCHEMA_BYTES_MAX:
        raise _too_large(path)
    # No document is deeper than it has brackets, so that most need no second look.
    if text.count(b"{") + text.count(b"[") > SCHEMA_DEPTH_MAX and _is_deep(text):
        raise InvalidRequest(
            f"Invalid '{path}': the schema is nested deeper than {SCHEMA_DEPTH_MAX} levels.",
            param=path,
            reason="invalid_value",
        )
    return Raw(text)


def _is_deep(text: bytes) -> bool:
    """Counts brackets outside texts, without ever building the document."""
    brackets = _STRING.sub(b"", text).translate(None, _NO_BRACKETS)
    steps = [1 if bracket in b"[{" else -1 for bracket in brackets]
    return max(accumulate(steps), default=0) > SCHEMA_DEPTH_MAX


def _too_large(path: str) -> InvalidRequest:
    return InvalidRequest(
        f"Invalid '{path}': the JSON schemas are larger than {SCHEMA_BYTES_MAX} bytes.",
        param=path,
        reason="string_above_max_length",
    )


def decode_tool_choice(body: ChatBody) -> ToolChoice:
    """Raises InvalidRequest for a choice among tools that are not offered."""
    wanted = body.tool_choice
    if body.tools is None:
        _refuse_without_tools(body)
        return _CHOICES["auto"]
    if wanted is None or isinstance(wanted, str):
        return _CHOICES[wanted or "auto"]
    if wanted.type == "function":
        if wanted.function is None:
            raise _missing("tool_choice.function")
        choice = ToolChoice("required", (wanted.function.name,))
    elif wanted.type == "allowed_tools":
        if wanted.allowed_tools is None:
            raise _missing("tool_choice.allowed_tools")
        choice = ToolChoice(wanted.allowed_tools.mode, _names(wanted.allowed_tools))
    else:
        raise _unsupported_choice("tool_choice.type", wanted.type)
    _refuse_unknown(choice, body.tools)
    return choice


def _refuse_without_tools(body: ChatBody) -> None:
    """What cannot mean anything without tools; ``none`` and ``auto`` mean what happens anyway."""
    if body.tool_choice not in (None, "none", "auto"):
        raise InvalidRequest(
            "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are "
            "specified.",
            param="tool_choice",
        )
    if body.parallel_tool_calls is not None:
        raise InvalidRequest(
            "Invalid value for 'parallel_tool_calls': 'parallel_tool_calls' is only allowed when "
            "'tools' are specified.",
            param="parallel_tool_calls",
        )


def _names(allowed: schema.AllowedTools) -> tuple[str, ...]:
    names = []
    for index, tool in enumerate(allowed.tools):
        path = f"tool_choice.allowed_tools.tools[{index}]"
        if tool.type != "function":
            raise _unsupported_choice(f"{path}.type", tool.type)
        if tool.function is None:
            raise _missing(f"{path}.function")
        names.append(tool.function.name)
    return tuple(names)


def _refuse_unknown(choice: ToolChoice, tools: list[schema.Tool]) -> None:
    offered = {tool.function.name for tool in tools if tool.function is not None}
    for name in choice.names:
        if name not in offered:
            raise InvalidRequest(
                f"Invalid value for 'tool_choice': no function named '{name}' is specified in "
                "'tools'.",
                param="tool_choice",
                reason="invalid_value",
            )


def decode_output_format(wanted: schema.ResponseFormat | None) -> OutputFormat:
    """Raises InvalidRequest for a json_schema without a schema."""
    if wanted is None or wanted.type == "text":
        return _TEXT
    if wanted.type == "json_object":
        return _JSON_OBJECT
    if wanted.json_schema is None:
        raise _missing("response_format.json_schema")
    path = "response_format.json_schema.schema"
    if bytes(wanted.json_schema.schema) == b"null":
        raise _missing(path)
    schema_text = decode_schema(wanted.json_schema.schema, path)
    # An empty schema accepts anything; so does an answer that need only be some JSON object.
    if schema_text is None:
        return OutputFormat("json_object", name=wanted.json_schema.name)
    return OutputFormat("json_schema", schema_text, wanted.json_schema.name)


def _missing(param: str) -> InvalidRequest:
    return InvalidRequest(
        f"Missing required parameter: '{param}'.", param=param, reason="missing_required_parameter"
    )


def _unsupported_choice(param: str, kind: str) -> InvalidRequest:
    return InvalidRequest(
        f"Unsupported value: '{param}' is '{kind[:64]}', and only functions can be chosen here.",
        param=param,
        reason="unsupported_value",
    )
