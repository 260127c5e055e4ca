"""Reasoning on OpenAI's wire by the official SDK: how much, what comes out, what goes back in."""

from collections.abc import Iterator
from typing import Any

import openai
import pytest

from servers import Server

ECHO = "kilonova.echo-v1:0"
THINKER = "thinker"
IGNORED = "x-kilonova-ignored"


@pytest.fixture(scope="module")
def client(thinkers: Server) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(api_key=thinkers.bearer_key, base_url=f"{thinkers.url}/v1") as one:
        yield one


def asked(text: str, *more: Any, model: str = THINKER) -> Any:
    return {"model": model, "messages": [{"role": "user", "content": text}, *more]}


def reasoning_of(message: Any) -> str | None:
    return getattr(message, "reasoning_content", None)


@pytest.mark.supports("reasoning", "openai chat.completions")
@pytest.mark.parametrize("effort", ["minimal", "low", "medium", "high", "xhigh", "max"])
def test_a_model_that_thinks_shows_it(client: openai.OpenAI, effort: Any) -> None:
    """Protects whole answers: the thoughts stand beside the text, and are counted."""
    answer = client.chat.completions.create(
        **asked("[[echo: reasoning=3]] one two"), reasoning_effort=effort
    )
    message = answer.choices[0].message
    assert message.content == "one two"
    assert (reasoning_of(message) or "").split() == ["thinking"] * 3
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 5
    assert answer.usage.completion_tokens_details is not None
    assert answer.usage.completion_tokens_details.reasoning_tokens == 3


def test_thoughts_stream_before_the_text(client: openai.OpenAI) -> None:
    """Protects streamed answers: thoughts are pieces of their own, and come first."""
    chunks = client.chat.completions.create(**asked("[[echo: reasoning=2]] one two"), stream=True)
    deltas = [chunk.choices[0].delta for chunk in chunks]
    kinds = ["thought" if reasoning_of(delta) else "text" for delta in deltas[1:-1]]
    assert kinds == ["thought", "thought", "text", "text"]
    assert "".join(delta.content or "" for delta in deltas) == "one two"


@pytest.mark.parametrize(
    "more",
    [
        {"reasoning_effort": "none"},
        {"extra_body": {"thinking": {"type": "disabled"}}},
        {"reasoning_effort": "high", "extra_body": {"thinking": {"type": "disabled"}}},
    ],
)
def test_thinking_can_be_turned_off(client: openai.OpenAI, more: Any) -> None:
    """Protects quick answers: both spellings of no are heard."""
    raw = client.chat.completions.with_raw_response.create(
        **asked("[[echo: reasoning=3]] one two"), **more
    )
    message = raw.parse().choices[0].message
    assert (message.content, reasoning_of(message)) == ("one two", None)
    assert IGNORED not in raw.headers


@pytest.mark.supports("reasoning", "openai chat.completions", how="ignored")
@pytest.mark.parametrize(
    ("more", "ignored"),
    [
        ({"reasoning_effort": "high"}, "reasoning_effort"),
        ({"extra_body": {"thinking": {"type": "enabled"}}}, "thinking"),
        ({"reasoning_effort": "none"}, None),
        ({"extra_body": {"thinking": {"type": "disabled"}}}, None),
    ],
)
def test_a_model_without_thoughts_says_what_it_ignores(
    client: openai.OpenAI, more: Any, ignored: str | None
) -> None:
    """Protects callers who believe they paid for thinking; not to think is what it does anyway."""
    raw = client.chat.completions.with_raw_response.create(**asked("one", model=ECHO), **more)
    assert raw.headers.get(IGNORED) == ignored


@pytest.mark.supports("refusals", "openai chat.completions", how="refused")
@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"reasoning_effort": "vast"}, "reasoning_effort"),
        ({"extra_body": {"thinking": {"type": "deep"}}}, "thinking.type"),
        ({"extra_body": {"thinking": {"type": "enabled", "depth": 3}}}, "thinking.depth"),
        (
            {"reasoning_effort": "none", "extra_body": {"thinking": {"type": "enabled"}}},
            "reasoning_effort",
        ),
    ],
)
def test_nonsense_is_named(client: openai.OpenAI, more: Any, param: str) -> None:
    """Protects callers from an effort that nobody understood."""
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(**asked("one"), **more)
    assert caught.value.param == param


def test_thoughts_are_taken_back(client: openai.OpenAI) -> None:
    """Protects agents that hand a whole message back: its thoughts are read as part of the past."""
    thoughtful = {"role": "assistant", "content": "two", "reasoning_content": "one and one"}
    more = ({"role": "user", "content": "and now?"},)
    with_thoughts = client.chat.completions.create(**asked("one", thoughtful, *more))
    plain = {"role": "assistant", "content": "two"}
    without = client.chat.completions.create(**asked("one", plain, *more))
    assert with_thoughts.usage is not None
    assert without.usage is not None
    assert with_thoughts.usage.prompt_tokens == without.usage.prompt_tokens + 3


CALL = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": "{}"}}
CALLING = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "4"}


def test_a_model_may_want_its_thoughts_back(client: openai.OpenAI) -> None:
    """Protects conversations with such models: what they would refuse is refused by name."""
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(**asked("add", CALLING, RESULT, model="forgetful"))
    assert caught.value.param == "messages[1]"
    assert "reasoning_content" in caught.value.message
    kept = {**CALLING, "reasoning_content": ""}
    for more in ((kept, RESULT), (CALLING, RESULT, {"role": "user", "content": "so?"})):
        assert client.chat.completions.create(**asked("add", *more, model="forgetful")).choices
    quick: Any = {"thinking": {"type": "disabled"}}
    past = asked("add", CALLING, RESULT, model="forgetful")
    assert client.chat.completions.create(**past, extra_body=quick).choices


def test_an_answer_can_be_gone_on_with(client: openai.OpenAI) -> None:
    """Protects prefixes: with ``prefix`` the answer goes on, without it a new turn begins."""
    begun = {"role": "assistant", "content": "one two"}
    fresh = client.chat.completions.create(**asked("one two three", begun))
    assert fresh.choices[0].message.content == "one two three"
    more = client.chat.completions.create(**asked("one two three", {**begun, "prefix": True}))
    assert (more.choices[0].message.content or "").strip() == "three"
    with pytest.raises(openai.BadRequestError) as caught:
        asking = {"role": "user", "content": "x"}
        client.chat.completions.create(**asked("one", {**begun, "prefix": True}, asking))
    assert caught.value.param == "messages[1].prefix"
