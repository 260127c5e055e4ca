"""Tools, their choice and the format of answers: what they mean, and what is refused."""

import json
from typing import Any

import pytest

from kilonova.core.chat import ChatRequest, OutputFormat, Tool, ToolChoice
from kilonova.core.errors import InvalidRequest
from kilonova.core.model import Model
from kilonova.dialects.anthropic.decode import decode_messages, parse_messages
from kilonova.dialects.anthropic.tools import SCHEMA_DEPTH_MAX
from unit.dialects.anthropic.answers import SEAL

MODEL = Model(id="m", name="M", provider="p", engine="e", abilities=("chat", "tools", "json"))
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}
ADD = {"name": "add", "input_schema": SCHEMA, "description": "Adds.", "strict": True}


def decoded(**more: Any) -> ChatRequest:
    asked = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}
    return decode_messages(parse_messages(json.dumps(asked | more).encode()), MODEL, SEAL).request


def deep(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object"}
    for _ in range(levels):
        schema = {"type": "object", "properties": {"a": schema}}
    return schema


def test_a_tool_is_read_whole() -> None:
    """Protects tools: the schema is kept as the caller's own JSON."""
    [tool] = decoded(tools=[ADD | {"type": "custom", "allowed_callers": ["direct"]}]).tools
    assert tool == Tool("add", "Adds.", tool.parameters, is_strict=True)
    assert json.loads(bytes(tool.parameters)) == SCHEMA
    assert decoded(tools=[]).tools == ()


@pytest.mark.parametrize(
    ("wanted", "choice", "is_parallel"),
    [
        (None, ToolChoice("auto"), True),
        ({"type": "auto"}, ToolChoice("auto"), True),
        ({"type": "none"}, ToolChoice("none"), True),
        ({"type": "any", "disable_parallel_tool_use": True}, ToolChoice("required"), False),
        ({"type": "tool", "name": "add"}, ToolChoice("required", ("add",)), True),
        ({"type": "auto", "disable_parallel_tool_use": False}, ToolChoice("auto"), True),
    ],
)
def test_choices_mean_what_they_say(wanted: Any, choice: ToolChoice, is_parallel: bool) -> None:
    """Protects agents that force, forbid or leave it open."""
    request = decoded(tools=[ADD], tool_choice=wanted)
    assert request.tool_choice == choice
    assert request.can_call_in_parallel is is_parallel


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"tools": [{"type": "bash_20250124", "name": "bash"}]}, "tools.0.type: 'bash_20250124'"),
        ({"tools": [{"name": "add"}]}, "tools.0.input_schema: Field required"),
        ({"tools": [ADD | {"name": "a b"}]}, "tools.0.name: String should match pattern"),
        ({"tools": [ADD | {"wings": 2}]}, "tools.0.wings: Extra inputs are not permitted"),
        ({"tools": [ADD | {"input_schema": {"type": "array"}}]}, "input_schema.type: Input should"),
        ({"tools": [ADD | {"input_schema": []}]}, "tools.0.input_schema: Input should be a valid"),
        ({"tools": [ADD | {"input_schema": deep(SCHEMA_DEPTH_MAX)}]}, "nested deeper than 64"),
        ({"tools": [ADD | {"defer_loading": True}]}, "tools.0.defer_loading: All tools"),
        ({"tools": [ADD | {"allowed_callers": ["code_execution_20250825"]}]}, "allowed_callers"),
        ({"tools": [ADD, ADD]}, "tools: Tool names must be unique."),
        ({"tools": ["add"]}, "tools.0: Input should be a valid dictionary"),
        ({"tool_choice": {"type": "any"}}, "may only be specified while providing tools"),
        ({"tools": [ADD], "tool_choice": {"type": "tool"}}, "tool_choice.tool.name: Field requir"),
        ({"tools": [ADD], "tool_choice": {"type": "tool", "name": "b"}}, "Tool 'b' not found"),
        ({"tools": [ADD], "tool_choice": {"type": "auto", "name": "add"}}, "auto.name: Extra"),
        ({"tools": [ADD], "tool_choice": {"type": "some"}}, "tool_choice.type: Input 'some'"),
        ({"output_config": {"format": {"type": "json_schema"}}}, "output_config.format.schema: Fi"),
        ({"output_config": {"format": {"type": "json_schema", "schema": 1}}}, "valid dictionary"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)  # fmt: skip
def test_what_is_refused(more: dict[str, Any], words: str) -> None:
    """Protects callers from tools that would never run, and says where the fault is."""
    with pytest.raises(InvalidRequest) as caught:
        decoded(**more)
    assert words in caught.value.message


def test_the_format_of_answers() -> None:
    """Protects structured output, where it stands now and where it stood as a beta."""
    wanted = {"type": "json_schema", "schema": SCHEMA}
    for more in ({"output_config": {"format": wanted}}, {"output_format": wanted}):
        formed = decoded(**more).output_format
        assert formed.kind == "json_schema"
        assert formed.schema is not None
        assert json.loads(bytes(formed.schema)) == SCHEMA
    anything = {"type": "json_schema", "schema": {}}
    assert decoded(output_format=anything).output_format == OutputFormat("json_object")
    assert decoded(output_config={}).output_format == OutputFormat()
    with pytest.raises(InvalidRequest, match=r"output_config\.format alone"):
        decoded(output_config={"format": wanted}, output_format=wanted)


def test_settings_reach_the_model() -> None:
    """Protects sampling and limits; an empty stop sequence stops nothing."""
    request = decoded(temperature=0.5, top_p=0.25, top_k=3, stop_sequences=["a", ""])
    assert (request.sampling.temperature, request.sampling.top_p) == (0.5, 0.25)
    assert (request.sampling.top_k, request.sampling.stop) == (3, ("a",))
    assert request.max_output_tokens == 9
    assert decoded(top_k=0).sampling.top_k is None
