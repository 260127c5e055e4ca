"""The Google Gen AI SDK for JavaScript, unmodified, over HTTPS and over plain HTTP."""

import pytest

from javascript import node
from javascript.node import Seen
from servers import Server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(700), pytest.mark.xdist_group("javascript")]


@pytest.fixture(scope="module")
def seen(wire: Server) -> Seen:
    """What each scenario of google.mjs saw."""
    return node.run("google.mjs", wire)


@pytest.mark.supports("whole, stream", "@google/genai generateContent")
def test_whole_and_streamed(seen: Seen) -> None:
    """Protects generateContent and its stream of server-sent events, usage included."""
    whole = node.ok(seen, "whole")
    assert (whole["text"], whole["finish"]) == ("hello there", "STOP")
    assert whole["usage"]["totalTokenCount"] == 4
    stream = node.ok(seen, "stream")
    assert (stream["text"], stream["usage"]["totalTokenCount"]) == ("one two three", 6)


@pytest.mark.supports("forced tool, JSON", "@google/genai generateContent")
@pytest.mark.supports("whole", "@google/genai countTokens")
def test_functions_json_and_a_count(seen: Seen) -> None:
    """Protects agents: a forced call and a document, both of their schema."""
    call = node.ok(seen, "functions")
    assert (call["name"], call["args"]) == ("get_weather", {"city": "Oslo"})
    assert node.ok(seen, "json") == {"city": "Oslo"}
    assert node.ok(seen, "count")["totalTokens"] == 5


@pytest.mark.supports("reasoning", "@google/genai generateContent")
def test_thinking(seen: Seen) -> None:
    """Protects chats with a thinking model: it reads what it thought, unchanged and once."""
    thinking = node.ok(seen, "thinking")
    assert (thinking["thought"], thinking["text"]) == (["thinking thinking "], "yes")
    # The directive, the question, two thoughts, the answer, and the new question.
    assert thinking["promptTokens"] == 2 + 1 + 2 + 1 + 1
    assert thinking["forged"] == {"kind": "ApiError", "status": 400}


@pytest.mark.supports("errors", "@google/genai generateContent")
def test_failures(seen: Seen) -> None:
    """Protects callers: the SDK's own error, with the status."""
    failures = node.ok(seen, "failures")
    assert failures["model"] == {"kind": "ApiError", "status": 404}
    assert failures["key"]["kind"] == "ApiError"
    assert failures["key"]["status"] in (400, 401)
