"""The Google Gen AI SDK for JavaScript, unmodified, over HTTPS and over plain HTTP."""

import pytest

from javascript import node
from javascript.node import Seen
from servers import Server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(700), pytest.mark.xdist_group("javascript")]


@pytest.fixture(scope="module")
def seen(wire: Server, bad_keys: dict[str, str]) -> Seen:
    """What each scenario of google.mjs saw."""
    return node.run("google.mjs", wire, **bad_keys)


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


@pytest.mark.supports("whole", "@google/genai embedContent")
def test_embeddings(seen: Seen) -> None:
    """Protects searchers: a vector for each text, as long as was asked for."""
    assert node.ok(seen, "embeddings") == [8, 8]


@pytest.mark.supports("errors", "@google/genai generateContent")
@pytest.mark.parametrize(
    ("name", "status", "attempts"),
    [
        ("model", 404, 1),
        ("tooLong", 400, 1),
        ("invalid", 400, 1),
        ("key", 401, 1),
        ("budget", 400, 1),
        ("rate", 429, 3),
        ("conflict", 409, 1),
        ("overloaded", 503, 3),
        ("notReady", 503, 3),
        ("engine", 500, 3),
        ("timeout", 504, 3),
    ],
)
def test_failures_have_their_status_and_attempts(
    seen: Seen, name: str, status: int, attempts: int
) -> None:
    """Protects callers: what can succeed later is tried as often as the SDK is told to, the rest
    once; by default it tries everything once."""
    failures = node.ok(seen, "failures")
    assert failures["told"][name] == ["ApiError", status, attempts]
    assert failures["once"][name] == [1]


def test_who_does_not_wait_gives_up(seen: Seen) -> None:
    """Protects callers with a deadline: the SDK ends the request when its time is over."""
    kind, status, attempts = node.ok(seen, "failures")["told"]["late"]
    assert (kind, status, attempts) == ("DOMException", None, 3)


def test_a_stream_that_breaks_raises(seen: Seen) -> None:
    """Protects callers from half an answer."""
    broken = node.ok(seen, "breaks")
    assert broken["text"].split() == ["one", "two"]
    assert broken["kind"] == "ApiError"
