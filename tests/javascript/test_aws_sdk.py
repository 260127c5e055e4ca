"""The AWS SDK for JavaScript, default client: HTTP/2 with TLS and without, `:authority` signed."""

import json
from typing import Any

import pytest

from javascript import node
from javascript.node import Seen
from javascript.settled import wait_for_request
from servers import Server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(700), pytest.mark.xdist_group("javascript")]

_POOR = ("--budget", "0.000000001")
_ONCE = ("--rpm", "1")


@pytest.fixture(scope="module")
def seen(wire: Server) -> Seen:
    """What each scenario of aws.mjs saw."""
    return node.run(
        "aws.mjs",
        wire,
        KILONOVA_POOR_KEY=_pair(wire.new_key(*_POOR)),
        KILONOVA_LIMITED_KEY=_pair(wire.new_key(*_ONCE)),
    )


def _pair(key: dict[str, str]) -> str:
    pair = {"accessKeyId": key["access_key_id"], "secretAccessKey": key["secret_access_key"]}
    return json.dumps(pair)


@pytest.mark.supports("whole", "AWS SDK (JS) Converse, ConverseStream")
def test_the_default_client_speaks_http2_and_signs_the_authority(seen: Seen) -> None:
    """Protects the SDK that cannot fall back to HTTP/1.1, and its signature, which has no host."""
    whole = node.ok(seen, "whole")
    assert whole["protocol"] == "h2"
    assert ":authority" in whole["signed"].split(";")
    assert "host" not in whole["signed"].split(";")
    assert whole["text"] == "hello there"
    assert whole["stopReason"] == "end_turn"
    assert (whole["usage"]["inputTokens"], whole["usage"]["outputTokens"]) == (4, 2)
    assert whole["metadata"]["requestId"].startswith("req_")
    assert whole["metadata"]["attempts"] == 1


@pytest.mark.supports("stream", "AWS SDK (JS) Converse, ConverseStream")
def test_a_streamed_answer(seen: Seen) -> None:
    """Protects the event stream inside HTTP/2 frames: all events, in order, usage at the end."""
    stream = node.ok(seen, "stream")
    assert stream["names"][0] == "messageStart"
    assert stream["names"][-3:] == ["contentBlockStop", "messageStop", "metadata"]
    assert stream["text"] == "hello there"
    assert stream["usage"]["totalTokens"] == 4


@pytest.mark.supports("forced tool, tool loop", "AWS SDK (JS) Converse, ConverseStream")
def test_a_tool_loop(seen: Seen) -> None:
    """Protects agents: a forced call, its result, and the answer after it."""
    tools = node.ok(seen, "tools")
    assert tools["firstStop"] == "tool_use"
    assert tools["use"]["name"] == "get_weather"
    assert isinstance(tools["use"]["input"]["city"], str)
    assert tools["lastStop"] == "end_turn"
    assert "clear" in tools["text"]
    assert isinstance(node.ok(seen, "streamedTool")["input"]["city"], str)


@pytest.mark.supports("whole", "AWS SDK (JS) CountTokens")
def test_tokens_native_bodies_and_arns(seen: Seen) -> None:
    """Protects the other operations, and paths that the SDK encodes and signs encoded twice."""
    assert node.ok(seen, "count")["inputTokens"] == 5
    native = node.ok(seen, "native")
    assert native["whole"]["output"]["message"]["content"][0]["text"] == "hello there"
    assert native["chunks"][0] == {"messageStart": {"role": "assistant"}}
    assert native["chunks"][-1]["amazon-bedrock-invocationMetrics"]["outputTokenCount"] == 2
    assert node.ok(seen, "arn")["text"] == "hi"


@pytest.mark.supports("forced tool", "AWS SDK (JS) InvokeModel, …WithResponseStream")
def test_a_forced_tool_in_a_native_body(seen: Seen) -> None:
    """Protects agents that write the body themselves."""
    told = node.ok(seen, "nativeTool")
    assert (told["use"]["name"], told["use"]["input"]) == ("get_weather", {"city": "Oslo"})
    assert told["stopReason"] == "tool_use"


@pytest.mark.supports("errors", "AWS SDK (JS) InvokeModel, …WithResponseStream")
@pytest.mark.parametrize("command", ["InvokeModelCommand", "InvokeModelWithResponseStreamCommand"])
def test_failures_of_native_bodies(seen: Seen, command: str) -> None:
    """Protects callers of InvokeModel: the same classes and attempts as Converse's."""
    assert [_told(one) for one in node.ok(seen, "nativeFailures")[command]] == [
        ("ServiceUnavailableException", 503, 3),
        ("ModelErrorException", 424, 1),
        ("ModelTimeoutException", 408, 1),
        ("ValidationException", 400, 1),
    ]


def test_many_streams_of_one_connection(seen: Seen) -> None:
    """Protects multiplexing: 32 requests at once, and answers do not mix."""
    many = node.ok(seen, "manyAtOnce")
    assert many["texts"] == many["asked"]


@pytest.mark.supports("errors", "AWS SDK (JS) Converse, ConverseStream")
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("engine", ("ModelErrorException", 424, 1)),
        ("timeout", ("ModelTimeoutException", 408, 1)),
        ("notReady", ("ModelNotReadyException", 429, 3)),
        ("overloaded", ("ServiceUnavailableException", 503, 3)),
        ("streamed", ("ServiceUnavailableException", 503, 3)),
        ("invalid", ("ValidationException", 400, 1)),
        ("tooLong", ("ValidationException", 400, 1)),
        ("unknown", ("ValidationException", 400, 1)),
    ],
)
def test_failures_have_their_classes_and_attempts(
    seen: Seen, name: str, expected: tuple[str, int, int]
) -> None:
    """Protects callers: what can succeed later is tried three times, the rest once."""
    assert _told(node.ok(seen, "failures")[name]) == expected


def test_limits(seen: Seen) -> None:
    """Protects a customer's money from retries: a rate throttles, a budget does not."""
    limits = node.ok(seen, "limits")
    assert _told(limits["budget"]) == ("ServiceQuotaExceededException", 400, 1)
    assert _told(limits["rate"]) == ("ThrottlingException", 429, 1)
    assert _told(limits["patient"]) == ("ThrottlingException", 429, 3)


def test_a_conflict(seen: Seen) -> None:
    """Protects who repeats a request by hand with another body."""
    assert _told(node.ok(seen, "conflicts")) == ("ConflictException", 400, 1)


def test_wrong_keys(seen: Seen) -> None:
    """Protects everything: 403, once, and which half of the key is wrong."""
    wrong = node.ok(seen, "wrongKeys")
    assert _told(wrong["nobody"]) == ("UnrecognizedClientException", 403, 1)
    assert _told(wrong["wrong"]) == ("InvalidSignatureException", 403, 1)


def test_a_bearer_key(seen: Seen) -> None:
    """Protects those who use one key string for every SDK."""
    assert node.ok(seen, "bearer")["text"] == "hi"


def test_a_break_in_mid_stream(seen: Seen) -> None:
    """Protects callers from half an answer: what came stands, then the modelled exception."""
    broken = node.ok(seen, "breaks")
    assert broken["names"] == ["messageStart", "contentBlockDelta", "contentBlockDelta"]
    assert broken["told"]["name"] == "ModelStreamErrorException"


@pytest.mark.supports("cancel", "AWS SDK (JS) Converse, ConverseStream")
def test_a_client_that_aborts_pays_for_what_it_got(wire: Server, seen: Seen) -> None:
    """Protects the engine's slot: a reset of one HTTP/2 stream cancels its request."""
    line = wait_for_request(wire, node.ok(seen, "leaves")["requestId"])
    assert line["outcome"] == "cancelled"
    assert 4 <= line["output_tokens"] < 1_000


def _told(failure: dict[str, Any]) -> tuple[str, int, int]:
    return failure["name"], failure["status"], failure["attempts"]
