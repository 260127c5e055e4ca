"""From Converse's wire to a chat request. Pure."""

from msgspec import Raw, Struct
from msgspec.structs import replace

from kilonova.core.chat import (
    ChatRequest,
    OutputFormat,
    Sampling,
    TextPart,
    Thinking,
    Tool,
    ToolChoice,
)
from kilonova.core.errors import InvalidRequest
from kilonova.core.model import Model
from kilonova.dialects.bedrock.additional_fields import (
    AdditionalFields,
    decode_additional_fields,
)
from kilonova.dialects.bedrock.field_paths import check_paths, unknown_paths
from kilonova.dialects.bedrock.output_schema import check_output_schema
from kilonova.dialects.bedrock.prefill import check_prefill, is_prefilled
from kilonova.dialects.bedrock.refusals import (
    ignored_members,
    only_member,
    refuse_members,
)
from kilonova.dialects.bedrock.rules import (
    check_conversation,
    check_model,
    check_sizes,
    check_tools,
)
from kilonova.dialects.bedrock.schema import (
    Converse,
    ConverseTokens,
    GuardrailConfig,
    InferenceConfig,
    OutputConfig,
    TextFormat,
    ToolConfig,
)
from kilonova.dialects.bedrock.schema import Tool as WireTool
from kilonova.dialects.bedrock.thinking import check_budget, effort_of
from kilonova.dialects.bedrock.turns import TurnDecoder
from kilonova.dialects.wire.sealed_reasoning import ReasoningSeal
from kilonova.gateway.abilities import thinking_ignored

__all__ = ["Decoded", "Wanted", "decode_converse", "decode_tokens"]

_NO_SETTINGS = InferenceConfig()


class Wanted(Struct, frozen=True):
    """What the answer is to say beside its message."""

    field_paths: tuple[str, ...] = ()
    has_tier: bool = False
    has_latency: bool = False


_NOTHING_MORE = Wanted()


class Decoded(Struct, frozen=True):
    """A request, and the hints in it that are not followed.

    `guarded` are the texts that a guardrail is to read where the caller marked some.
    """

    request: ChatRequest
    ignored: tuple[str, ...] = ()
    wanted: Wanted = Wanted()
    guardrail: GuardrailConfig | None = None
    guarded: tuple[TextPart, ...] = ()

    def ignored_with(self, sold_tier: str) -> tuple[str, ...]:
        """The hints not followed, once it is known which service tier was sold."""
        if self.request.service_tier == sold_tier:
            return self.ignored
        return tuple(sorted({*self.ignored, "serviceTier"}))


def decode_converse(wire: Converse, model: Model, seal: ReasoningSeal | None = None) -> Decoded:
    """Raises InvalidRequest for what AWS would refuse, and for what this platform cannot honour.

    Thoughts that come back are compared with their signature where there is a seal."""
    refuse_members(wire, "ConverseRequest")
    check_sizes(wire)
    check_model(wire, model)
    messages = wire.messages or ()
    check_conversation(messages, model, has_tools=wire.tool_config is not None)
    turns = TurnDecoder(seal)
    said = turns.decode(wire.system or (), messages)
    settings = wire.inference_config or _NO_SETTINGS
    additional = decode_additional_fields(wire.additional_model_request_fields)
    thinking, unthought = _thinking(wire, model, additional)
    ignored = turns.ignored | _ignored(wire) | {*additional.ignored, *unthought}
    request = ChatRequest(
        model=model.id,
        messages=said,
        continues_last=is_prefilled(messages),
        thinking=thinking,
        tools=_tools(wire.tool_config) if wire.tool_config else (),
        tool_choice=_tool_choice(wire.tool_config) if wire.tool_config else ToolChoice(),
        output_format=_output_format(wire.output_config),
        sampling=_sampling(settings, additional),
        max_output_tokens=settings.max_tokens,
        service_tier=wire.service_tier.type if wire.service_tier else "default",
    )
    if request.tools:
        check_tools(request, can_think=model.can("reasoning"))
    check_prefill(request)
    return Decoded(
        request, tuple(sorted(ignored)), _wanted(wire), wire.guardrail_config, tuple(turns.guarded)
    )


def _thinking(
    wire: Converse, model: Model, additional: AdditionalFields
) -> tuple[Thinking, list[str]]:
    """What is asked for, and the places of what changes nothing with this model."""
    thinking, places = additional.thinking, dict(additional.thinking_places)
    if not places and not (wire.output_config and wire.output_config.effort):
        return thinking, []
    word = wire.output_config.effort if wire.output_config else None
    if word:
        places["effort"] = "outputConfig.effort"
        thinking = replace(thinking, effort=effort_of(word, "outputConfig.effort"))
    asked = wire.inference_config.max_tokens if wire.inference_config else None
    check_budget(thinking, output_tokens=asked)
    return thinking, [places[name] for name in thinking_ignored(model, thinking)]


def _wanted(wire: Converse) -> Wanted:
    paths = wire.additional_model_response_field_paths
    speed = wire.performance_config
    if not paths and speed is None and wire.service_tier is None:
        return _NOTHING_MORE
    check_paths(paths or ())
    return Wanted(paths or (), wire.service_tier is not None, bool(speed and speed.latency))


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
    # There is one speed: another one is no promise that could be kept, and says so.
    if wire.performance_config and wire.performance_config.latency == "optimized":
        ignored.add("performanceConfig")
    config = wire.guardrail_config
    if config and config.stream_processing_mode == "async":
        ignored.add("guardrailConfig.streamProcessingMode")
    if unknown_paths(wire.additional_model_response_field_paths or ()):
        ignored.add("additionalModelResponseFieldPaths")
    return ignored


def _ignored_output(config: OutputConfig) -> set[str]:
    ignored: set[str] = set()
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
    schema = definition.schema.strip().encode()
    check_output_schema(schema, place=f"{place}.schema")
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
