"""Chat completions as a native body: what differs from OpenAI's own wire."""

import json
from typing import Any

import pytest
from msgspec.structs import replace

from kilonova.catalog.catalog import packaged_models
from kilonova.core.errors import InvalidRequest
from kilonova.core.events import (
    ChatEvent,
    ChatFinished,
    ChatStarted,
    ChoiceFinished,
    ReasoningDelta,
    TextDelta,
    TokenLogprob,
    fold,
)
from kilonova.core.usage import Usage
from kilonova.dialects.openai.native import NATIVE_FAMILIES
from kilonova.dialects.wire.native import About, NativeRequest

MODEL = replace(
    next(model for model in packaged_models() if "echo" in model.id),
    aliases=("echo",),
    abilities=("chat", "tools", "json", "logprobs", "reasoning"),
)
ABOUT = About("req_1", MODEL, 1_767_225_600)
METRICS = {"inputTokenCount": 2}
USAGE = Usage(input_tokens=2, output_tokens=4, reasoning_tokens=1)


def decode(family: str = "chat-completions", streams: bool | None = None, **more: Any) -> Any:
    body = {"messages": [{"role": "user", "content": "hi"}], **more}
    spoken = NATIVE_FAMILIES[family]
    return spoken.decode(spoken.parse(json.dumps(body).encode()), MODEL, streams)


def streamed(native: NativeRequest, events: list[ChatEvent]) -> list[Any]:
    writer = native.writer(ABOUT)
    chunks = [chunk for event in events for chunk in writer.chunks(event)]
    return [json.loads(chunk) for chunk in [*chunks, *writer.last(USAGE, METRICS)]]


def test_several_choices_end_each_by_itself() -> None:
    """Protects `n`: every choice has one reason to end, and the metrics come last and once."""
    native = decode(n=2)
    events: list[ChatEvent] = [
        ChatStarted(2),
        TextDelta("a", 1, 0),
        TextDelta("b", 1, 1),
        ChoiceFinished("stop", 1, 0),
        TextDelta("c", 2, 1),
        ChoiceFinished("length", 2, 1),
    ]
    chunks = streamed(native, events)
    reasons = {
        choice["index"]: choice["finish_reason"]
        for chunk in chunks
        for choice in chunk["choices"]
        if choice["finish_reason"]
    }
    assert reasons == {0: "stop", 1: "length"}
    assert [chunk.get("amazon-bedrock-invocationMetrics") for chunk in chunks[-2:]] == [
        None,
        METRICS,
    ]
    assert chunks[-1]["usage"]["total_tokens"] == 6
    whole = json.loads(native.writer(ABOUT).whole(fold([*events, ChatFinished(USAGE)])))
    assert [choice["message"]["content"] for choice in whole["choices"]] == ["a", "bc"]


def test_thoughts_that_end_in_nothing_have_both_tags() -> None:
    """Protects parsers: a text that thinking alone fills is closed before it ends."""
    events: list[ChatEvent] = [
        ChatStarted(2), ReasoningDelta("hm", 1, 0), ChoiceFinished("length", 1, 0),
    ]  # fmt: skip
    chunks = streamed(decode("gpt-oss"), events)
    said = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks)
    assert said == "<reasoning>hm</reasoning>"
    answer = fold([*events, ChatFinished(USAGE)])
    whole = json.loads(decode("gpt-oss").writer(ABOUT).whole(answer))
    assert whole["choices"][0]["message"]["content"] == said


def test_logprobs_are_told_where_they_were_asked_for() -> None:
    """Protects evaluation: whole and streamed."""
    one = TokenLogprob("a", -0.5, b"a")
    events: list[ChatEvent] = [
        ChatStarted(2), TextDelta("a", 1, 0, (one,)), ChoiceFinished("stop", 1, 0),
    ]  # fmt: skip
    native = decode(logprobs=True)
    whole = json.loads(native.writer(ABOUT).whole(fold([*events, ChatFinished(USAGE)])))
    told = [chunk["choices"][0]["logprobs"] for chunk in streamed(native, events)]
    assert whole["choices"][0]["logprobs"] in told


@pytest.mark.parametrize("name", [MODEL.id, f"us.{MODEL.id}", "echo", f"arn:x:y/{MODEL.id}"])
def test_the_body_may_name_the_model_again(name: str) -> None:
    """Protects callers that send OpenAI's body as it is, by any name of the model."""
    assert decode(model=name).request.model == MODEL.id
    assert decode(model=None).request.model == MODEL.id
    for other in ("other", ""):
        with pytest.raises(InvalidRequest, match="'model'"):
            decode(model=other)


@pytest.mark.parametrize(("streams", "said"), [(True, False), (False, True)])
def test_the_body_must_agree_with_the_operation(streams: bool, said: bool) -> None:
    """Protects callers from waiting for a stream that does not come."""
    with pytest.raises(InvalidRequest, match="'stream'"):
        decode(streams=streams, stream=said)
    assert decode(streams=None, stream=said).request.messages
    assert decode(streams=streams, stream=streams).request.messages


def test_a_chunk_is_one_object_whatever_is_said() -> None:
    """Protects clients of frames: a text that looks like a frame's or an object's end stays text,
    and a chunk without one says so with an empty text."""
    said = ['"}]}', "\n\ndata: ", '"content":null', "\u2028"]
    events: list[ChatEvent] = [ChatStarted(2), ReasoningDelta("hm", 1, 0)]
    events += [TextDelta(text, number + 2, 0) for number, text in enumerate(said)]
    chunks = streamed(decode(), [*events, ChoiceFinished("stop", 5, 0)])
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    assert deltas[0]["content"] == ""
    assert [delta["content"] for delta in deltas[2:-1]] == said


def test_mistrals_word_for_a_forced_call() -> None:
    """Protects the rest of a body in which one word is not OpenAI's."""
    tool = {"type": "function", "function": {"name": "add"}}
    native = decode(
        "mistral-chat", tools=[tool], tool_choice="any", random_seed=7, safe_prompt=True
    )
    assert native.request.tool_choice.mode == "required"
    assert native.request.sampling.seed == 7
    assert native.ignored == ("safe_prompt",)
    assert decode(tools=[tool], tool_choice="auto").request.tool_choice.mode == "auto"


def test_parameters_of_other_vendors() -> None:
    """Protects bodies written for them: honoured under their names, or listed."""
    native = decode(top_k=5, random_seed=7, tool_choice=None, repetition_penalty=1.1, user="u")
    assert (native.request.sampling.top_k, native.request.sampling.seed) == (5, 7)
    assert native.ignored == ("repetition_penalty", "user")
    assert decode(top_k=-1).request.sampling.top_k is None
    assert decode(seed=1, random_seed=7).request.sampling.seed == 1
    assert decode(stop="x").request.sampling.stop == ("x",)
    assert len(decode(stop=[f"s{n}" for n in range(16)]).request.sampling.stop) == 16
    with pytest.raises(InvalidRequest, match="stop"):
        decode(stop=["x"] * 17)
