"""The AI SDK with its OpenAI provider, unmodified, over HTTPS and over plain HTTP."""

import pytest

from javascript import node
from javascript.node import Seen
from servers import Server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(700), pytest.mark.xdist_group("javascript")]


@pytest.fixture(scope="module")
def seen(wire: Server) -> Seen:
    """What each scenario of ai.mjs saw."""
    return node.run("ai.mjs", wire)


@pytest.mark.supports("whole, stream", "AI SDK openai.chat")
def test_whole_and_streamed(seen: Seen) -> None:
    """Protects text and usage, which this SDK asks for in streams by itself."""
    whole = node.ok(seen, "whole")
    assert (whole["text"], whole["finish"]) == ("hello there", "stop")
    assert (whole["usage"]["inputTokens"], whole["usage"]["outputTokens"]) == (2, 2)
    stream = node.ok(seen, "stream")
    assert (stream["text"], stream["usage"]["outputTokens"]) == ("one two three", 3)


@pytest.mark.supports("forced tool", "AI SDK openai.chat")
def test_a_forced_tool(seen: Seen) -> None:
    """Protects agents: the call comes parsed and checked against its schema."""
    expected = {"name": "get_weather", "input": {"city": "Oslo"}, "finish": "tool-calls"}
    assert node.ok(seen, "tools") == expected


@pytest.mark.supports("errors", "AI SDK openai.chat")
def test_a_wrong_key(seen: Seen) -> None:
    """Protects everything: the SDK's own error, with the status."""
    assert node.ok(seen, "failures") == {"name": "AI_APICallError", "status": 401}


@pytest.mark.supports("whole, reasoning", "AI SDK openai (Responses)")
def test_the_default_model_speaks_responses(seen: Seen) -> None:
    """Protects those who write ``openai("…")`` as the newest guides do: text, thinking, usage."""
    whole = node.ok(seen, "responses")
    assert (whole["text"], whole["finish"]) == ("hello there", "stop")
    assert (whole["usage"]["inputTokens"], whole["usage"]["outputTokens"]) == (2, 2)
    stream = node.ok(seen, "responsesStream")
    assert (stream["text"], stream["reasoning"]) == ("one two three", "thinking thinking ")
    assert stream["usage"]["reasoningTokens"] == 2
    assert node.ok(seen, "responsesObject") == {"city": "Oslo"}


@pytest.mark.supports("tool loop", "AI SDK openai (Responses)")
def test_a_loop_of_tools_stored_and_not(seen: Seen) -> None:
    """Protects agents: items named by their ids are found again, and whole ones are read."""
    expected = {"text": "sunny in Oslo", "steps": ["tool-calls", "stop"]}
    assert node.ok(seen, "responsesLoop") == [expected, expected]


@pytest.mark.supports("errors", "AI SDK openai (Responses)")
def test_a_response_that_breaks(seen: Seen) -> None:
    """Protects callers from half an answer that looks whole."""
    broken = node.ok(seen, "responsesBreak")
    assert broken["text"].split() == ["one", "two"]
    assert broken["error"] == "The echo engine broke, as its script told it to."
