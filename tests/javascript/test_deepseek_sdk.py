"""The AI SDK with its DeepSeek provider, unmodified, over HTTPS and over plain HTTP."""

import pytest

from javascript import node
from javascript.node import Seen
from servers import Server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(700), pytest.mark.xdist_group("javascript")]


@pytest.fixture(scope="module")
def seen(wire: Server) -> Seen:
    """What each scenario of deepseek.mjs saw."""
    return node.run("deepseek.mjs", wire)


@pytest.mark.supports("whole, reasoning", "AI SDK deepseek")
def test_a_whole_answer(seen: Seen) -> None:
    """Protects text, thoughts and usage, cached tokens among them."""
    whole = node.ok(seen, "whole")
    assert (whole["text"], whole["finish"]) == ("hello there", "stop")
    assert whole["reasoning"].split() == ["thinking", "thinking"]
    asked, answered, thought = whole["usage"]
    assert (answered, thought) == (4, 2)
    assert whole["cached"] == 0
    assert whole["raw"]["prompt_cache_miss_tokens"] == asked
    assert whole["ignored"] == "user_id, thinking"


@pytest.mark.supports("stream", "AI SDK deepseek")
def test_a_stream(seen: Seen) -> None:
    """Protects streams: thoughts come first and apart, and the usage comes at the end."""
    stream = node.ok(seen, "stream")
    assert stream["kinds"] == ["reasoning-delta"] * 2 + ["text-delta"] * 2
    assert (stream["text"], stream["usage"]) == ("one two", 4)


@pytest.mark.supports("tool loop", "AI SDK deepseek")
def test_a_loop_of_tools(seen: Seen) -> None:
    """Protects agents: the tool is called, its result goes back in, and the answer comes."""
    assert node.ok(seen, "loop") == {"steps": 2, "text": "sun in get_weather Oslo"}


def test_a_prefix(seen: Seen) -> None:
    """Protects the beta's prefix: the answer goes on where the assistant's text ends."""
    assert node.ok(seen, "prefix")["text"].strip() == "three"


@pytest.mark.supports("errors", "AI SDK deepseek")
def test_failures(seen: Seen) -> None:
    """Protects callers: DeepSeek's own statuses and sentences."""
    failures = node.ok(seen, "failures")
    assert failures["key"]["status"] == 401
    assert failures["key"]["message"].startswith("Authentication Fails")
    assert failures["model"]["status"] == 400
    assert failures["model"]["message"].startswith("Model Not Exist")
