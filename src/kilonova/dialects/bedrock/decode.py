"""From Converse's wire to a chat request. Pure."""

import msgspec
from msgspec import Raw, Struct

from kilonova.core.chat import ChatRequest, OutputFormat, Sampling, Tool, ToolChoice
from kilonova.core.errors import InvalidRequest, RequestTooLarge
from kilonova.core.model import Model
from kilonova.dialects.bedrock.additional_fields import (
    AdditionalFields,
    decode_additional_fields,
)
from kilonova.dialects.bedrock.refusals import (
    ignored_members,
    only_member,
    refuse_members,
)
from kilonova.dialects.bedrock.rules import check_conversation, check_model, check_sizes
from kilonova.dialects.bedrock.schema import (
    Converse,
    ConverseTokens,
    InferenceConfig,
    OutputConfig,
    TextFormat,
    ToolConfig,
)
from kilonova.dialects.bedrock.schema import Tool as WireTool
from kilonova.dialects.bedrock.turns import TurnDecoder

__all__ = ["Decoded", "decode_converse", "decode_tokens"]

# A schema is a text of its own inside of the body, so no earlier limit has seen its structure.
_SCHEMA_CHARS_MAX = 262_144

_NO_SETTINGS = InferenceConfig()


class Decoded(Struct, frozen=True):
    """A request, and the hints in it that are not followed."""

    request: ChatRequest
    ignored: tuple[str, ...] = ()


def decode_converse(wire: Converse, model: Model) -> Decoded:
    """Raises InvalidRequest for what AWS would refuse, and for what this platform cannot honour."""
    refuse_members(wire, "ConverseRequest")
    check_sizes(wire)
    check_model(wire, model)
    tools = wire.tool_config
    check_conversation(
        wire.messages or (), has_tools=tools is not None, is_strict=model.has_strict_turns
    )
    turns = TurnDecoder()
    messages = turns.decode(wire.system or (), wire.messages or ())
    settings = wire.inference_config or _NO_SETTINGS
    additional = decode_additional_fields(wire.additional_model_request_fields)
    ignored = turns.ignored | _ignored(wire) | set(additional.ignored)
    request = ChatRequest(
        model=model.id,
        messages=messages,
        tools=_tools(tools) if tools else (),
        tool_choice=_tool_choice(tools) if tools else ToolChoice(),
        output_format=_output_format(wire.output_config),
        sampling=_sampling(settings, additional),
        max_output_tokens=settings.max_tokens,
    )
    return Decoded(request, tuple(sorted(ignored)))


def decode_tokens(wire: ConverseTokens, model: Model) -> Decoded:
    """The request whose input tokens are asked for."""
    converse = Converse(
        messages=wire.messages,
        system=wire.system,
        tool_config=wire.tool_config,
        additional_model_request_fields=wire.additional_model_request_fields,
    )
    return decode_converse(converse, model)


def _ignored(wire: Converse) -> set[str]:
    ignored = set(ignored_members(wire, "ConverseRequest"))
    if wire.tool_config and any(tool.cache_point for tool in wire.tool_config.tools):
        ignored.add("toolConfig.tools.cachePoint")
    if wire.output_config:
        ignored |= _ignored_output(wire.output_config)
    return ignored


def _ignored_output(config: OutputConfig) -> set[str]:
    ignored = {f"outputConfig.{name}" for name in ignored_members(config, "OutputConfig")}
    schema = config.text_format.structure.json_schema if config.text_format else None
    if schema is not None:
        place = "outputConfig.textFormat.structure.jsonSchema"
        names = ignored_members(schema, "JsonSchemaDefinition")
        ignored.update(f"{place}.{name}" for name in names)
    return ignored


def _tools(config: ToolConfig) -> tuple[Tool, ...]:
    tools = (_tool(tool, f"toolConfig.tools.{i}") for i, tool in enumerate(config.tools))
    return tuple(tool for tool in tools if tool is not None)


def _tool(tool: WireTool, place: str) -> Tool | None:
    refuse_members(tool, "Tool", place=place)
    only_member(tool, place=place)
    if tool.tool_spec is None:
        return None
    spec = tool.tool_spec
    schema = spec.input_schema.json
    if bytes(schema)[:1] != b"{":
        raise InvalidRequest(
            f"The value at {place}.toolSpec.inputSchema.json must be a JSON Schema of type object.",
            param=f"{place}.toolSpec.inputSchema.json",
        )
    return Tool(spec.name, spec.description or "", schema, is_strict=bool(spec.strict))


def _tool_choice(config: ToolConfig) -> ToolChoice:
    wire = config.tool_choice
    if wire is None:
        return ToolChoice()
    only_member(wire, place="toolConfig.toolChoice")
    if wire.tool is None:
        return ToolChoice("required" if wire.any is not None else "auto")
    names = {tool.tool_spec.name for tool in config.tools if tool.tool_spec}
    if wire.tool.name not in names:
        raise InvalidRequest(
            f"toolConfig.toolChoice.tool.name: there is no tool '{wire.tool.name}' in "
            "toolConfig.tools.",
            param="toolConfig.toolChoice.tool.name",
        )
    return ToolChoice("required", (wire.tool.name,))


def _output_format(config: OutputConfig | None) -> OutputFormat:
    if config is None or config.text_format is None:
        return OutputFormat()
    return _text_format(config.text_format)


def _text_format(wire: TextFormat) -> OutputFormat:
    place = "outputConfig.textFormat.structure.jsonSchema"
    definition = wire.structure.json_schema
    if definition is None:
        raise InvalidRequest(f"{place} is required.", param=place)
    if len(definition.schema) > _SCHEMA_CHARS_MAX:
        raise RequestTooLarge(
            f"{place}.schema has more than {_SCHEMA_CHARS_MAX} characters.",
            param=f"{place}.schema",
        )
    schema = definition.schema.strip().encode()
    try:
        is_object = isinstance(msgspec.json.decode(schema), dict)
    except (msgspec.DecodeError, RecursionError):
        is_object = False
    if not is_object:
        raise InvalidRequest(
            f"{place}.schema must be the text of a JSON Schema object.", param=f"{place}.schema"
        )
    return OutputFormat("json_schema", Raw(schema), definition.name or "answer")


def _sampling(settings: InferenceConfig, additional: AdditionalFields) -> Sampling:
    return Sampling(
        temperature=settings.temperature,
        top_p=settings.top_p,
        top_k=additional.top_k,
        seed=additional.seed,
        presence_penalty=additional.presence_penalty,
        frequency_penalty=additional.frequency_penalty,
        stop=settings.stop_sequences or (),
    )
