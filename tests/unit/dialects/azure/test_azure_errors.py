"""The one table of errors: complete, and read by the SDKs as intended."""

import json
from typing import Any

import pytest

from kilonova.core.errors import (
    LEAVES,
    ContentRefused,
    ContextTooLong,
    InvalidRequest,
    KilonovaError,
    NotFound,
    RateLimited,
)
from kilonova.dialects.azure.errors import ROWS, encode_error
from kilonova.telemetry.trace import Trace
from kilonova.web.message import Request


def request() -> Request:
    return Request(method="POST", raw_path=b"/openai/x", query=b"", headers=[], trace=Trace())


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
def test_sdks_retry_what_can_succeed_and_nothing_else(leaf: type[KilonovaError]) -> None:
    """Protects against storms: an SDK retries 408, 409, 429 and 5xx unless told otherwise."""
    answer = encode_error(make(leaf), request())
    would_retry = answer.status in (408, 409, 429) or answer.status >= 500
    is_told_not_to = dict(answer.headers).get(b"x-should-retry") == b"false"
    assert (would_retry and not is_told_not_to) == leaf.retryable
    assert b"apim-request-id" in dict(answer.headers)
    assert isinstance(body_of(make(leaf))["code"], str)


def test_forms_that_clients_compare() -> None:
    """Protects clients that branch on Azure's codes, or read its inner errors and sentences."""
    assert body_of(NotFound("x", reason="model_not_found"))["code"] == "DeploymentNotFound"
    assert body_of(NotFound("x"))["code"] == "404"
    assert body_of(NotFound("x", reason="file_not_found"))["type"] == "invalid_request_error"
    assert body_of(InvalidRequest("x", reason="invalid_type"))["code"] == "invalid_type"
    assert body_of(RateLimited("x.", retry_after_s=1.2))["message"] == (
        "x. Please retry after 2 seconds."
    )
    refused = body_of(ContentRefused("x"))
    assert refused["code"] == "content_filter"
    assert refused["param"] == "prompt"
    assert refused["type"] is None
    assert refused["innererror"] == {
        "code": "ResponsibleAIPolicyViolation",
        "content_filter_result": {},
    }
