"""Upstreams: whose fault an error is, what is sent, and that secrets are references."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from engines.fake_openai import FakeOpenAi
from engines.subjects import WEATHER, answer, ask, events_of
from kilonova.core.chat import (
    ChatRequest,
    ImagePart,
    Message,
    ReasoningPart,
    Sampling,
    TextPart,
    Thinking,
    ToolCallPart,
    ToolChoice,
    ToolResultPart,
)
from kilonova.core.embedding import EmbeddingRequest
from kilonova.core.errors import (
    ContextTooLong,
    EngineFailed,
    EngineTimeout,
    InvalidRequest,
    KilonovaError,
    ModelNotReady,
    NotFound,
    Overloaded,
)
from kilonova.core.events import TextDelta
from kilonova.core.model import Price
from kilonova.core.ports import Engine
from kilonova.engines import EngineOptionsError, open_engine
from kilonova.engines.openai.body import chat_body
from kilonova.engines.openai.chunks import Chunk
from kilonova.engines.openai.stream import EventReader

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def upstream(
    fake_openai: FakeOpenAi, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Engine]:
    monkeypatch.setenv("UPSTREAM_KEY", "sk-test")
    options: dict[str, object] = {
        "url": fake_openai.url,
        "api_key": "env:UPSTREAM_KEY",
        "models": {"m": "their-model"},
        "headers": {"X-Team": "blue"},
        "limit_field": "max_completion_tokens",
    }
    engine = open_engine("upstream", "up", options, home=Path())
    await engine.start()
    fake_openai.bodies.clear()
    yield engine
    fake_openai.refuse_with = None
    await engine.stop()


async def test_their_name_our_key_and_their_field_are_sent(
    upstream: Engine, fake_openai: FakeOpenAi
) -> None:
    await answer(upstream, ask("one two three", max_output_tokens=2))
    assert fake_openai.bodies[0]["model"] == "their-model"
    assert fake_openai.bodies[0]["max_completion_tokens"] == 2
    assert fake_openai.headers[-1]["Authorization"] == "Bearer sk-test"
    assert fake_openai.headers[-1]["X-Team"] == "blue"


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (400, {"error": {"message": "temperature is wrong"}}, InvalidRequest),
        (401, {"error": {"message": "bad key sk-12"}}, EngineFailed),
        (404, {}, NotFound),
        (408, {}, EngineTimeout),
        (429, {"error": {"message": "slow down"}}, Overloaded),
        (429, {"error": {"message": "", "code": "insufficient_quota"}}, EngineFailed),
        (500, {"detail": "oops"}, EngineFailed),
        (503, {}, Overloaded),
    ],
)
async def test_errors_are_translated_for_our_caller(
    upstream: Engine,
    fake_openai: FakeOpenAi,
    status: int,
    body: dict[str, object],
    expected: type[KilonovaError],
) -> None:
    fake_openai.refuse_with = (status, body, {"Retry-After": "7"})
    with pytest.raises(expected) as caught:
        await answer(upstream, ask("x"))
    assert "sk-" not in caught.value.message
    assert type(caught.value) is expected
    if expected is Overloaded:
        assert caught.value.retry_after_s == 7


async def test_a_context_error_keeps_both_numbers(upstream: Engine) -> None:
    with pytest.raises(ContextTooLong) as caught:
        await answer(upstream, ask("far too long " * 2000))
    assert (caught.value.input_tokens, caught.value.context_tokens) == (6000, 4000)


@pytest.mark.parametrize("text", ["a b c d", "CUT the line"])
async def test_a_stream_that_breaks_raises_after_what_came(upstream: Engine, text: str) -> None:
    delivered = 0
    with pytest.raises(EngineFailed, match="connection" if "CUT" in text else "broke while"):
        async for event in upstream.chat(ask(f"[[echo: fail_after=2]] {text}")):
            if isinstance(event, TextDelta):
                delivered = event.output_tokens
    assert delivered == 2


async def test_nobody_there_is_not_ready() -> None:
    engine = open_engine("upstream", "up", {"url": "http://127.0.0.1:9/v1"}, home=Path())
    with pytest.raises(ModelNotReady):
        await answer(engine, ask("x"))
    await engine.start()
    with pytest.raises(ModelNotReady):
        await answer(engine, ask("x"))
    assert not (await engine.health()).is_ready
    await engine.stop()


async def test_health_and_embeddings(upstream: Engine) -> None:
    assert (await upstream.health()).is_ready
    request = EmbeddingRequest(model="m", texts=("one two", "three"), dimensions=8)
    found = await upstream.embed(request)
    assert [len(vector) for vector in found.vectors] == [8, 8]
    assert found.input_tokens == 3


async def test_reasoning_and_several_calls_arrive(upstream: Engine) -> None:
    found = await answer(upstream, ask("[[echo: reasoning=2]] a b"))
    assert found.choices[0].reasoning == "thinking thinking "
    assert found.usage.reasoning_tokens == 2
    calls = await answer(upstream, ask("[[echo: calls=2]] Oslo 3", tools=(WEATHER,)))
    assert [call.name for call in calls.choices[0].tool_calls] == ["get_weather"] * 2


async def test_parts_of_a_count_are_never_more_than_the_whole() -> None:
    """Protects the price: of a server that counts its thoughts beside its output, no request is
    charged less than nothing."""
    reader = EventReader()
    chunk = {
        "choices": [{"delta": {"content": "a"}, "finish_reason": "stop"}],
        "usage": {
            "prompt_tokens": 2,
            "completion_tokens": 3,
            "prompt_tokens_details": {"cached_tokens": 9},
            "completion_tokens_details": {"reasoning_tokens": 40},
        },
    }
    reader.read(msgspec.convert(chunk, Chunk))
    usage = reader.usage()
    assert (usage.prompt_tokens, usage.output_tokens, usage.reasoning_tokens) == (2, 3, 3)
    assert Price(output=10**9, reasoning=10**8).charge(usage) > 0


async def test_a_key_in_the_configuration_is_refused() -> None:
    with pytest.raises(EngineOptionsError, match="reference"):
        open_engine("upstream", "up", {"url": "http://x", "api_key": "sk-real"}, home=Path())
    missing = open_engine("upstream", "up", {"url": "http://x", "api_key": "env:NO_1"}, home=Path())
    with pytest.raises(EngineOptionsError, match="NO_1"):
        await missing.start()


async def test_the_body_says_everything_that_was_asked() -> None:
    request = ChatRequest(
        model="m",
        messages=(
            Message("user", (TextPart("see"), ImagePart("image/png", b"x")), name="ann"),
            Message("assistant", (TextPart(""), ToolCallPart("c1", "f", ""))),
            Message("tool", (ToolResultPart("c1", "no", is_error=True),)),
        ),
        tools=(WEATHER,),
        tool_choice=ToolChoice("auto", ("get_weather",)),
        can_call_in_parallel=False,
        sampling=Sampling(temperature=0.5, stop=("x",), logit_bias=((5, 1.0),)),
        top_logprobs=0,
    )
    body = chat_body(request, "theirs")
    messages = body["messages"]
    assert isinstance(messages, list)
    assert messages[0]["content"][1]["image_url"]["url"] == "data:image/png;base64,eA=="
    assert messages[0]["name"] == "ann"
    assert messages[1]["tool_calls"][0]["function"]["arguments"] == "{}"
    assert messages[1]["content"] is None
    assert messages[2] == {"role": "tool", "tool_call_id": "c1", "content": "Error: no"}
    assert body["logit_bias"] == {"5": 1.0}
    assert body["logprobs"] is True
    assert "top_logprobs" not in body
    assert body["parallel_tool_calls"] is False
    assert len(await events_of(open_engine("echo", "e", {}, home=Path()), ask("a"))) == 4


@pytest.mark.parametrize(
    ("options", "thinking", "expected"),
    [
        ({}, Thinking(is_on=False), {"reasoning_effort": "none"}),
        ({}, Thinking(is_on=True), {"reasoning_effort": "medium"}),
        ({}, Thinking(is_on=True, effort="low"), {"reasoning_effort": "low"}),
        ({}, Thinking(effort="max"), {"reasoning_effort": "xhigh"}),
        ({"efforts": {"max": "high"}}, Thinking(effort="max"), {"reasoning_effort": "high"}),
        (
            {"thinking_switch": "enable_thinking", "budget_field": "thinking_budget"},
            Thinking(is_on=True, budget_tokens=9),
            {"chat_template_kwargs": {"enable_thinking": True}, "thinking_budget": 9},
        ),
        (
            {"thinking_switch": "thinking"},
            Thinking(is_on=False),
            {"thinking": {"type": "disabled"}},
        ),
        ({"thinking_switch": "thinking"}, Thinking(), {}),
    ],
)
async def test_thinking_is_said_in_the_words_of_the_server(
    fake_openai: FakeOpenAi,
    options: dict[str, object],
    thinking: Thinking,
    expected: dict[str, object],
) -> None:
    """Protects thinking on servers that each have their own word for it."""
    body = await _body(fake_openai, options, ask("x", thinking=thinking))
    words = ("reasoning_effort", "chat_template_kwargs", "thinking", "thinking_budget")
    assert {name: body[name] for name in words if name in body} == expected


async def test_prefix_and_earlier_thoughts_are_sent_where_the_server_reads_them(
    fake_openai: FakeOpenAi,
) -> None:
    """Protects prefilled answers and tool loops on servers that want both so."""
    said = Message("assistant", (ReasoningPart("because"), TextPart("So")))
    request = ask("", messages=(*ask("x").messages, said), continues_last=True)
    options: dict[str, object] = {"continues_with": "prefix", "reads_thoughts": True}
    last = (await _body(fake_openai, options, request))["messages"][-1]
    assert last == {
        "role": "assistant",
        "content": "So",
        "reasoning_content": "because",
        "prefix": True,
    }
    options = {"continues_with": "continue_final_message"}
    body = await _body(fake_openai, options, request)
    assert (body["continue_final_message"], body["add_generation_prompt"]) == (True, False)
    assert "reasoning_content" not in body["messages"][-1]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"thinking": Thinking(budget_tokens=5)}, "thinking"),
        ({"continues_last": True}, "messages"),
        ({"messages": (), "prompt": "x"}, "prompt"),
    ],
)
async def test_what_the_server_has_no_word_for_is_refused(
    upstream: Engine, fields: dict[str, object], param: str
) -> None:
    """Protects callers from servers that ignore what they do not know, when counting too."""
    request = ask("x", **fields)
    for ask_it in (upstream.count_tokens, lambda asked: answer(upstream, asked)):
        with pytest.raises(InvalidRequest) as caught:
            await ask_it(request)
        assert caught.value.param == param


async def _body(
    fake: FakeOpenAi, options: dict[str, object], request: ChatRequest
) -> dict[str, Any]:
    """What the server is sent."""
    engine = open_engine("upstream", "up", {"url": fake.url, **options}, home=Path())
    await engine.start()
    try:
        await answer(engine, request)
    finally:
        await engine.stop()
    return fake.bodies[-1]
