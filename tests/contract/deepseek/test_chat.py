"""DeepSeek's wire by the SDK that its customers are told to use, OpenAI's, at every base URL."""

from collections.abc import Iterator
from typing import Any

import openai
import pytest

from servers import Server

MODEL = "deepseek-chat"
BASES = ["", "/beta", "/deepseek", "/deepseek/v1", "/deepseek/beta"]

ADD = {
    "type": "function",
    "function": {
        "name": "add",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
            "required": ["a", "b"],
            "additionalProperties": False,
        },
    },
}


@pytest.fixture(params=BASES)
def client(request: pytest.FixtureRequest, thinkers: Server) -> Iterator[openai.OpenAI]:
    """One client a base URL."""
    url = thinkers.url + request.param
    with openai.OpenAI(api_key=thinkers.bearer_key, base_url=url) as one:
        yield one


@pytest.fixture
def beta(thinkers: Server) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(api_key=thinkers.bearer_key, base_url=f"{thinkers.url}/beta") as one:
        yield one


def asked(text: str, *more: Any) -> Any:
    return {"model": MODEL, "messages": [{"role": "user", "content": text}, *more]}


def thoughts_of(message: Any) -> str:
    return getattr(message, "reasoning_content", None) or ""


@pytest.mark.supports("whole, reasoning", "openai chat.completions (DeepSeek)")
def test_a_whole_answer(client: openai.OpenAI) -> None:
    """Protects every address: text, thoughts, and usage in DeepSeek's own words."""
    answer = client.chat.completions.create(**asked("[[echo: reasoning=2]] one two"))
    message = answer.choices[0].message
    assert (message.content, thoughts_of(message).split()) == ("one two", ["thinking"] * 2)
    assert answer.usage is not None
    told: Any = answer.usage.model_dump()
    assert (
        told["prompt_cache_hit_tokens"] + told["prompt_cache_miss_tokens"]
        == (told["prompt_tokens"])
    )
    assert told["prompt_cache_miss_tokens"] > 0
    assert told["completion_tokens_details"]["reasoning_tokens"] == 2


@pytest.mark.supports("stream", "openai chat.completions (DeepSeek)")
def test_a_streamed_answer(client: openai.OpenAI) -> None:
    """Protects streams: thoughts first, then text, then DeepSeek's usage."""
    chunks = list(
        client.chat.completions.create(
            **asked("[[echo: reasoning=1]] one two"),
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    deltas = [choice.delta for chunk in chunks for choice in chunk.choices]
    assert "".join(thoughts_of(delta) for delta in deltas).split() == ["thinking"]
    assert "".join(delta.content or "" for delta in deltas) == "one two"
    told: Any = chunks[-1].usage
    assert told.prompt_cache_miss_tokens == told.prompt_tokens > 0
    assert told.prompt_cache_hit_tokens == 0


def test_models(client: openai.OpenAI) -> None:
    """Protects pickers of models: the list, and one by the name that callers have in their code."""
    assert "thinker" in [model.id for model in client.models.list()]
    assert client.models.retrieve(MODEL).id == "thinker"


@pytest.mark.parametrize(
    "more",
    [
        {"extra_body": {"thinking": {"type": "disabled"}}},
        {"extra_body": {"thinking": {"type": "disabled"}}, "reasoning_effort": "max"},
    ],
)
def test_thinking_is_turned_off(client: openai.OpenAI, more: Any) -> None:
    """Protects quick answers."""
    answer = client.chat.completions.create(**asked("[[echo: reasoning=2]] one"), **more)
    message = answer.choices[0].message
    assert (message.content, thoughts_of(message)) == ("one", "")


@pytest.mark.supports("hints", "openai chat.completions (DeepSeek)", how="ignored")
def test_hints_and_limits_of_this_wire(client: openai.OpenAI) -> None:
    """Protects callers of DeepSeek: sixteen stop sequences, and an end user's id that is listed."""
    raw = client.chat.completions.with_raw_response.create(
        **asked("one two three"),
        stop=[f"w{number}" for number in range(15)] + ["three"],
        extra_body={"user_id": "u-1", "thinking": {"type": "enabled"}},
        reasoning_effort="max",
    )
    assert (raw.parse().choices[0].message.content or "").strip() == "one two"
    assert raw.headers["x-kilonova-ignored"] == "user_id"


def test_a_prefix_is_gone_on_with(beta: openai.OpenAI) -> None:
    """Protects the chat prefix completion of the beta."""
    begun = {"role": "assistant", "content": "one two", "prefix": True}
    answer = beta.chat.completions.create(**asked("one two three", begun))
    assert (answer.choices[0].message.content or "").strip() == "three"
    thoughtful = {**begun, "reasoning_content": "as before"}
    assert beta.chat.completions.create(**asked("one two three", thoughtful)).choices


@pytest.mark.supports("forced tool, tool loop", "openai chat.completions (DeepSeek)")
def test_strict_tools_and_their_results(beta: openai.OpenAI) -> None:
    """Protects agents on the beta: the call fits its schema, and its result goes back in."""
    answer = beta.chat.completions.create(
        **asked("[[echo: reasoning=1]] 3"),
        tools=[ADD],  # type: ignore[list-item]
        tool_choice="required",
    )
    message = answer.choices[0].message
    assert answer.choices[0].finish_reason == "tool_calls"
    assert message.tool_calls
    back = message.model_dump(exclude_none=True)
    assert back["reasoning_content"]
    result = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "6"}
    final = beta.chat.completions.create(**asked("3", back, result), tools=[ADD])  # type: ignore[list-item]
    assert final.choices[0].message.content == "6"


@pytest.mark.supports("refusals", "openai completions (DeepSeek)", how="refused")
@pytest.mark.supports("whole", "openai completions (DeepSeek)")
def test_completions_of_the_beta(beta: openai.OpenAI) -> None:
    """Protects raw prompts; a gap between two texts is refused by name, as no model fills it."""
    answer = beta.completions.create(model=MODEL, prompt="[[echo: tokens=40]] word")
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 40
    with pytest.raises(openai.BadRequestError) as caught:
        beta.completions.create(model=MODEL, prompt="def f(", suffix="return x")
    assert caught.value.param == "suffix"


def test_the_v1_root_loses_nothing(thinkers: Server) -> None:
    """Protects DeepSeek's clients at OpenAI's root: thinking, prefix, and cached tokens."""
    with openai.OpenAI(api_key=thinkers.bearer_key, base_url=f"{thinkers.url}/v1") as client:
        begun = {"role": "assistant", "content": "one two", "prefix": True}
        answer = client.chat.completions.create(
            **asked("one two three", begun),
            extra_body={"thinking": {"type": "enabled"}, "user_id": "u"},
            reasoning_effort="high",
        )
    assert (answer.choices[0].message.content or "").strip() == "three"
    assert answer.usage is not None
    assert answer.usage.prompt_tokens_details is not None
    assert answer.usage.prompt_tokens_details.cached_tokens == 0


def test_anthropics_form_of_it(thinkers: Server) -> None:
    """Protects clients of Anthropic's SDK that were pointed at DeepSeek."""
    from anthropic import Anthropic

    with Anthropic(api_key=thinkers.bearer_key, base_url=f"{thinkers.url}/deepseek/anthropic") as a:
        answer = a.messages.create(
            model=MODEL, max_tokens=20, messages=[{"role": "user", "content": "one two"}]
        )
    assert [part.text for part in answer.content if part.type == "text"] == ["one two"]


def test_usage_is_booked_under_its_own_name(thinkers: Server) -> None:
    """Protects reports by wire: a request at DeepSeek's address is DeepSeek's."""
    key = thinkers.new_key()
    with openai.OpenAI(api_key=key["bearer_key"], base_url=thinkers.url) as client:
        client.chat.completions.create(**asked("one"))
    listed: Any = thinkers.admin("GET", "/requests?limit=1000")
    assert [one["dialect"] for one in listed["data"] if one["key_id"] == key["id"]] == ["deepseek"]
