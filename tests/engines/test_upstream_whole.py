"""Upstreams that are asked for an answer in one piece: the same answer, and the same errors."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from engines.fake_openai import FakeOpenAi
from engines.subjects import WEATHER, answer, ask
from kilonova.core.chat import ChatRequest, Sampling, Thinking, ToolChoice
from kilonova.core.errors import (
    EngineFailed,
    EngineTimeout,
    KilonovaError,
    ModelNotReady,
    Overloaded,
)
from kilonova.core.events import ChatBegun
from kilonova.core.ports import Engine
from kilonova.engines import open_engine
from kilonova.engines.openai.chunks import Chunk
from kilonova.engines.openai.stream import EventReader

pytestmark = pytest.mark.asyncio(loop_scope="session")

_WORDS: dict[str, object] = {
    "completes_prompts": True,
    "thinking_switch": "enable_thinking",
    "whole_s_max": 0.4,
}


@pytest_asyncio.fixture(loop_scope="session")
async def upstream(fake_openai: FakeOpenAi) -> AsyncIterator[Engine]:
    engine = open_engine("upstream", "up", {"url": fake_openai.url, **_WORDS}, home=Path())
    await engine.start()
    fake_openai.bodies.clear()
    yield engine
    fake_openai.refuse_with, fake_openai.tells_usage = None, True
    await engine.stop()


def _whole(request: ChatRequest) -> ChatRequest:
    return msgspec.structs.replace(request, is_whole=True)


@pytest.mark.parametrize(
    "request_",
    [
        ask("one two three"),
        ask("one two three", max_output_tokens=2),
        ask("one two three", sampling=Sampling(stop=("two",))),
        ask("[[echo: reasoning=3]] a b", thinking=Thinking(is_on=True)),
        ask("[[echo: calls=2]] Oslo 3", tools=(WEATHER,), tool_choice=ToolChoice("required")),
        ask("a b c", top_logprobs=2),
        ask("a b c", choices=3),
        ask("", messages=(), prompt="a b c", top_logprobs=1),
    ],
    ids=["text", "length", "stop", "thoughts", "calls", "logprobs", "choices", "prompt"],
)
async def test_a_whole_answer_is_what_a_streamed_one_adds_up_to(
    upstream: Engine, fake_openai: FakeOpenAi, request_: ChatRequest
) -> None:
    """Protects callers: how an upstream is asked shows in nothing that they get or pay."""
    streamed = await answer(upstream, request_)
    fake_openai.bodies.clear()
    whole = await answer(upstream, _whole(request_))
    assert not any(body["stream"] or "stream_options" in body for body in fake_openai.bodies)
    assert len(fake_openai.bodies) == request_.choices
    assert _nameless(whole.choices) == _nameless(streamed.choices)
    assert whole.usage == streamed.usage


async def test_it_is_said_before_that_nothing_comes_until_the_end(upstream: Engine) -> None:
    """Protects the sharing of time: the meter knows that nobody tells reading from writing."""
    for request, is_whole in ((ask("x"), False), (_whole(ask("x")), True)):
        events = [event async for event in upstream.chat(request)]
        assert events[0] == ChatBegun(is_whole)


async def test_an_upstream_may_always_be_asked_for_streams(fake_openai: FakeOpenAi) -> None:
    """Protects servers of one's own: a caller who leaves a whole answer stops them, too."""
    options: dict[str, object] = {"url": fake_openai.url, "whole_answers": "streamed"}
    engine = open_engine("upstream", "up", options, home=Path())
    await engine.start()
    try:
        assert (await answer(engine, _whole(ask("a b")))).choices[0].text == "a b"
    finally:
        await engine.stop()
    assert not engine.answers_whole
    assert fake_openai.bodies[-1]["stream"] is True


async def test_what_breaks_is_told(upstream: Engine, fake_openai: FakeOpenAi) -> None:
    """Protects callers: an error, an answer that does not come and one that is none are named."""
    with pytest.raises(EngineFailed, match="broke while"):
        await answer(upstream, _whole(ask("[[echo: fail_after=2]] a b c d")))
    with pytest.raises(EngineTimeout):
        await answer(upstream, _whole(ask("[[echo: delay_ms=200]] a b c d e f")))
    fake_openai.refuse_with = (429, {}, {"Retry-After": "7"})
    with pytest.raises(Overloaded):
        await answer(upstream, _whole(ask("x")))
    unfinished: dict[str, object] = {"choices": [{"message": {"content": "x"}}]}
    for said in ({}, {"choices": []}, unfinished):
        fake_openai.refuse_with = (200, said, {})
        with pytest.raises(EngineFailed, match="in the middle"):
            await answer(upstream, _whole(ask("x")))
    nobody = open_engine("upstream", "up", {"url": "http://127.0.0.1:9/v1"}, home=Path())
    await nobody.start()
    with pytest.raises(ModelNotReady):
        await answer(nobody, _whole(ask("x")))
    await nobody.stop()


async def test_without_usage_the_text_is_measured(
    upstream: Engine, fake_openai: FakeOpenAi
) -> None:
    """Protects the operator: a server that does not count is not for nothing, nor its prompt."""
    fake_openai.tells_usage = False
    found = await answer(upstream, _whole(ask("one two three four")))
    assert found.usage.output_tokens == len("one two three four") // 4
    assert found.usage.prompt_tokens >= 1


@pytest.mark.parametrize(
    "said",
    [
        {"message": {"content": "ab", "tool_calls": [{"function": {}}]}},
        {"message": {"content": None}, "finish_reason": "length"},
        {"delta": {"content": "x"}, "finish_reason": "stop"},
    ],
)
async def test_odd_answers_do_not_break_the_reader(said: dict[str, object]) -> None:
    """Protects the edge: whatever a server writes is an answer, or an engine's error."""
    reader = EventReader()
    reader.read_whole(msgspec.convert({"choices": [said, said]}, Chunk))
    try:
        list(reader.finish())
    except KilonovaError:
        assert "finish_reason" not in said


def _nameless(choices: object) -> object:
    """Ids of calls are made anew in each answer."""
    document = msgspec.to_builtins(choices)
    for choice in document:
        for call in choice["tool_calls"]:
            call["id"] = ""
    return document
