"""The one table of errors: complete, and read by the SDK as intended."""

import json
from typing import Any

import pytest
from google.genai import errors as sdk
from google.genai._api_client import _RETRY_HTTP_STATUS_CODES

from kilonova.core.errors import (
    LEAVES,
    ContentRefused,
    ContextTooLong,
    InvalidRequest,
    KilonovaError,
    RateLimited,
)
from kilonova.dialects.gemini.errors import (
    ROWS,
    Form,
    encode_content_error,
    encode_error,
    error_body,
)
from unit.dialects.gemini.gemini_world import make_request

STATUSES = {
    400: {"INVALID_ARGUMENT", "FAILED_PRECONDITION"},
    401: {"UNAUTHENTICATED"},
    403: {"PERMISSION_DENIED"},
    404: {"NOT_FOUND"},
    409: {"ALREADY_EXISTS"},
    429: {"RESOURCE_EXHAUSTED"},
    500: {"INTERNAL"},
    503: {"UNAVAILABLE"},
    504: {"DEADLINE_EXCEEDED"},
}


def make(leaf: type[KilonovaError]) -> KilonovaError:
    if leaf is ContextTooLong:
        return ContextTooLong(input_tokens=9, context_tokens=8)
    return leaf("A sentence.", param="p", reason="r")


def body_of(error: KilonovaError) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(encode_error(error, make_request("POST", "/v1/x")).body)
    return found["error"]  # type: ignore[no-any-return]


def test_every_leaf_has_a_row() -> None:
    """Protects the table: a new error without a row fails here."""
    assert set(ROWS) == set(LEAVES)


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.code)
def test_errors_have_the_vendors_shape(leaf: type[KilonovaError]) -> None:
    """Protects SDKs: code, status and details of google.rpc, before and within a stream."""
    error = make(leaf)
    answer = encode_error(error, make_request("POST", "/v1/x"))
    body = body_of(error)
    assert body["code"] == answer.status
    assert body["status"] in STATUSES[answer.status]
    assert body["details"][0]["@type"] == "type.googleapis.com/google.rpc.ErrorInfo"
    assert body["details"][0]["metadata"]["requestId"].startswith("req_")
    streamed = json.loads(error_body(error))["error"]
    assert (streamed["code"], streamed["message"]) == (body["code"], body["message"])
    caught = sdk.APIError(answer.status, {"error": body})
    assert (caught.code, caught.status, caught.message) == (
        answer.status, body["status"], body["message"],
    )  # fmt: skip


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.code)
def test_sdks_retry_what_can_succeed_and_nothing_else(leaf: type[KilonovaError]) -> None:
    """Protects against storms: the SDK decides by the code alone."""
    assert (ROWS[leaf].code in _RETRY_HTTP_STATUS_CODES) == leaf.retryable


def test_a_rate_limit_says_how_long_to_wait() -> None:
    """Protects callers within their limits, in the header and in Google's detail."""
    error = RateLimited("Slow down.", retry_after_s=1.25, reason="tokens")
    answer = encode_error(error, make_request("POST", "/v1/x"))
    assert (b"retry-after", b"2") in answer.headers
    details = {one["@type"].rpartition(".")[2]: one for one in body_of(error)["details"]}
    assert details["RetryInfo"]["retryDelay"] == "1.250s"
    assert details["QuotaFailure"]["violations"][0]["subject"] == "tokens"


def test_the_field_at_fault_is_named_as_this_wire_names_it() -> None:
    """Protects callers from names of other wires."""
    details = body_of(InvalidRequest("No.", param="response_format"))["details"]
    assert details[1]["fieldViolations"][0]["field"] == "generationConfig.responseMimeType"


def test_a_prompt_that_is_too_long_is_told_in_the_vendors_words() -> None:
    """Protects clients that recognise the sentence and shorten the conversation."""
    message = body_of(ContextTooLong(input_tokens=9, context_tokens=8))["message"]
    assert "input token count (9) exceeds the maximum number of tokens allowed (8)" in message


@pytest.mark.parametrize("form", ["object", "array", "sse"])
def test_a_refused_prompt_is_an_answer_without_candidates(form: Form) -> None:
    """Protects clients that read promptFeedback, which is how Google refuses a prompt."""
    request = make_request("POST", "/v1/x")
    answer = encode_content_error(ContentRefused("No."), request, form=form)
    text = answer.body.removeprefix(b"data: ")
    body = json.loads(text)[0] if form == "array" else json.loads(text)
    assert answer.status == 200
    assert body["promptFeedback"] == {
        "blockReason": "PROHIBITED_CONTENT",
        "blockReasonMessage": "No.",
    }
    assert encode_error(ContentRefused("No."), request).status == 400
