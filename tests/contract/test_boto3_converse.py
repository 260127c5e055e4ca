"""What Converse says beside text, through the real boto3: thoughts, beginnings, fields, tiers."""

import json
from typing import Any

import pytest

from servers import Server

ECHO, THINKING = "kilonova.echo-v1:0", "thinking.echo-v1:0"


def _say(text: str, model: str = ECHO, **more: Any) -> dict[str, Any]:
    message = {"role": "user", "content": [{"text": text}]}
    return {"modelId": model, "messages": [message], **more}


def _ignored(answer: dict[str, Any]) -> str:
    header: str = answer["ResponseMetadata"]["HTTPHeaders"].get("x-kilonova-ignored", "")
    return header


def _thought(answer: dict[str, Any]) -> dict[str, str]:
    first: dict[str, str] = answer["output"]["message"]["content"][0]["reasoningContent"][
        "reasoningText"
    ]
    return first


@pytest.mark.supports("reasoning", "boto3 Converse, ConverseStream")
def test_thoughts_are_signed_alike_whole_and_streamed(bedrock_runtime: Any) -> None:
    """Protects tool loops, which send thoughts back with their signature."""
    asked = _say("[[echo: reasoning=3]] hello", THINKING)
    whole = _thought(bedrock_runtime.converse(**asked))
    events = list(bedrock_runtime.converse_stream(**asked)["stream"])
    deltas = [event["contentBlockDelta"] for event in events if "contentBlockDelta" in event]
    thought = [d["delta"]["reasoningContent"] for d in deltas if "reasoningContent" in d["delta"]]
    assert "".join(delta.get("text", "") for delta in thought) == whole["text"]
    assert [delta["signature"] for delta in thought if "signature" in delta] == [whole["signature"]]
    assert thought[-1].keys() == {"signature"}
    assert {d["contentBlockIndex"] for d in deltas if "reasoningContent" in d["delta"]} == {0}


def test_a_thought_comes_back_as_it_was_or_not_at_all(bedrock_runtime: Any) -> None:
    """Protects what a model is told that it thought."""
    answer = bedrock_runtime.converse(**_say("[[echo: reasoning=3]] hello", THINKING))
    thought = _thought(answer)

    def continued(**change: str) -> dict[str, Any]:
        block = {"reasoningContent": {"reasoningText": {**thought, **change}}}
        asked = _say("hello", THINKING)
        said = {"role": "assistant", "content": [block, {"text": "hello"}]}
        more = {"role": "user", "content": [{"text": "and?"}]}
        asked["messages"] += [said, more]
        return asked

    assert bedrock_runtime.converse(**continued())["stopReason"] == "end_turn"
    for change in ({"text": "another thought"}, {"signature": thought["signature"][:-4] + "AAAA"}):
        with pytest.raises(
            bedrock_runtime.exceptions.ValidationException, match="Invalid `signature`"
        ):
            bedrock_runtime.converse(**continued(**change))


@pytest.mark.supports("hints", "boto3 Converse, ConverseStream", how="ignored")
@pytest.mark.parametrize(
    "fields",
    [
        {"thinking": {"type": "enabled", "budget_tokens": 32}},
        {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}},
        {"reasoning_config": {"type": "enabled", "budget_tokens": 32}},
        {"reasoning_config": "low"},
        {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "medium"}},
        {"inferenceConfig": {"reasoningConfig": {"type": "disabled"}}},
        {"reasoning_effort": "high"},
        {"reasoning": {"effort": "minimal"}},
    ],
)
def test_every_family_asks_for_thoughts_in_its_own_words(
    bedrock_runtime: Any, fields: dict[str, Any]
) -> None:
    """A model with thoughts follows all of them; one without says that it does not."""
    more = {"additionalModelRequestFields": fields, "inferenceConfig": {"maxTokens": 100}}
    assert _ignored(bedrock_runtime.converse(**_say("hi", THINKING, **more))) == ""
    is_off = "disabled" in json.dumps(fields)
    ignored = _ignored(bedrock_runtime.converse(**_say("hi", **more)))
    # What is told not to think does as it is told.
    assert ("additionalModelRequestFields." in ignored) is not is_off, ignored


def test_effort_is_a_member_of_its_own(bedrock_runtime: Any) -> None:
    """Converse's own word, whoever the model is."""
    more = {"outputConfig": {"effort": "low"}}
    assert _ignored(bedrock_runtime.converse(**_say("hi", THINKING, **more))) == ""
    assert _ignored(bedrock_runtime.converse(**_say("hi", **more))) == "outputConfig.effort"


def test_an_answer_that_was_begun(bedrock_runtime: Any) -> None:
    """The model goes on from the end of the assistant's message."""
    asked = _say("[[echo: tokens=3]] one two three")
    asked["messages"].append({"role": "assistant", "content": [{"text": "one"}]})
    answer = bedrock_runtime.converse(**asked)
    assert answer["stopReason"] == "end_turn"
    assert answer["usage"]["outputTokens"] >= 1


@pytest.mark.parametrize("operation", ["converse", "converse_stream"])
def test_fields_of_the_answer(bedrock_runtime: Any, operation: str) -> None:
    """Pointers find what a model says beside its message: langchain-aws reads its thoughts."""
    asked = _say(
        "[[echo: reasoning=2]] a b STOP c",
        THINKING,
        inferenceConfig={"stopSequences": ["STOP"]},
        additionalModelResponseFieldPaths=["/stop_sequence", "/usage/output_tokens_details", "/x"],
    )
    answer = getattr(bedrock_runtime, operation)(**asked)
    ended = answer
    if operation == "converse_stream":
        events = list(answer["stream"])
        assert [next(iter(event)) for event in events[-2:]] == ["messageStop", "metadata"]
        ended = events[-2]["messageStop"]
    assert ended["stopReason"] == "stop_sequence"
    assert ended["additionalModelResponseFields"] == {
        "stop_sequence": "STOP",
        "usage": {"output_tokens_details": {"thinking_tokens": 2}},
    }
    assert _ignored(answer) == "additionalModelResponseFieldPaths"


@pytest.mark.parametrize("operation", ["converse", "converse_stream"])
def test_tier_and_latency_are_those_that_served(bedrock_runtime: Any, operation: str) -> None:
    """There is one of each: an answer never claims another, and says what it did not follow."""
    for tier, speed, ignored in (
        ("default", "standard", ""),
        ("priority", "optimized", "performanceConfig, serviceTier"),
    ):
        more = {"serviceTier": {"type": tier}, "performanceConfig": {"latency": speed}}
        answer = getattr(bedrock_runtime, operation)(**_say("hi", **more))
        last = answer
        if operation == "converse_stream":
            last = list(answer["stream"])[-1]["metadata"]
        assert last["serviceTier"] == {"type": "default"}
        assert last["performanceConfig"] == {"latency": "standard"}
        assert _ignored(answer) == ignored


def test_an_answer_says_nothing_that_was_not_asked_for(
    bedrock_server: Server, bedrock_runtime: Any
) -> None:
    """Protects older clients from members that they do not know."""
    answer = bedrock_runtime.converse(**_say("hi"))
    assert answer.keys() == {"ResponseMetadata", "output", "stopReason", "usage", "metrics"}
