"""The one table of errors: complete, and read by the SDKs as intended."""

import json
import typing

import pytest
from anthropic.types.shared.error_type import ErrorType

from kilonova.core.errors import LEAVES, ContextTooLong, InvalidRequest, KilonovaError, RateLimited
from kilonova.dialects.anthropic.errors import (
    ROWS,
    encode_error,
    encode_stream_error,
)
from kilonova.telemetry.trace import Trace
from kilonova.web.message import Request


def request() -> Request:
    return Request(method="POST", raw_path=b"/v1/x", query=b"", headers=[], trace=Trace())


def make(leaf: type[KilonovaError]) -> KilonovaError:
    if leaf is ContextTooLong:
        return ContextTooLong(input_tokens=9, context_tokens=8)
    return leaf("A sentence.", param="p", reason="r")


def test_every_leaf_has_a_row() -> None:
    """Protects the table: a new error without a row fails here."""
    assert set(ROWS) == set(LEAVES)


def test_types_are_the_vendors_own() -> None:
    """Protects clients that branch on the type; one is documented and not in the SDK's list."""
    known = {*typing.get_args(ErrorType), "request_too_large"}
    assert {row.type for row in ROWS.values()} <= known


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.code)
def test_errors_have_the_vendors_shape(leaf: type[KilonovaError]) -> None:
    """Protects SDKs: the same body before and within a stream, with the id of the request."""
    error, asked = make(leaf), request()
    whole = encode_error(error, asked)
    name, _, told = encode_stream_error(error, trace=asked.trace).partition(b"\n")
    assert name == b"event: error"
    assert json.loads(told.removeprefix(b"data: ")) == json.loads(whole.body)
    body = json.loads(whole.body)
    assert body["type"] == "error"
    assert set(body["error"]) == {"type", "message"}
    assert body["request_id"] == dict(whole.headers)[b"request-id"].decode()


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.code)
def test_sdks_retry_what_can_succeed_and_nothing_else(leaf: type[KilonovaError]) -> None:
    """Protects against storms: an SDK retries 408, 409, 429 and 5xx unless told otherwise."""
    answer = encode_error(make(leaf), request())
    would_retry = answer.status in (408, 409, 429) or answer.status >= 500
    is_told_not_to = dict(answer.headers).get(b"x-should-retry") == b"false"
    assert (would_retry and not is_told_not_to) == leaf.retryable


def test_clients_recognise_a_long_prompt() -> None:
    """Protects agents that shorten their history when they read this sentence."""
    body = json.loads(encode_error(make(ContextTooLong), request()).body)
    assert body["error"]["message"].startswith("prompt is too long: 9 tokens > 8 maximum")


def test_a_thread_is_refused_so_that_the_sdk_goes_on_without() -> None:
    """Protects the tool runner: it looks for this code, and for no words."""
    error = InvalidRequest("x", param="thread", reason="thread_unsupported_request")
    body = json.loads(encode_error(error, request()).body)
    assert body["error"]["details"] == {"error_code": "thread_unsupported_request"}


def test_waits_are_told_in_seconds_and_milliseconds() -> None:
    """Protects SDKs from coming back too early: seconds are rounded up."""
    headers = dict(encode_error(RateLimited("x", retry_after_s=1.2345), request()).headers)
    assert headers[b"retry-after"] == b"2"
    assert headers[b"retry-after-ms"] == b"1235"
