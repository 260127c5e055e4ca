"""The one table of errors: complete, and read by the SDKs as intended."""

import json
from typing import Any

import pytest

from kilonova.core.errors import (
    LEAVES,
    BudgetExceeded,
    Conflict,
    ContextTooLong,
    InvalidRequest,
    KilonovaError,
    NotFound,
    RateLimited,
    Unauthenticated,
)
from kilonova.dialects.openai.errors import ROWS, encode_error, encode_stream_error
from kilonova.telemetry.trace import Trace
from kilonova.web.message import Request


def request() -> Request:
    return Request(method="POST", raw_path=b"/v1/x", query=b"", headers=[], trace=Trace())


def make(leaf: type[KilonovaError]) -> KilonovaError:
    if leaf is ContextTooLong:
        return ContextTooLong(input_tokens=9, context_tokens=8)
    return leaf("A sentence.", param="p", reason="r")


def body_of(error: KilonovaError) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(encode_error(error, request()).body)["error"]
    return answer


def test_every_leaf_has_a_row() -> None:
    """Protects the table: a new error without a row fails here."""
    assert set(ROWS) == set(LEAVES)


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.code)
def test_errors_have_the_vendors_shape(leaf: type[KilonovaError]) -> None:
    """Protects SDKs: the same four fields before and within a stream."""
    error = make(leaf)
    whole = encode_error(error, request())
    streamed = encode_stream_error(error)
    assert streamed.startswith(b"data: ")
    assert streamed.endswith(b"\n\n")
    assert json.loads(streamed[6:]) == json.loads(whole.body)
    assert set(json.loads(whole.body)["error"]) == {"message", "type", "param", "code"}
    assert b"x-request-id" in dict(whole.headers)


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.code)
def test_sdks_retry_what_can_succeed_and_nothing_else(leaf: type[KilonovaError]) -> None:
    """Protects against storms: an SDK retries 408, 409, 429 and 5xx unless told otherwise."""
    answer = encode_error(make(leaf), request())
    would_retry = answer.status in (408, 409, 429) or answer.status >= 500
    is_told_not_to = dict(answer.headers).get(b"x-should-retry") == b"false"
    assert (would_retry and not is_told_not_to) == leaf.retryable


def test_codes_that_clients_compare() -> None:
    """Protects clients that branch on OpenAI's codes."""
    assert body_of(BudgetExceeded("x"))["code"] == "insufficient_quota"
    assert body_of(RateLimited("x"))["code"] == "rate_limit_exceeded"
    assert body_of(RateLimited("x", reason="tokens"))["type"] == "tokens"
    assert body_of(NotFound("x", reason="model_not_found"))["code"] == "model_not_found"
    assert body_of(Unauthenticated("x", reason="unknown_key"))["code"] == "invalid_api_key"
    assert body_of(Unauthenticated("x", reason="missing"))["code"] == "invalid_api_key"
    assert body_of(InvalidRequest("x", reason="invalid_type"))["code"] == "invalid_type"
    too_long = body_of(ContextTooLong(input_tokens=9, context_tokens=8))
    assert too_long["code"] == "context_length_exceeded"
    assert "maximum context length is 8 tokens" in too_long["message"]
    assert dict(encode_error(Conflict("x"), request()).headers)[b"x-should-retry"] == b"false"


def test_waits_are_told_in_seconds_and_milliseconds() -> None:
    """Protects SDKs from coming back too early: seconds are rounded up."""
    headers = dict(encode_error(RateLimited("x", retry_after_s=1.2345), request()).headers)
    assert headers[b"retry-after"] == b"2"
    assert headers[b"retry-after-ms"] == b"1235"
