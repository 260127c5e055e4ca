"""DeepSeek's table of errors: complete, in its own sentences, and retried as intended."""

import json
from typing import Any

import pytest

from kilonova.core.errors import (
    LEAVES,
    BudgetExceeded,
    ContextTooLong,
    InvalidRequest,
    KilonovaError,
    NotFound,
    Unauthenticated,
)
from kilonova.dialects.deepseek.errors import ROWS, encode_error, encode_stream_error
from kilonova.telemetry.trace import Trace
from kilonova.web.message import Request, Response


def answer_to(error: KilonovaError) -> Response:
    request = Request(method="POST", raw_path=b"/x", query=b"", headers=[], trace=Trace())
    return encode_error(error, request)


def make(leaf: type[KilonovaError]) -> KilonovaError:
    if leaf is ContextTooLong:
        return ContextTooLong(input_tokens=9, context_tokens=8)
    return leaf("A sentence.", param="p", reason="r")


def told(error: KilonovaError) -> tuple[int, Any]:
    answer = answer_to(error)
    return answer.status, json.loads(answer.body)["error"]


def test_every_leaf_has_a_row() -> None:
    """Protects the table: a new error without a row fails here."""
    assert set(ROWS) == set(LEAVES)


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.code)
def test_errors_have_the_same_shape_everywhere(leaf: type[KilonovaError]) -> None:
    """Protects SDKs: the same four fields before and within a stream."""
    error = make(leaf)
    whole, streamed = answer_to(error), encode_stream_error(error)
    assert json.loads(streamed.removeprefix(b"data: ")) == json.loads(whole.body)
    assert set(json.loads(whole.body)["error"]) == {"message", "type", "param", "code"}


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.code)
def test_sdks_retry_what_can_succeed_and_nothing_else(leaf: type[KilonovaError]) -> None:
    """Protects against storms: OpenAI's SDKs retry 408, 409, 429 and 5xx unless told otherwise."""
    answer = answer_to(make(leaf))
    would_retry = answer.status in (408, 409, 429) or answer.status >= 500
    is_told_not_to = dict(answer.headers).get(b"x-should-retry") == b"false"
    assert (would_retry and not is_told_not_to) == leaf.retryable


@pytest.mark.parametrize(
    ("error", "status", "sentence", "type_"),
    [
        (BudgetExceeded("x"), 402, "Insufficient Balance: x", "unknown_error"),
        (BudgetExceeded("x", reason="tokens_per_minute"), 400, "x", "invalid_request_error"),
        (NotFound("x"), 400, "Model Not Exist: x", "invalid_request_error"),
        (Unauthenticated("x"), 401, "Authentication Fails: x", "authentication_error"),
        (InvalidRequest("x"), 400, "x", "invalid_request_error"),
        (
            InvalidRequest("x", reason="invalid_type"),
            422,
            "Failed to deserialize the JSON body: x",
            "invalid_request_error",
        ),
    ],
)
def test_sentences_that_clients_look_for(
    error: KilonovaError, status: int, sentence: str, type_: str
) -> None:
    """Protects clients that know DeepSeek's errors by their words."""
    answered, problem = told(error)
    assert (answered, problem["message"], problem["type"]) == (status, sentence, type_)
    assert problem["code"] == "invalid_request_error"
