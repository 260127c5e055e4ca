"""The official Anthropic SDK, unmodified, against a running server: whole and streamed."""

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import pytest
from anthropic import beta_tool
from pydantic import BaseModel

from servers import Server

ECHO = "kilonova.echo-v1:0"
SPARK = "kilonova.spark-v1:0"

ADD: Any = {
    "name": "add",
    "description": "Adds two numbers.",
    "input_schema": {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
        "required": ["a", "b"],
        "additionalProperties": False,
    },
    "strict": True,
}
NOW: Any = {"name": "now", "input_schema": {"type": "object", "properties": {}}}


class City(BaseModel):
    name: str
    people: int


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(api_key=server.bearer_key, base_url=server.url) as one:
        yield one


def says(text: str) -> Any:
    return [{"role": "user", "content": text}]


def ask(client: anthropic.Anthropic, text: str = "hello", **more: Any) -> anthropic.types.Message:
    asked: Any = {"model": ECHO, "messages": says(text), "max_tokens": 64}
    answer: anthropic.types.Message = client.messages.create(**asked | more)
    return answer


def text_of(message: anthropic.types.Message) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


@pytest.mark.supports("whole", "anthropic messages")
@pytest.mark.parametrize("model", [ECHO, SPARK])
def test_a_whole_answer(client: anthropic.Anthropic, model: str) -> None:
    """Protects the first line anyone writes."""
    answer = ask(client, "Hello there", model=model, max_tokens=8)
    assert answer.id.startswith("msg_")
    assert answer.model == model
    assert (answer.type, answer.role) == ("message", "assistant")
    assert answer.content[0].type == "text"
    assert answer.stop_reason in ("end_turn", "max_tokens")
    assert answer.stop_sequence is None
    assert answer.usage.input_tokens + (answer.usage.cache_read_input_tokens or 0) > 0
    assert answer.usage.cache_creation_input_tokens == 0
    assert answer.usage.service_tier == "standard"
    assert (answer._request_id or "").startswith("req_")


@pytest.mark.supports("stream", "anthropic messages")
@pytest.mark.parametrize("model", [ECHO, SPARK])
def test_a_streamed_answer_adds_up_to_the_whole_one(
    client: anthropic.Anthropic, model: str
) -> None:
    """Protects the one code path: the SDK puts together what it would have got whole."""
    more: Any = {"max_tokens": 16, "extra_body": {"temperature": 0, "top_k": 1}}
    asked: Any = {"model": model, "messages": says("one two three")} | more
    whole = client.messages.create(**asked)
    with client.messages.stream(**asked) as stream:
        pieces = list(stream.text_stream)
        final = stream.get_final_message()
    assert "".join(pieces) == text_of(whole) == text_of(final)
    assert final.stop_reason == whole.stop_reason
    assert final.usage.output_tokens == whole.usage.output_tokens
    read = [m.usage.input_tokens + (m.usage.cache_read_input_tokens or 0) for m in (final, whole)]
    assert read[0] == read[1]


def test_the_events_of_a_stream_come_in_the_vendors_order(client: anthropic.Anthropic) -> None:
    """Protects clients that read events themselves; the SDK hides only the ping."""
    asked: Any = {"model": ECHO, "messages": says("[[echo: reasoning=1]] a b"), "max_tokens": 9}
    kinds = [event.type for event in client.messages.create(stream=True, **asked)]
    block = ["content_block_start", "content_block_delta", "content_block_delta"]
    block.append("content_block_stop")
    assert kinds == ["message_start", *block, *block, "message_delta", "message_stop"]
    with client.messages.with_streaming_response.create(stream=True, **asked) as raw:
        assert raw.headers["content-type"].startswith("text/event-stream")
        lines = list(raw.iter_lines())
    assert lines[3:5] == ["event: ping", 'data: {"type":"ping"}']


@pytest.mark.supports("forced tool", "anthropic messages")
@pytest.mark.parametrize("model", [ECHO, SPARK])
@pytest.mark.parametrize("choice", [{"type": "any"}, {"type": "tool", "name": "add"}])
def test_a_forced_tool_is_called(client: anthropic.Anthropic, model: str, choice: Any) -> None:
    """Protects agents: a forced call comes with an input that fits the schema."""
    forced = choice | {"disable_parallel_tool_use": True}
    answer = ask(client, "What is 3 and 3?", model=model, tools=[ADD], tool_choice=forced)
    assert answer.stop_reason == "tool_use"
    [call] = answer.content
    assert call.type == "tool_use"
    assert call.name == "add"
    assert set(call.input) == {"a", "b"}


def test_no_tool_is_called_where_none_may_be(client: anthropic.Anthropic) -> None:
    """Protects callers who keep the list of tools and want words."""
    answer = ask(client, "add", tools=[ADD], tool_choice={"type": "none"})
    assert answer.stop_reason == "end_turn"
    assert text_of(answer) == "add"


def test_streamed_tool_calls_are_put_together_by_the_sdk(client: anthropic.Anthropic) -> None:
    """Protects the SDK's own accumulation: the name once, the input in pieces, calls in order."""
    asked: Any = {"model": ECHO, "messages": says("[[echo: calls=2]] 3"), "max_tokens": 64}
    with client.messages.stream(tools=[ADD, NOW], **asked) as stream:
        fragments = [event.partial_json for event in stream if event.type == "input_json"]
        final = stream.get_final_message()
    calls = [block for block in final.content if block.type == "tool_use"]
    assert [call.name for call in calls] == ["add", "now"]
    assert calls[0].input == {"a": 3, "b": 3}
    assert calls[1].input == {}
    assert json.loads("".join(fragments).partition("}")[0] + "}") == {"a": 3, "b": 3}
    assert final.stop_reason == "tool_use"


@pytest.mark.supports("tool loop", "anthropic messages")
@pytest.mark.parametrize("model", [ECHO, SPARK])
def test_a_tool_loop_with_the_sdks_own_objects(client: anthropic.Anthropic, model: str) -> None:
    """Protects agents: the SDK's blocks go back as they came, and the result is read."""
    messages = says("Please add 4 and 4")
    forced: Any = {"tools": [ADD], "tool_choice": {"type": "any"}, "model": model}
    first = client.messages.create(messages=messages, max_tokens=64, **forced)
    [call] = first.content
    assert call.type == "tool_use"
    content = [{"type": "text", "text": "the sum is 8"}]
    result = {"type": "tool_result", "tool_use_id": call.id, "content": content}
    messages += [first.to_param(), {"role": "user", "content": [result]}]
    last = client.messages.create(messages=messages, max_tokens=32, model=model, tools=[ADD])
    assert last.stop_reason in ("end_turn", "max_tokens", "tool_use")
    if model == ECHO:
        assert text_of(last) == "the sum is 8"


def test_the_tool_runner(client: anthropic.Anthropic) -> None:
    """Protects the SDK's own loop: it asks for a thread, is told to do without, and goes on."""
    added: list[int] = []

    @beta_tool
    def add(a: int, b: int) -> str:
        """Adds two numbers."""
        added.append(a + b)
        return str(a + b)

    runner = client.beta.messages.tool_runner(
        model=ECHO, max_tokens=64, tools=[add], messages=says("Please add 4")
    )
    last = runner.until_done()
    assert added == [8]
    assert last.stop_reason == "end_turn"
    assert last.content[0].type == "text"
    assert last.content[0].text == "8"


@pytest.mark.supports("JSON", "anthropic messages")
@pytest.mark.parametrize("model", [ECHO, SPARK])
def test_parse_gives_a_pydantic_object(client: anthropic.Anthropic, model: str) -> None:
    """Protects structured output: the schema of a class, and an object of it back."""
    messages = says("'Bern' has 134000 people")
    answer = client.messages.parse(
        model=model, max_tokens=600, messages=messages, output_format=City
    )  # room for a small model to fill its longest allowed string
    assert isinstance(answer.parsed_output, City)
    messages += [answer.to_param(), *says("thanks")]
    assert client.messages.create(model=model, max_tokens=8, messages=messages).content


@pytest.mark.supports("reasoning", "anthropic messages")
def test_thinking_comes_back_signed_and_goes_back(client: anthropic.Anthropic) -> None:
    """Protects thinking models over several turns; a text that was changed is noticed."""
    messages = says("[[echo: reasoning=2]] four")
    with client.messages.stream(model=ECHO, max_tokens=16, messages=messages) as stream:
        answer = stream.get_final_message()
    thought = answer.content[0]
    assert thought.type == "thinking"
    assert thought.thinking == "thinking thinking "
    assert thought.signature
    assert answer.usage.output_tokens_details is not None
    assert answer.usage.output_tokens_details.thinking_tokens == 2
    history: Any = [*messages, answer.to_param(), *says("five")]
    again = client.messages.create(model=ECHO, max_tokens=16, messages=history)
    assert text_of(again) == "five"
    changed = {"type": "thinking", "thinking": "other", "signature": thought.signature}
    with pytest.raises(anthropic.BadRequestError, match="Invalid `signature`"):
        client.messages.create(
            model=ECHO,
            max_tokens=16,
            messages=[*messages, {"role": "assistant", "content": [changed]}, *says("x")],  # type: ignore[list-item]
        )


@pytest.mark.supports("reasoning", "anthropic messages", how="ignored")
def test_thinking_needs_a_model_that_thinks(client: anthropic.Anthropic) -> None:
    """Protects callers from believing in thoughts: what a model cannot do is listed."""
    raw = client.messages.with_raw_response.create(
        model=ECHO,
        messages=says("x"),
        max_tokens=2048,
        thinking={"type": "enabled", "budget_tokens": 1024},
    )
    assert raw.headers["x-kilonova-ignored"] == "thinking.budget_tokens, thinking.enabled"
    raw = client.messages.with_raw_response.create(
        model=ECHO, messages=says("x"), max_tokens=9, thinking={"type": "adaptive"}
    )
    assert raw.headers["x-kilonova-ignored"] == "thinking.adaptive"
    assert ask(client, thinking={"type": "disabled"}).content


def test_stop_sequences_are_named(client: anthropic.Anthropic) -> None:
    """Protects callers who cut: the sequence is not in the text, and stands beside it."""
    answer = ask(client, "one two three four", stop_sequences=["four", "three"])
    assert text_of(answer) == "one two "
    assert (answer.stop_reason, answer.stop_sequence) == ("stop_sequence", "three")
    asked: Any = {"model": ECHO, "messages": says("one two three"), "max_tokens": 9}
    with client.messages.stream(stop_sequences=["two"], **asked) as stream:
        final = stream.get_final_message()
    assert (final.stop_reason, final.stop_sequence) == ("stop_sequence", "two")


def test_every_way_to_end(client: anthropic.Anthropic) -> None:
    """Protects programs that branch on why an answer ended."""
    assert ask(client, "a b").stop_reason == "end_turn"
    cut = ask(client, "a b c d", max_tokens=2)
    assert (cut.stop_reason, cut.usage.output_tokens) == ("max_tokens", 2)
    refused = ask(client, "[[echo: refuse]] a b")
    assert refused.stop_reason == "refusal"
    assert refused.stop_details is not None
    full = ask(client, "[[echo: tokens=9000]] a", max_tokens=8192)
    assert full.stop_reason == "model_context_window_exceeded"


def test_the_system_prompt_in_all_its_forms(client: anthropic.Anthropic) -> None:
    """Protects those who cache it in blocks, and those who write a line."""
    plain = ask(client, "x", system="be brief please")
    blocks: Any = [
        {"type": "text", "text": "be brief", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
        {"type": "text", "text": " please"},
    ]
    assert ask(client, "x", system=blocks).usage.input_tokens == plain.usage.input_tokens
    late: Any = [*says("a"), {"role": "system", "content": "be brief please"}, *says("x")]
    assert ask(client, messages=late).usage.input_tokens == plain.usage.input_tokens + 1


@pytest.mark.supports("hints", "anthropic messages", how="ignored")
def test_hints_are_ignored_and_said(client: anthropic.Anthropic) -> None:
    """Protects callers from believing in a hint."""
    raw = client.messages.with_raw_response.create(
        model=ECHO,
        max_tokens=9,
        messages=[
            {
                "role": "user",
                "content": [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}],
            }
        ],
        metadata={"user_id": "someone"},
        output_config={"effort": "low"},
        service_tier="auto",
        extra_headers={"anthropic-beta": "some-beta-2026-01-01"},
    )
    ignored = raw.headers["x-kilonova-ignored"]
    assert ignored == "messages.cache_control, metadata, output_config.effort, anthropic-beta"
    assert raw.headers["x-kilonova-price"] == "0.000002000"


def test_unicode_arrives_unescaped(client: anthropic.Anthropic) -> None:
    """Protects every language: text is the same on both sides, line separators included."""
    text = "日本語 é 🎉 \u2028 \u0085 end"
    assert text_of(ask(client, text)) == text
    with client.messages.stream(model=ECHO, max_tokens=64, messages=says(text)) as stream:
        assert stream.get_final_text() == text


def test_an_empty_answer_can_be_sent_back(client: anthropic.Anthropic) -> None:
    """Protects loops: an answer without a word has a block to read, and is no error later."""
    messages = says("[[echo: tokens=0]]")
    empty = client.messages.create(model=ECHO, max_tokens=9, messages=messages)
    assert text_of(empty) == ""
    assert len(empty.content) == 1
    history = [*messages, empty.to_param(), *says("more")]
    assert ask(client, messages=history).stop_reason == "end_turn"
