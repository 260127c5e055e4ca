"""The official OpenAI SDK, unmodified, against a running server: chat, whole and streamed."""

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from servers import Server

ECHO = "kilonova.echo-v1:0"
SPARK = "kilonova.spark-v1:0"

ADD = {
    "type": "function",
    "function": {
        "name": "add",
        "description": "Adds two numbers.",
        "parameters": {
            "type": "object",
            "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
            "required": ["a", "b"],
            "additionalProperties": False,
        },
        "strict": True,
    },
}
NOW = {"type": "function", "function": {"name": "now"}}


class City(BaseModel):
    name: str
    people: int


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(api_key=server.bearer_key, base_url=f"{server.url}/v1") as one:
        yield one


def says(text: str) -> Any:
    return [{"role": "user", "content": text}]


@pytest.mark.supports("whole", "openai chat.completions")
@pytest.mark.parametrize("model", [ECHO, SPARK])
def test_a_whole_answer(client: openai.OpenAI, model: str) -> None:
    """Protects the first line anyone writes."""
    answer = client.chat.completions.create(model=model, messages=says("Hello there"), max_tokens=8)
    assert answer.id.startswith("chatcmpl-")
    assert answer.model == model
    assert answer.object == "chat.completion"
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].finish_reason in ("stop", "length")
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer.usage.prompt_tokens_details is not None
    assert answer.usage.completion_tokens_details is not None
    assert (answer.system_fingerprint or "").startswith("fp_")
    assert answer._request_id is not None


@pytest.mark.supports("stream", "openai chat.completions")
@pytest.mark.parametrize("model", [ECHO, SPARK])
def test_a_streamed_answer_adds_up_to_the_whole_one(client: openai.OpenAI, model: str) -> None:
    """Protects the one code path: the same seed gives the same text, in pieces or at once."""
    asked: Any = {
        "model": model,
        "messages": says("one two three"),
        "max_tokens": 16,
        "seed": 7,
        "temperature": 0,
    }
    whole = client.chat.completions.create(**asked)
    chunks = list(client.chat.completions.create(stream=True, **asked))
    pieces = [chunk.choices[0].delta.content or "" for chunk in chunks]
    assert "".join(pieces) == whole.choices[0].message.content
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [chunk.choices[0].finish_reason for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)
    assert chunks[-1].choices[0].finish_reason == whole.choices[0].finish_reason
    assert {chunk.id for chunk in chunks} == {chunks[0].id}
    assert all(chunk.usage is None for chunk in chunks)


def test_usage_comes_once_where_it_is_asked_for(client: openai.OpenAI) -> None:
    """Protects callers who add up what they spend."""
    chunks = list(
        client.chat.completions.create(
            model=ECHO,
            messages=says("one two three"),
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    told = [chunk for chunk in chunks if chunk.usage is not None]
    assert told == [chunks[-1]]
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 3


@pytest.mark.supports("forced tool", "openai chat.completions")
@pytest.mark.parametrize("model", [ECHO, SPARK])
@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "add"}}])
def test_a_forced_tool_is_called(client: openai.OpenAI, model: str, choice: Any) -> None:
    """Protects agents: a forced call comes with arguments that fit the schema."""
    answer = client.chat.completions.create(
        model=model,
        messages=says("What is 3 and 3?"),
        tools=[ADD],  # type: ignore[list-item]
        tool_choice=choice,
        parallel_tool_calls=False,
    )
    message = answer.choices[0].message
    assert answer.choices[0].finish_reason == "tool_calls"
    assert message.content is None
    assert message.tool_calls is not None
    [call] = message.tool_calls
    assert call.type == "function"
    assert call.function.name == "add"
    assert set(json.loads(call.function.arguments)) == {"a", "b"}


def test_a_streamed_tool_call_is_put_together_by_the_sdk(client: openai.OpenAI) -> None:
    """Protects the SDK's own accumulation: name once, arguments in pieces."""
    with client.chat.completions.stream(
        model=ECHO,
        messages=says("[[echo: calls=2]] 3"),
        tools=[ADD, NOW],  # type: ignore[list-item]
    ) as stream:
        final = stream.get_final_completion()
    calls = final.choices[0].message.tool_calls
    assert calls is not None
    assert [call.function.name for call in calls] == ["add", "now"]
    assert json.loads(calls[0].function.arguments) == {"a": 3, "b": 3}
    assert final.choices[0].message.content is None


def test_allowed_tools_restrict_the_choice(client: openai.OpenAI) -> None:
    """Protects callers who keep the list of tools stable and choose among them by request."""
    answer = client.chat.completions.create(
        model=ECHO,
        messages=says("3"),
        tools=[ADD, NOW],  # type: ignore[list-item]
        tool_choice={
            "type": "allowed_tools",
            "allowed_tools": {
                "mode": "required",
                "tools": [{"type": "function", "function": {"name": "now"}}],
            },
        },
    )
    calls = answer.choices[0].message.tool_calls or []
    assert [call.function.name for call in calls if call.type == "function"] == ["now"]


@pytest.mark.supports("tool loop", "openai chat.completions")
def test_a_tool_loop_with_the_sdks_own_objects(client: openai.OpenAI) -> None:
    """Protects agents: the SDK's message goes back as it came, and the result is read."""
    messages = says("Please add 4 [[echo: call]]")
    tools: Any = [ADD]
    first = client.chat.completions.create(model=ECHO, messages=messages, tools=tools)
    message = first.choices[0].message
    assert message.tool_calls
    messages.append(message)
    content = [{"type": "text", "text": "the sum is 8"}]
    messages.append({"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": content})
    last = client.chat.completions.create(model=ECHO, messages=messages, tools=tools)
    assert last.choices[0].finish_reason == "stop"
    assert "8" in (last.choices[0].message.content or "")


@pytest.mark.supports("JSON", "openai chat.completions")
@pytest.mark.parametrize("model", [ECHO, SPARK])
def test_parse_gives_a_pydantic_object(client: openai.OpenAI, model: str) -> None:
    """Protects structured output: the schema of a class, and an object of it back."""
    answer = client.chat.completions.parse(
        model=model, messages=says("'Bern' has 134000 people"), response_format=City
    )
    assert isinstance(answer.choices[0].message.parsed, City)


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
def test_a_parsed_message_can_be_sent_back(client: openai.OpenAI) -> None:
    """Protects conversations over structured output: the SDK's extra fields do no harm."""
    messages = says("'Bern' has 134000 people")
    answer = client.chat.completions.parse(model=ECHO, messages=messages, response_format=City)
    messages += [answer.choices[0].message.to_dict(), *says("thanks")]
    again = client.chat.completions.create(model=ECHO, messages=messages)
    assert again.choices[0].message.content == "thanks"


def test_json_object(client: openai.OpenAI) -> None:
    """Protects the older JSON mode."""
    answer = client.chat.completions.create(
        model=ECHO, messages=says("json please"), response_format={"type": "json_object"}
    )
    assert isinstance(json.loads(answer.choices[0].message.content or ""), dict)


@pytest.mark.parametrize("model", [ECHO, SPARK])
def test_several_choices(client: openai.OpenAI, model: str) -> None:
    """Protects n: whole answers in order, streams told apart by index, the prompt paid once."""
    asked: Any = {"model": model, "messages": says("one two"), "n": 3, "max_tokens": 4}
    whole = client.chat.completions.create(**asked)
    assert [choice.index for choice in whole.choices] == [0, 1, 2]
    with client.chat.completions.stream(**asked) as stream:
        stream.until_done()
        together = stream.current_completion_snapshot
    assert [choice.index for choice in together.choices] == [0, 1, 2]
    assert all(choice.finish_reason for choice in together.choices)
    single = client.chat.completions.create(**asked | {"n": 1})
    assert whole.usage is not None
    assert single.usage is not None
    assert whole.usage.prompt_tokens == single.usage.prompt_tokens


@pytest.mark.parametrize("model", [ECHO, SPARK])
def test_logprobs(client: openai.OpenAI, model: str) -> None:
    """Protects evaluations: each token with its bytes and alternatives, whole and streamed."""
    asked: Any = {
        "model": model,
        "messages": says("one two"),
        "max_tokens": 4,
        "logprobs": True,
        "top_logprobs": 3,
        "temperature": 0,
        "seed": 1,
    }
    whole = client.chat.completions.create(**asked)
    assert whole.choices[0].logprobs is not None
    tokens = whole.choices[0].logprobs.content or []
    text = b"".join(bytes(token.bytes or []) for token in tokens).decode()
    assert text == whole.choices[0].message.content
    assert all(token.logprob <= 0 for token in tokens)
    assert all(len(token.top_logprobs) == 3 for token in tokens)
    streamed = [
        token
        for chunk in client.chat.completions.create(stream=True, **asked)
        if chunk.choices[0].logprobs
        for token in chunk.choices[0].logprobs.content or []
    ]
    assert [token.token for token in streamed] == [token.token for token in tokens]


def test_stop_sequences_end_the_text(client: openai.OpenAI) -> None:
    """Protects callers who cut: the sequence itself is not in the text."""
    for stop in ("three", ["four", "three"]):
        answer = client.chat.completions.create(
            model=ECHO, messages=says("one two three four"), stop=stop
        )
        assert answer.choices[0].message.content == "one two "
        assert answer.choices[0].finish_reason == "stop"


def test_max_tokens_end_the_text(client: openai.OpenAI) -> None:
    """Protects budgets: both names mean the same."""
    for name in ("max_tokens", "max_completion_tokens"):
        limit: Any = {name: 2}
        answer = client.chat.completions.create(model=ECHO, messages=says("a b c d"), **limit)
        assert answer.choices[0].finish_reason == "length"
        assert answer.usage is not None
        assert answer.usage.completion_tokens == 2


def test_the_same_seed_says_the_same(client: openai.OpenAI) -> None:
    """Protects reproducible runs, on the model that samples."""
    asked: Any = {
        "model": SPARK,
        "messages": says("Tell me something"),
        "max_tokens": 12,
        "seed": 42,
        "temperature": 1,
    }
    first, second = (client.chat.completions.create(**asked) for _ in range(2))
    assert first.choices[0].message.content == second.choices[0].message.content
    assert first.system_fingerprint == second.system_fingerprint


def test_unicode_arrives_unescaped(client: openai.OpenAI) -> None:
    """Protects every language: text is the same on both sides, line separators included."""
    text = "日本語 é 🎉 \u2028 \u0085 end"
    answer = client.chat.completions.create(model=ECHO, messages=says(text))
    assert answer.choices[0].message.content == text
    chunks = client.chat.completions.create(model=ECHO, messages=says(text), stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == text


def test_reasoning_stands_beside_the_text(client: openai.OpenAI) -> None:
    """Protects clients of thinking models: the SDK hands unknown fields through."""
    answer = client.chat.completions.create(model=ECHO, messages=says("[[echo: reasoning=2]] four"))
    message = answer.choices[0].message
    assert message.content == "four"
    assert message.to_dict()["reasoning_content"] == "thinking thinking "
    assert answer.usage is not None
    assert answer.usage.completion_tokens_details is not None
    assert answer.usage.completion_tokens_details.reasoning_tokens == 2


@pytest.mark.supports("hints", "openai chat.completions", how="ignored")
def test_ignored_hints_are_said(client: openai.OpenAI) -> None:
    """Protects callers from believing in a hint."""
    raw = client.chat.completions.with_raw_response.create(
        model=ECHO, messages=says("x"), user="someone", reasoning_effort="low"
    )
    assert raw.headers["x-kilonova-ignored"] == "user, reasoning_effort"
    assert raw.headers["x-kilonova-price"] == "0.000002000"


def test_the_other_mount(server: Server) -> None:
    """Protects clients of clouds that serve this wire under /openai/v1."""
    with openai.OpenAI(api_key=server.bearer_key, base_url=f"{server.url}/openai/v1") as client:
        answer = client.chat.completions.create(model=ECHO, messages=says("hello"))
    assert answer.choices[0].message.content == "hello"


def test_a_signed_request(server: Server) -> None:
    """Protects the SDK's Bedrock flavour, which signs with an access key."""
    with openai.BedrockOpenAI(
        aws_access_key_id=server.access_key_id,
        aws_secret_access_key=server.secret_access_key,
        aws_region="us-east-1",
        base_url=f"{server.url}/openai/v1",
    ) as client:
        answer = client.chat.completions.create(model=ECHO, messages=says("hello"))
    assert answer.choices[0].message.content == "hello"
