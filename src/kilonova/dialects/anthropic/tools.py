"""Anthropic's tools, tool choice and output format → the platform's. Pure."""

import re
from itertools import accumulate

import msgspec
from msgspec import Raw, Struct

from kilonova.core import chat
from kilonova.dialects.anthropic.body import decode_part
from kilonova.dialects.anthropic.complaints import invalid
from kilonova.dialects.anthropic.schema import CountBody, Tool, ToolChoice

__all__ = [
    "SCHEMA_BYTES_MAX",
    "SCHEMA_DEPTH_MAX",
    "decode_output_format",
    "decode_tool_choice",
    "decode_tools",
    "parse_tools",
]

SCHEMA_DEPTH_MAX = 64
SCHEMA_BYTES_MAX = 1 << 20

_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"')
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_MODES: dict[str, chat.ToolChoice] = {
    "auto": chat.ToolChoice("auto"),
    "none": chat.ToolChoice("none"),
    "any": chat.ToolChoice("required"),
}
_TEXT = chat.OutputFormat()


class _Head(Struct, frozen=True):
    """The type of a tool or of a schema: the one member that is looked at first."""

    type: object = None


_heads = msgspec.json.Decoder(_Head)
_tools = msgspec.json.Decoder(Tool)


def parse_tools(raw: list[Raw] | None) -> list[Tool]:
    """Raises InvalidRequest for tools that the vendor itself would run or describe."""
    if not raw:
        return []
    if sum([len(bytes(tool)) for tool in raw]) > SCHEMA_BYTES_MAX:
        raise invalid("tools", f"the tools are larger than {SCHEMA_BYTES_MAX} bytes")
    tools = [_parse(one, f"tools.{index}") for index, one in enumerate(raw)]
    if len({tool.name for tool in tools}) != len(tools):
        raise invalid("tools", "Tool names must be unique.")
    return tools


def _parse(raw: Raw, place: str) -> Tool:
    kind = decode_part(raw, _heads, place).type
    if kind not in (None, "custom"):
        raise invalid(
            f"{place}.type",
            f"'{str(kind)[:64]}' is a tool of the vendor's own and does not run here. Offer a tool "
            "with a name and an input_schema, and run it yourself.",
        )
    return decode_part(raw, _tools, place)


def decode_tools(tools: list[Tool]) -> tuple[chat.Tool, ...]:
    """Raises InvalidRequest for odd schemas and for what only the vendor's service can do."""
    return tuple([_tool(tool, f"tools.{index}") for index, tool in enumerate(tools)])


def _tool(tool: Tool, place: str) -> chat.Tool:
    if tool.defer_loading:
        raise invalid(f"{place}.defer_loading", "All tools offered are read at once here.")
    if any(caller != "direct" for caller in tool.allowed_callers or ()):
        raise invalid(f"{place}.allowed_callers", "Only 'direct' calls exist here.")
    path = f"{place}.input_schema"
    schema = _schema(tool.input_schema, path)
    if decode_part(schema, _heads, path).type != "object":
        raise invalid(f"{path}.type", "Input should be 'object'")
    return chat.Tool(tool.name, tool.description or "", schema, bool(tool.strict))


def _schema(raw: Raw, place: str) -> Raw:
    """The caller's own JSON, once it is an object of bounded depth."""
    text = bytes(raw).strip()
    if not text.startswith(b"{"):
        raise invalid(place, "Input should be a valid dictionary")
    if len(text) > SCHEMA_BYTES_MAX:
        raise invalid(place, f"the schema is larger than {SCHEMA_BYTES_MAX} bytes")
    # No document is deeper than it has brackets, so that most need no second look.
    if text.count(b"{") + text.count(b"[") > SCHEMA_DEPTH_MAX and _is_deep(text):
        raise invalid(place, f"the schema is nested deeper than {SCHEMA_DEPTH_MAX} levels")
    return Raw(text)


def _is_deep(text: bytes) -> bool:
    """Counts brackets outside texts, without ever building the document."""
    brackets = _STRING.sub(b"", text).translate(None, _NO_BRACKETS)
    steps = [1 if bracket in b"[{" else -1 for bracket in brackets]
    return max(accumulate(steps), default=0) > SCHEMA_DEPTH_MAX


def decode_tool_choice(wanted: ToolChoice | None, tools: list[Tool]) -> chat.ToolChoice:
    """Raises InvalidRequest for a choice among tools that are not offered."""
    if wanted is None:
        return _MODES["auto"]
    if not tools and wanted.type in ("any", "tool"):
        raise invalid("tool_choice", "tool_choice may only be specified while providing tools.")
    if wanted.type != "tool":
        if wanted.name is not None:
            raise invalid(f"tool_choice.{wanted.type}.name", "Extra inputs are not permitted")
        return _MODES[wanted.type]
    if wanted.name is None:
        raise invalid("tool_choice.tool.name", "Field required")
    if wanted.name not in {tool.name for tool in tools}:
        raise invalid("tool_choice", f"Tool '{wanted.name}' not found in provided tools")
    return chat.ToolChoice("required", (wanted.name,))


def decode_output_format(body: CountBody) -> chat.OutputFormat:
    """Structured output, in the place it has now or in the one that it had as a beta."""
    place, wanted = "output_format", body.output_format
    if body.output_config is not None and body.output_config.format is not None:
        if wanted is not None:
            raise invalid(place, "Use output_config.format alone.")
        place, wanted = "output_config.format", body.output_config.format
    if wanted is None:
        return _TEXT
    schema = _schema(wanted.wanted, f"{place}.schema")
    # An empty schema accepts anything; so does an answer that need only be some JSON object.
    if bytes(schema) == b"{}":
        return chat.OutputFormat("json_object")
    return chat.OutputFormat("json_schema", schema)
