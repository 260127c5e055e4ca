"""The echo engine does what its directives say, since other tests believe it."""

import json
import math
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from engines.subjects import WEATHER, answer, ask, events_of
from kilonova.core.chat import Message, TextPart, ToolChoice
from kilonova.core.embedding import EmbeddingRequest
from kilonova.core.errors import (
    EngineFailed,
    EngineTimeout,
    InvalidRequest,
    KilonovaError,
    ModelNotReady,
    Overloaded,
)
from kilonova.engines import EngineOptionsError, open_engine
from kilonova.engines.echo import Echo
from kilonova.engines.example import example_of


async def test_words_are_tokens_in_and_out() -> None:
    echo = Echo("e")
    request = ask("  Two  spaces,\nkept. ")
    found = await answer(echo, request)
    assert found.choices[0].text == "  Two  spaces,\nkept. "
    assert await echo.count_tokens(request) == found.usage.input_tokens == 3
    assert found.usage.output_tokens == 3
    assert (echo.running, echo.finished) == (0, 1)


@pytest.mark.parametrize(
    ("directive", "expected"),
    [
        ("fail_before", EngineFailed),
        ("overloaded", Overloaded),
        ("not_ready", ModelNotReady),
        ("timeout", EngineTimeout),
        ("frog", InvalidRequest),
        ("tokens=x", InvalidRequest),
    ],
)
async def test_errors_come_before_the_first_event(
    directive: str, expected: type[KilonovaError]
) -> None:
    echo = Echo("e")
    stream = echo.chat(ask(f"[[echo: {directive}]] a b"))
    with pytest.raises(expected):
        await anext(stream)
    assert (echo.running, echo.failed) == (0, 1)


async def test_a_script_shapes_the_answer() -> None:
    echo = Echo("e", Echo.Options(script="tokens=4"))
    assert (await answer(echo, ask("a b"))).choices[0].text == "a b a b"
    longer = await answer(echo, ask("[[echo: tokens=5 reasoning=2, refuse]] a b"))
    assert longer.choices[0].text == "a b a b a"
    assert longer.choices[0].reason == "content_filter"
    assert longer.usage.output_tokens == 7
    assert longer.usage.reasoning_tokens == 2


async def test_it_fails_after_what_it_was_told() -> None:
    echo = Echo("e")
    events = []
    with pytest.raises(EngineFailed):
        async for event in echo.chat(ask("[[echo: fail_after=2]] a b c")):
            events.append(event)  # noqa: PERF401 (the events before the error matter)
    assert len(events) == 4


async def test_a_hanging_stream_can_be_closed() -> None:
    echo = Echo("e")
    stream = echo.chat(ask("[[echo: hang_after=1]] a b"))
    await anext(stream)
    await anext(stream)
    assert echo.running == 1
    await stream.aclose()
    assert (echo.running, echo.cancelled) == (0, 1)


async def test_tools_are_called_when_the_text_says_so() -> None:
    echo = Echo("e")
    free = await answer(echo, ask("Hello", tools=(WEATHER,)))
    named = await answer(echo, ask("Use get_weather for Oslo, 3 days", tools=(WEATHER,)))
    none = await answer(echo, ask("get_weather", tools=(WEATHER,), tool_choice=ToolChoice("none")))
    assert not free.choices[0].tool_calls
    assert not none.choices[0].tool_calls
    arguments = json.loads(named.choices[0].tool_calls[0].arguments)
    assert arguments == {"city": "Use get_weat", "days": 3}


async def test_a_tool_result_is_echoed_and_not_called_again() -> None:
    request = ask("x", tools=(WEATHER,))
    messages = (*request.messages, Message("tool", (TextPart("get_weather says grey"),)))
    found = await answer(Echo("e"), msgspec.structs.replace(request, messages=messages))
    assert found.choices[0].text == "get_weather says grey"


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "object", "properties": {"a": {"type": "integer"}}}, {"a": 7}),
        ({"type": "object", "properties": {"a": {}, "b": {}}, "required": ["b"]}, {"b": "seven"}),
        ({"type": "array", "items": {"type": "number"}, "minItems": 2}, [7, 7]),
        ({"type": "integer", "maximum": 5}, 5),
        ({"type": "integer", "minimum": 8, "multipleOf": 5}, 10),
        ({"enum": ["x", "y"]}, "x"),
        ({"const": None}, None),
        ({"type": ["null", "boolean"]}, True),
        ({"type": "string", "minLength": 7, "maxLength": 7}, "sevenxx"),
        ({"$ref": "#/$defs/d", "$defs": {"d": {"type": "boolean"}}}, True),
        ({"allOf": [{"properties": {"a": {"const": 1}}, "required": ["a"]}]}, {"a": 1}),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, 7),
        ({"type": "string", "format": "date"}, "2026-01-01"),
    ],
)
def test_examples_are_small_and_take_from_the_text(schema: object, expected: object) -> None:
    raw = msgspec.Raw(json.dumps(schema).encode())
    assert example_of(raw, 'the number 7 and "seven"') == expected


async def test_embeddings_are_near_where_words_are_shared() -> None:
    request = EmbeddingRequest(model="m", texts=("red cat", "red dog", "blue sea"), dimensions=256)
    one, near, far = (await Echo("e").embed(request)).vectors
    assert math.isclose(sum(value * value for value in one), 1)
    assert _product(one, near) > 0.3 > _product(one, far)
    with pytest.raises(InvalidRequest):
        await Echo("e").embed(EmbeddingRequest(model="m", texts=("x",), dimensions=0x10000))


def _product(left: tuple[float, ...], right: tuple[float, ...]) -> float:
    return sum(a * b for a, b in zip(left, right, strict=True))


async def test_a_broken_choice_breaks_the_whole_answer() -> None:
    echo = Echo("e")
    with pytest.raises(EngineFailed):
        await events_of(echo, ask("[[echo: fail_after=1]] a b", choices=3))
    assert echo.running == 0


@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [
        ("frog", {}, "choose one of"),
        ("echo", {"tokenms": 1}, "engines.x.tokenms"),
        ("echo", {"token_ms": "soon"}, "token_ms"),
        ("upstream", {}, "url"),
        ("llamacpp", {"model": "m", "cache_type": "q1"}, "cache_type"),
    ],
)
def test_wrong_options_are_named(kind: str, options: dict[str, object], words: str) -> None:
    with pytest.raises(EngineOptionsError, match=words):
        open_engine(kind, "x", options, home=Path())


def test_opening_the_package_loads_no_engine() -> None:
    script = "import sys, kilonova.engines; print({'aiohttp', 'xllamacpp'} & set(sys.modules))"
    found = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "set()"
