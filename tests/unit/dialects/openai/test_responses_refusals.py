"""What the Responses API refuses, and what it lists as ignored: both by the names of its fields."""

import json
from typing import Any

import pytest

from unit.dialects.openai.response_world import ResponseWorld, ask
from unit.dialects.openai.test_responses import ADD, world

__all__ = ["world"]


@pytest.mark.parametrize(
    ("more", "param", "code"),
    [
        ({"background": True}, "background", "unsupported_parameter"),
        ({"conversation": "conv_1"}, "conversation", "unsupported_parameter"),
        ({"prompt": {"id": "p"}}, "prompt", "unsupported_parameter"),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type", "unsupported_value"),
        ({"tools": [{"type": "custom", "name": "x"}]}, "tools[0].type", "unsupported_value"),
        ({"tools": [{"type": "function"}]}, "tools[0].name", "missing_required_parameter"),
        ({"tools": [{**ADD, "wings": 2}]}, "tools[0].wings", "unknown_parameter"),
        ({"tools": [{**ADD, "parameters": 7}]}, "tools[0].parameters", "invalid_type"),
        ({"tools": [{**ADD, "async": True}]}, "tools[0].async", "unsupported_parameter"),
        ({"tool_choice": "required"}, "tool_choice", "invalid_value"),
        ({"tool_choice": {"type": "function", "name": "x"}}, "tool_choice", "invalid_value"),
        ({"tool_choice": {"type": "mcp", "server_label": "x"}}, "tool_choice.type",
         "unsupported_value"),
        ({"tool_choice": {"type": "function", "wings": 2}}, "tool_choice.wings",
         "unknown_parameter"),
        ({"tools": [ADD], "tool_choice": {"type": "function", "name": "add", "server_label": {}}},
         "tool_choice.server_label", "unknown_parameter"),
        ({"tools": [ADD], "tool_choice": {"type": "function", "name": "add", "mode": "auto"}},
         "tool_choice.mode", "unknown_parameter"),
        ({"tools": [ADD], "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [
            {"type": "function", "name": "add", "server_label": "x"}]}},
         "tool_choice.tools[0].server_label", "unknown_parameter"),
        ({"text": {"format": {"type": "json_object", "schema": {}}}}, "text.format.schema",
         "unknown_parameter"),
        ({"text": {"format": {"type": "text", "strict": False}}}, "text.format.strict",
         "unknown_parameter"),
        ({"input": [{"id": "msg_1", "content": "x"}]}, "input[0].content", "unknown_parameter"),
        ({"text": {"format": {"type": "json_schema", "name": "x"}}}, "text.format.schema",
         "missing_required_parameter"),
        ({"text": {"format": {"type": "yaml"}}}, "text.format.type", "invalid_value"),
        ({"input": None}, "input", "missing_required_parameter"),
        ({"input": [{"type": "computer_call", "id": "x"}]}, "input[0].type", "unsupported_value"),
        ({"input": [{"role": "user"}]}, "input[0].content", "missing_required_parameter"),
        ({"input": [{"role": "robot", "content": "x"}]}, "input[0].role", "invalid_value"),
        ({"input": [{"role": "user", "content": [{"type": "input_text"}]}]},
         "input[0].content[0].text", "missing_required_parameter"),
        ({"input": [{"role": "user", "content": [{"type": "input_file", "file_data": "AP8="}]}]},
         "input[0].content[0]", "unsupported_value"),
        ({"input": [{"role": "user", "content": [{"type": "input_file", "file_data": "?"}]}]},
         "input[0].content[0].file_data", "invalid_value"),
        ({"input": [{"role": "user", "content": [{"type": "input_file", "file_url": "http://x"}]}]},
         "input[0].content[0].file_url", "invalid_value"),
        ({"input": [{"role": "user", "content": [{"type": "input_file"}]}]},
         "input[0].content[0].file_id", "missing_required_parameter"),
        ({"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "http://x"}]}]},
         "input[0].content[0].image_url", "invalid_image_url"),
        ({"input": ["x"]}, "input[0]", "invalid_type"),
        ({"stream_options": {}}, "stream_options", None),
        ({"max_output_tokens": 0}, "max_output_tokens", "integer_below_min_value"),
        ({"metadata": {"a": 1}}, "metadata[...]", "invalid_type"),
        ({"wings": 2}, "wings", "unknown_parameter"),
        ({"model": "gpt-9"}, "model", "model_not_found"),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else None,
)  # fmt: skip
async def test_refusals_name_the_field(
    world: ResponseWorld, more: Any, param: str, code: str | None
) -> None:
    """Protects callers: what cannot be honoured is refused by name, as OpenAI words it."""
    status, error = await world.refused("x", **more)
    assert (error["param"], error["code"]) == (param, code), error
    assert status == (404 if code == "model_not_found" else 400)


async def test_what_a_model_lacks_is_named_as_this_api_does(world: ResponseWorld) -> None:
    """Protects callers from the names of another API's fields."""
    image = {"type": "input_image", "image_url": "data:image/png;base64,AAAA"}
    status, error = await world.refused([{"role": "user", "content": [image]}])
    assert (status, error["param"]) == (400, "input")


@pytest.mark.parametrize(
    ("items", "ignored"),
    [
        ([{"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}",
           "namespace": "n", "caller": {"type": "direct"}, "async": True},
          {"type": "function_call_output", "call_id": "c", "output": "x"}],
         "input.async, input.caller, input.namespace"),
        ([{"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
          {"type": "function_call_output", "call_id": "c", "name": "f", "namespace": "n",
           "output": [{"type": "input_text", "text": "x", "prompt_cache_breakpoint": {}}]}],
         "input.content.prompt_cache_breakpoint, input.name, input.namespace"),
        ([{"role": "user", "content": [
            {"type": "input_file", "file_data": "eA==", "detail": "high"}]}],
         "input.content.detail"),
    ],
    ids=["calls", "answers", "messages"],
)  # fmt: skip
async def test_hints_inside_items_are_listed(
    world: ResponseWorld, items: list[object], ignored: str
) -> None:
    """Protects callers who believe that a hint did something, wherever it stands."""
    answer, body = await world.whole("POST", "/v1/responses", ask(items))
    assert answer.status == 200, body
    assert dict(answer.headers)[b"x-kilonova-ignored"].decode() == ignored


async def test_queries_that_change_nothing_are_listed(world: ResponseWorld) -> None:
    """Protects callers who page where there are no pages, or wait for events that do not come."""
    response = await world.create("one")
    path = f"/v1/responses/{response['id']}"
    for query, ignored in (
        ("?starting_after=0&limit=5&order=asc", "limit, order, starting_after"),
        ("/input_items?stream=true&limit=5&include=x", "include, stream"),
        ("?stream=false", None),
    ):
        answer, body = await world.whole("GET", path + query)
        assert answer.status == 200, body
        listed = dict(answer.headers).get(b"x-kilonova-ignored", b"").decode() or None
        assert (listed and ", ".join(sorted(listed.split(", ")))) == ignored
