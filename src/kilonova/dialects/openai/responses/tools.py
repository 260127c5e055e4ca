"""Tools, tool choice and text format of the Responses API → the platform's. Pure."""

from collections.abc import Sequence

import msgspec
from msgspec import Raw, Struct

from kilonova.core.chat import OutputFormat, Tool, ToolChoice
from kilonova.core.errors import InvalidRequest
from kilonova.dialects.openai.responses import schema
from kilonova.dialects.openai.responses.items import decode_raw
from kilonova.dialects.openai.responses.parameters import BUILT_IN
from kilonova.dialects.openai.schema import NULL, Function
from kilonova.dialects.openai.tools import SCHEMA_BYTES_MAX, decode_function, decode_schema

__all__ = [
    "decode_output_format",
    "decode_tool_choice",
    "decode_tools",
    "hints_of_tools",
    "parse_tools",
]

_CHOICES = {mode: ToolChoice(mode) for mode in ("auto", "none", "required")}


class _Peek(Struct, frozen=True):
    type: str


_peek = msgspec.json.Decoder(_Peek)
_functions = msgspec.json.Decoder(schema.FunctionTool)


def parse_tools(wire: list[Raw] | None, body: bytes) -> list[schema.FunctionTool]:
    """Raises InvalidRequest for tools of any type but function, and for what is no tool."""
    if sum(len(bytes(raw)) for raw in wire or ()) > SCHEMA_BYTES_MAX:
        raise InvalidRequest(
            f"Invalid 'tools': they are larger than {SCHEMA_BYTES_MAX} bytes.",
            param="tools",
            reason="string_above_max_length",
        )
    return [_function(raw, f"tools[{index}]", body) for index, raw in enumerate(wire or ())]


def _function(raw: Raw, path: str, body: bytes) -> schema.FunctionTool:
    kind = decode_raw(_peek, raw, path=path, body=body).type
    if kind != "function":
        raise _unsupported(f"{path}.type", kind)
    function = decode_raw(_functions, raw, path=path, body=body)
    # It is echoed and kept, so it must not be deeper than what can be read back.
    decode_schema(function.output_schema, f"{path}.output_schema")
    callers = function.allowed_callers
    if function.is_async or (callers is not None and "direct" not in callers):
        name = "async" if function.is_async else "allowed_callers"
        raise InvalidRequest(
            f"Unsupported parameter: '{path}.{name}'. Functions are called by the model, and "
            "answered in the next request.",
            param=f"{path}.{name}",
            reason="unsupported_parameter",
        )
    return function


def decode_tools(tools: Sequence[schema.FunctionTool]) -> tuple[Tool, ...]:
    """Raises InvalidRequest for odd schemas. What need not be strict is a hint to the model."""
    return tuple(
        [
            decode_function(
                Function(
                    name=tool.name,
                    description=tool.description,
                    parameters=tool.parameters,
                    strict=tool.strict,
                ),
                f"tools[{index}]",
            )
            for index, tool in enumerate(tools)
        ]
    )


def hints_of_tools(tools: Sequence[schema.FunctionTool]) -> list[str]:
    """The names of the hints inside of tools that change nothing."""
    hints = []
    if any(tool.defer_loading for tool in tools):
        hints.append("tools.defer_loading")
    if any(tool.output_schema != NULL for tool in tools):
        hints.append("tools.output_schema")
    return hints


def decode_tool_choice(
    wanted: str | schema.ToolChoice | None, tools: Sequence[schema.FunctionTool]
) -> ToolChoice:
    """Raises InvalidRequest for a choice among tools that are not offered."""
    if wanted is None or isinstance(wanted, str):
        if wanted == "required" and not tools:
            raise _invalid_choice("'required' needs 'tools' to choose from")
        return _CHOICES[wanted or "auto"]
    if wanted.type == "function":
        _refuse_members(wanted, "tool_choice", ("mode", "tools", "server_label"))
        choice = ToolChoice("required", (_name(wanted.name, "tool_choice.name"),))
    elif wanted.type == "allowed_tools":
        choice = _allowed(wanted)
    else:
        raise _unsupported("tool_choice.type", wanted.type)
    offered = {tool.name for tool in tools}
    for name in choice.names:
        if name not in offered:
            raise _invalid_choice(f"no function named '{name}' is specified in 'tools'")
    return choice


def _allowed(wanted: schema.ToolChoice) -> ToolChoice:
    _refuse_members(wanted, "tool_choice", ("name", "server_label"))
    if wanted.mode is None or wanted.tools is None:
        raise _missing(f"tool_choice.{'mode' if wanted.mode is None else 'tools'}")
    names = []
    for index, tool in enumerate(wanted.tools):
        path = f"tool_choice.tools[{index}]"
        if tool.type != "function":
            raise _unsupported(f"{path}.type", tool.type)
        _refuse_members(tool, path, ("server_label",))
        names.append(_name(tool.name, f"{path}.name"))
    return ToolChoice(wanted.mode, tuple(names))


def _name(name: str | None, path: str) -> str:
    if name is None:
        raise _missing(path)
    return name


def decode_output_format(wanted: schema.TextFormat | None) -> OutputFormat:
    """Raises InvalidRequest for a json_schema without a name or a schema."""
    if wanted is None:
        return OutputFormat()
    if wanted.type != "json_schema":
        _refuse_members(wanted, "text.format", ("name", "schema", "description", "strict"))
        return OutputFormat(wanted.type)
    name = _name(wanted.name, "text.format.name")
    if bytes(wanted.schema) == b"null":
        raise _missing("text.format.schema")
    text = decode_schema(wanted.schema, "text.format.schema")
    # An empty schema accepts anything; so does an answer that need only be some JSON object.
    if text is None:
        return OutputFormat("json_object", name=name)
    return OutputFormat("json_schema", text, name)


def _refuse_members(
    wanted: schema.ToolChoice | schema.NamedTool | schema.TextFormat,
    path: str,
    names: tuple[str, ...],
) -> None:
    """Raises InvalidRequest for what belongs to another type than the one that was said."""
    for name in names:
        if getattr(wanted, name) not in (None, NULL):
            raise InvalidRequest(
                f"Unknown parameter: '{path}.{name}', where the type is '{wanted.type}'.",
                param=f"{path}.{name}",
                reason="unknown_parameter",
            )


def _missing(param: str) -> InvalidRequest:
    return InvalidRequest(
        f"Missing required parameter: '{param}'.", param=param, reason="missing_required_parameter"
    )


def _invalid_choice(why: str) -> InvalidRequest:
    return InvalidRequest(
        f"Invalid value for 'tool_choice': {why}.", param="tool_choice", reason="invalid_value"
    )


def _unsupported(param: str, kind: str) -> InvalidRequest:
    return InvalidRequest(
        f"Unsupported value: '{param}' is '{kind[:64]}'. {BUILT_IN}",
        param=param,
        reason="unsupported_value",
    )
