"""The Anthropic SDK for JavaScript, unmodified, over HTTPS and over plain HTTP."""

from typing import Any

import pytest

from javascript import node
from javascript.node import Seen
from servers import Server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(700), pytest.mark.xdist_group("javascript")]


@pytest.fixture(scope="module")
def seen(wire: Server, bad_keys: dict[str, str]) -> Seen:
    """What each scenario of anthropic.mjs saw."""
    return node.run("anthropic.mjs", wire, **bad_keys)


def _tokens(usage: dict[str, Any]) -> tuple[int, int]:
    return usage["input_tokens"], usage["output_tokens"]


@pytest.mark.supports("whole, stream", "anthropic (JS) messages")
def test_whole_and_streamed(seen: Seen) -> None:
    """Protects the messages wire: text, stop reason, usage, and the events that the SDK folds."""
    whole = node.ok(seen, "whole")
    assert (whole["text"], whole["stop"]) == ("hello there", "end_turn")
    assert _tokens(whole["usage"]) == (2, 2)
    stream = node.ok(seen, "stream")
    assert (stream["text"], _tokens(stream["usage"])) == ("one two three", (3, 3))
    assert stream["names"][0] == "message_start"
    assert stream["names"][-2:] == ["message_delta", "message_stop"]


@pytest.mark.supports("forced tool, tool loop", "anthropic (JS) messages")
def test_a_tool_loop_and_a_count(seen: Seen) -> None:
    """Protects agents: a forced call, its result, and the answer after it."""
    tools = node.ok(seen, "tools")
    assert (tools["name"], tools["input"]) == ("get_weather", {"city": "Oslo"})
    assert (tools["firstStop"], tools["lastStop"]) == ("tool_use", "end_turn")
    assert tools["text"] == "the sky is clear"
    assert node.ok(seen, "count")["inputTokens"] == 5


@pytest.mark.supports("errors", "anthropic (JS) messages")
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("model", ["NotFoundError", 404, "not_found_error", 1]),
        ("tooLong", ["BadRequestError", 400, "invalid_request_error", 1]),
        ("invalid", ["BadRequestError", 400, "invalid_request_error", 1]),
        ("key", ["AuthenticationError", 401, "authentication_error", 1]),
        ("budget", ["PaymentRequiredError", 402, "billing_error", 1]),
        ("rate", ["RateLimitError", 429, "rate_limit_error", 3]),
        ("conflict", ["ConflictError", 409, "conflict_error", 1]),
        ("overloaded", ["OverloadedError", 529, "overloaded_error", 3]),
        ("notReady", ["ServiceUnavailableError", 503, "api_error", 3]),
        ("engine", ["InternalServerError", 502, "api_error", 3]),
        ("timeout", ["GatewayTimeoutError", 504, "timeout_error", 3]),
        ("late", ["APIConnectionTimeoutError", None, None, 3]),
    ],
)
def test_failures_have_their_classes_and_attempts(
    seen: Seen, name: str, expected: list[object]
) -> None:
    """Protects callers: what can succeed later is tried three times, the rest once."""
    assert node.ok(seen, "failures")[name] == expected


def test_a_stream_that_breaks_raises(seen: Seen) -> None:
    """Protects callers from half an answer."""
    broken = node.ok(seen, "breaks")
    assert broken["text"].split() == ["one", "two"]
    assert broken["told"][1] == "api_error"
