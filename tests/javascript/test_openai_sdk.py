"""The OpenAI SDK for JavaScript, unmodified, over HTTPS and over plain HTTP."""

from typing import Any

import pytest

from javascript import node
from javascript.node import Seen
from javascript.settled import wait_for_request
from servers import Server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(700), pytest.mark.xdist_group("javascript")]


@pytest.fixture(scope="module")
def seen(wire: Server, bad_keys: dict[str, str]) -> Seen:
    """What each scenario of openai.mjs saw."""
    return node.run("openai.mjs", wire, **bad_keys)


@pytest.mark.supports("whole", "openai (JS) chat.completions")
def test_a_whole_answer(seen: Seen) -> None:
    """Protects the first line anyone writes."""
    whole = node.ok(seen, "whole")
    assert (whole["text"], whole["finish"]) == ("hello there", "stop")
    assert whole["usage"]["prompt_tokens"] == 2
    assert whole["usage"]["completion_tokens"] == 2
    assert whole["requestId"].startswith("req_")


@pytest.mark.supports("stream", "openai (JS) chat.completions")
def test_a_streamed_answer(seen: Seen) -> None:
    """Protects the chunks, and those who add up: usage comes once."""
    stream = node.ok(seen, "stream")
    assert stream["text"] == "one two three"
    assert [usage["completion_tokens"] for usage in stream["usages"]] == [3]


@pytest.mark.supports("forced tool, tool loop, JSON", "openai (JS) chat.completions")
def test_tools_and_structured_output(seen: Seen) -> None:
    """Protects agents: a forced call that fits its schema, its result, and JSON on demand."""
    tools = node.ok(seen, "tools")
    assert (tools["firstFinish"], tools["name"]) == ("tool_calls", "get_weather")
    assert tools["input"] == {"city": "Oslo"}
    assert (tools["lastFinish"], tools["text"]) == ("stop", "the sky is clear")
    assert node.ok(seen, "streamedTool") == {"name": "get_weather", "input": {"city": "Oslo"}}
    assert node.ok(seen, "json") == {"city": "Oslo"}


@pytest.mark.supports("whole", "openai (JS) embeddings, models")
def test_models_and_vectors(seen: Seen) -> None:
    """Protects listings, and vectors that the SDK unpacks from base64."""
    models = node.ok(seen, "models")
    assert models["one"] in models["ids"]
    vectors = node.ok(seen, "embeddings")
    assert len(vectors["sizes"]) == 2
    assert vectors["sizes"][0] == vectors["sizes"][1] > 1
    assert vectors["tokens"] == 3


@pytest.mark.supports("errors", "openai (JS) chat.completions", "openai (JS) responses")
@pytest.mark.parametrize("scenario", ["chatFailures", "responseFailures"])
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("model", ["NotFoundError", 404, "model_not_found", 1]),
        ("tooLong", ["BadRequestError", 400, "context_length_exceeded", 1]),
        ("invalid", ["BadRequestError", 400, "decimal_above_max_value", 1]),
        ("key", ["AuthenticationError", 401, "invalid_api_key", 1]),
        ("budget", ["RateLimitError", 429, "insufficient_quota", 1]),
        ("rate", ["RateLimitError", 429, "rate_limit_exceeded", 3]),
        ("conflict", ["ConflictError", 409, "conflict", 1]),
        ("overloaded", ["InternalServerError", 503, "server_is_overloaded", 3]),
        ("notReady", ["InternalServerError", 503, "model_not_ready", 3]),
        ("engine", ["InternalServerError", 502, "engine_failed", 3]),
        ("timeout", ["InternalServerError", 504, "engine_timeout", 3]),
        ("late", ["APIConnectionTimeoutError", None, None, 3]),
    ],
)
def test_each_failure_is_the_sdks_own_exception(
    seen: Seen, scenario: str, name: str, expected: list[object]
) -> None:
    """Protects callers: what can succeed later is tried three times, the rest once."""
    assert node.ok(seen, scenario)[name] == expected


def test_failures_carry_the_id_of_the_request(seen: Seen) -> None:
    """Protects who asks for help: an error names its request, streamed or not."""
    failures = node.ok(seen, "failures")
    assert _told(failures["unknown"]) == ("BadRequestError", 400, "unknown_parameter", 1)
    assert _told(failures["streamed"]) == ("InternalServerError", 503, "server_is_overloaded", 3)
    assert failures["unknown"]["hasId"]
    assert failures["streamed"]["hasId"]


def test_a_stream_that_breaks_raises(seen: Seen) -> None:
    """Protects callers from half an answer; nothing is retried once it has begun."""
    broken = node.ok(seen, "breaks")
    assert broken["text"].split() == ["one", "two"]
    assert _told(broken["told"]) == ("APIError", None, "engine_failed", 1)


@pytest.mark.supports("cancel", "openai (JS) chat.completions")
def test_a_client_that_leaves_pays_for_what_it_got(wire: Server, seen: Seen) -> None:
    """Protects the engine's slot from readers who stop."""
    line = wait_for_request(wire, node.ok(seen, "leaves")["requestId"])
    assert line["outcome"] == "cancelled"
    assert 4 <= line["output_tokens"] < 1_000


@pytest.mark.supports("whole, stream, forced tool", "openai (JS) responses")
def test_responses(seen: Seen) -> None:
    """Protects the newer API: whole, streamed in its own events, and gone on from."""
    told = node.ok(seen, "responses")
    assert told["wholeText"] == told["text"] == "hello there"
    assert (told["first"], told["last"]) == ("response.created", "response.completed")
    assert (told["usage"]["input_tokens"], told["usage"]["output_tokens"]) == (2, 2)
    assert (told["nextText"], told["nextTokens"]) == ("and more", 6)
    assert node.ok(seen, "responseTool") == {"name": "get_weather", "input": {"city": "Oslo"}}


def test_stored_responses(seen: Seen) -> None:
    """Protects what is kept: read, listed, counted, deleted, and then not found."""
    stored = node.ok(seen, "storedResponses")
    assert (stored["text"], stored["items"], stored["tokens"]) == ("hello there", ["user"], 3)
    assert _told(stored["gone"]) == ("NotFoundError", 404, None, 1)
    expected = ("BadRequestError", 400, "previous_response_not_found", 1)
    assert _told(stored["previous"]) == expected
    assert _told(stored["overloaded"]) == ("InternalServerError", 503, "server_is_overloaded", 3)


@pytest.mark.supports("errors", "openai (JS) responses")
def test_a_response_that_breaks_raises(seen: Seen) -> None:
    """Protects callers from half an answer, as with chat."""
    broken = node.ok(seen, "responseBreaks")
    assert broken["text"].split() == ["one", "two"]
    assert _told(broken["told"]) == ("APIError", None, "engine_failed", 1)


def _told(failure: dict[str, Any]) -> tuple[str, int | None, str | None, int]:
    return failure["kind"], failure["status"], failure["code"], failure["attempts"]
