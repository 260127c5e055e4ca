"""Thinking and begun answers by the official Anthropic SDK, on a model that thinks."""

from collections.abc import Iterator
from typing import Any

import anthropic
import pytest

from servers import Server

THINKER = "thinker"
SPARK = "kilonova.spark-v1:0"
ADD: Any = {
    "name": "add",
    "input_schema": {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
}


@pytest.fixture(scope="module")
def client(thinkers: Server) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(api_key=thinkers.bearer_key, base_url=thinkers.url) as one:
        yield one


def says(text: str) -> Any:
    return [{"role": "user", "content": text}]


def ask(client: anthropic.Anthropic, text: str, **more: Any) -> anthropic.types.Message:
    asked: Any = {"model": THINKER, "messages": says(text), "max_tokens": 2048}
    answer: anthropic.types.Message = client.messages.create(**asked | more)
    return answer


def thoughts(answer: anthropic.types.Message) -> list[str]:
    return [block.thinking for block in answer.content if block.type == "thinking"]


def test_thinking_is_switched_on_and_off(client: anthropic.Anthropic) -> None:
    """Protects callers who pay for thoughts: they come when asked for, and not when ruled out."""
    enabled = {"type": "enabled", "budget_tokens": 1024}
    for thinking in (enabled, {"type": "adaptive"}):
        answer = ask(client, "[[echo: reasoning=2]] yes", thinking=thinking)
        assert thoughts(answer) == ["thinking thinking "]
        assert answer.usage.output_tokens_details is not None
        assert answer.usage.output_tokens_details.thinking_tokens == 2
    assert thoughts(ask(client, "[[echo: reasoning=2]] yes", thinking={"type": "disabled"})) == []


def test_what_is_not_honoured_is_listed(client: anthropic.Anthropic) -> None:
    """Protects callers who set a budget that this model cannot keep; an effort it can."""
    raw = client.messages.with_raw_response.create(
        model=THINKER,
        max_tokens=2048,
        messages=says("x"),
        thinking={"type": "enabled", "budget_tokens": 1024},
        output_config={"effort": "high"},
    )
    assert raw.headers["x-kilonova-ignored"] == "thinking.budget_tokens"


@pytest.mark.parametrize("is_streamed", [False, True])
def test_thoughts_kept_back_come_back(client: anthropic.Anthropic, is_streamed: bool) -> None:
    """Protects multi-turn tool use with thoughts omitted: the signature alone carries them."""
    asked: Any = {
        "model": THINKER, "max_tokens": 64, "tools": [ADD],
        "messages": says("[[echo: call, reasoning=2]] 3"),
        "thinking": {"type": "adaptive", "display": "omitted"},
    }  # fmt: skip
    if is_streamed:
        with client.messages.stream(**asked) as stream:
            answer = stream.get_final_message()
    else:
        answer = client.messages.create(**asked)
    thought, call = answer.content
    assert thought.type == "thinking"
    assert thought.thinking == ""
    assert thought.signature
    assert call.type == "tool_use"
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "four"}
    history: Any = [*asked["messages"], answer.to_param(), {"role": "user", "content": [result]}]
    assert ask(client, "", messages=history, tools=[ADD]).stop_reason == "end_turn"
    counted = client.messages.count_tokens(model=THINKER, messages=history)
    history[1]["content"] = history[1]["content"][1:]
    without = client.messages.count_tokens(model=THINKER, messages=history)
    # The model reads the two words that its caller never saw.
    assert counted.input_tokens == without.input_tokens + 2


@pytest.mark.parametrize("display", ["summarized", "omitted"])
def test_changed_thoughts_are_refused(client: anthropic.Anthropic, display: str) -> None:
    """Protects models from thoughts that they never had, as Anthropic does it."""
    asked: Any = {"thinking": {"type": "adaptive", "display": display}}
    answer = ask(client, "[[echo: reasoning=2]] yes", **asked)
    block: Any = answer.content[0].to_dict()
    for changed in (
        block | {"thinking": block["thinking"] + "not "},
        block | {"signature": block["signature"][:-6] + "AAAAAA"},
    ):
        text: Any = {"type": "text", "text": "yes"}
        turn = {"role": "assistant", "content": [changed, text]}
        with pytest.raises(anthropic.BadRequestError, match="Invalid `signature` in `thinking`"):
            ask(client, "", messages=[*says("x"), turn, *says("y")])


def test_thoughts_from_elsewhere_are_left_out(client: anthropic.Anthropic) -> None:
    """Protects conversations that come from Anthropic, and models from thoughts of other models."""
    thought: Any = {"type": "thinking", "thinking": "two words", "signature": "EqQBCgIYAhIM"}
    text: Any = {"type": "text", "text": "yes"}
    without = [*says("x"), {"role": "assistant", "content": [text]}, *says("y")]
    history = [*says("x"), {"role": "assistant", "content": [thought, text]}, *says("y")]
    counted = [
        client.messages.count_tokens(model=THINKER, messages=messages).input_tokens
        for messages in (history, without)
    ]
    assert counted[0] == counted[1]
    raw = client.messages.with_raw_response.create(model=THINKER, max_tokens=9, messages=history)
    assert "messages.thinking (signed elsewhere)" in raw.headers["x-kilonova-ignored"]


def test_forced_calls_and_begun_answers_leave_no_place_for_thoughts(
    client: anthropic.Anthropic,
) -> None:
    """Protects callers of both in Anthropic's words."""
    thinking = {"type": "enabled", "budget_tokens": 1024}
    with pytest.raises(anthropic.BadRequestError, match="when tool_choice forces tool use"):
        ask(client, "3", thinking=thinking, tools=[ADD], tool_choice={"type": "any"})
    begun = {"role": "assistant", "content": "y"}
    with pytest.raises(anthropic.BadRequestError, match="must end with a user message"):
        ask(client, "", thinking=thinking, messages=[*says("x"), begun])


def test_a_begun_answer_goes_on(client: anthropic.Anthropic) -> None:
    """Protects callers who begin the answer: what comes goes on from its end, and is all new."""
    begun = [*says("one two three"), {"role": "assistant", "content": "one two"}]
    answer = ask(client, "", messages=begun)
    assert [block.text for block in answer.content if block.type == "text"] == [" three"]
    asked: Any = {"model": THINKER, "messages": begun, "max_tokens": 9}
    with client.messages.stream(**asked) as stream:
        assert stream.get_final_text() == " three"
    blank = [*says("x"), {"role": "assistant", "content": "one "}]
    with pytest.raises(anthropic.BadRequestError, match="cannot end with trailing whitespace"):
        ask(client, "", messages=blank)


def test_a_real_model_goes_on_from_a_begun_answer(server: Server) -> None:
    """Protects the same where a template stands around the conversation."""
    begun: Any = [*says("Say hello."), {"role": "assistant", "content": "Hello"}]
    with anthropic.Anthropic(api_key=server.bearer_key, base_url=server.url) as client:
        answer = client.messages.create(model=SPARK, messages=begun, max_tokens=8)
        counted = client.messages.count_tokens(model=SPARK, messages=begun)
    assert answer.stop_reason in ("end_turn", "max_tokens")
    read = answer.usage.input_tokens + (answer.usage.cache_read_input_tokens or 0)
    assert read == counted.input_tokens


def test_limits_are_told(thinkers: Server) -> None:
    """Protects programs that pace themselves by Anthropic's headers."""
    key = thinkers.new_key("--rpm", "5")
    with anthropic.Anthropic(api_key=key["bearer_key"], base_url=thinkers.url) as client:
        raw = client.messages.with_raw_response.create(
            model=THINKER, messages=says("x"), max_tokens=4
        )
    assert raw.headers["anthropic-ratelimit-requests-limit"] == "5"
    assert raw.headers["anthropic-ratelimit-requests-remaining"] == "4"
    assert raw.headers["anthropic-ratelimit-requests-reset"].endswith("Z")
