"""The platform's errors → Google's: HTTP code, status of google.rpc and the details beside it.

The SDKs retry 408, 429, 500, 502, 503 and 504 where they are told to retry at all, so what can
never succeed has none of these. A refusal of the content is an answer on this wire, not an error.
"""

import math
from typing import Literal

import msgspec
from msgspec import Struct

from kilonova.core.errors import (
    BudgetExceeded,
    Conflict,
    ContentRefused,
    ContextTooLong,
    EngineFailed,
    EngineTimeout,
    Forbidden,
    Internal,
    InvalidRequest,
    KilonovaError,
    ModelNotReady,
    NotFound,
    Overloaded,
    RateLimited,
    RequestTooLarge,
    Unauthenticated,
)
from kilonova.dialects.wire.sse import CONTENT_TYPE, encode_data
from kilonova.web.message import Header, Request, Response

__all__ = ["ROWS", "Form", "Row", "encode_content_error", "encode_error", "error_body"]

Form = Literal["object", "array", "sse"]


class Row(Struct, frozen=True):
    """``reason`` is what the details call the error."""

    code: int
    status: str
    reason: str


ROWS: dict[type[KilonovaError], Row] = {
    InvalidRequest: Row(400, "INVALID_ARGUMENT", "INVALID_REQUEST"),
    ContextTooLong: Row(400, "INVALID_ARGUMENT", "CONTEXT_TOO_LONG"),
    RequestTooLarge: Row(400, "INVALID_ARGUMENT", "REQUEST_TOO_LARGE"),
    Unauthenticated: Row(401, "UNAUTHENTICATED", "API_KEY_INVALID"),
    Forbidden: Row(403, "PERMISSION_DENIED", "FORBIDDEN"),
    NotFound: Row(404, "NOT_FOUND", "NOT_FOUND"),
    Conflict: Row(409, "ALREADY_EXISTS", "CONFLICT"),
    RateLimited: Row(429, "RESOURCE_EXHAUSTED", "RATE_LIMIT_EXCEEDED"),
    BudgetExceeded: Row(400, "FAILED_PRECONDITION", "BUDGET_EXCEEDED"),
    ContentRefused: Row(400, "INVALID_ARGUMENT", "CONTENT_REFUSED"),
    ModelNotReady: Row(503, "UNAVAILABLE", "MODEL_NOT_READY"),
    Overloaded: Row(503, "UNAVAILABLE", "OVERLOADED"),
    EngineTimeout: Row(504, "DEADLINE_EXCEEDED", "ENGINE_TIMEOUT"),
    EngineFailed: Row(500, "INTERNAL", "ENGINE_FAILED"),
    Internal: Row(500, "INTERNAL", "INTERNAL"),
}

_TYPES = "type.googleapis.com/google.rpc."
_JSON: Header = (b"content-type", b"application/json; charset=utf-8")
_SSE: Header = (b"content-type", CONTENT_TYPE.encode())

# What the request path calls by a name that this wire does not have.
_FIELDS = {
    "logprobs": "generationConfig.responseLogprobs",
    "max_tokens": "generationConfig.maxOutputTokens",
    "messages": "contents",
    "n": "generationConfig.candidateCount",
    "response_format": "generationConfig.responseMimeType",
}


def encode_error(error: KilonovaError, request: Request) -> Response:
    """An error of a method that does not generate content."""
    row = ROWS[type(error)]
    body = error_body(error, request.trace.request_id)
    return Response(row.code, body, (_JSON, *_retry_after(error)))


def encode_content_error(error: KilonovaError, request: Request, *, form: Form) -> Response:
    """An error before the first byte of an answer, in the form of the answer asked for."""
    if isinstance(error, ContentRefused):
        return _blocked(error, request, form)
    answer = encode_error(error, request)
    body = b"[" + answer.body + b"]" if form == "array" else answer.body
    return Response(answer.status, body, answer.headers)


def error_body(error: KilonovaError, request_id: str | None = None) -> bytes:
    """``{"error": …}``, as a body or in the middle of a stream."""
    row = ROWS[type(error)]
    problem = {
        "code": row.code,
        "message": _message(error),
        "status": row.status,
        "details": _details(error, row, request_id),
    }
    return msgspec.json.encode({"error": problem})


def _blocked(error: ContentRefused, request: Request, form: Form) -> Response:
    """No candidates, and why: how this wire tells that a prompt was refused."""
    feedback = {"blockReason": "PROHIBITED_CONTENT", "blockReasonMessage": error.message}
    response_id = request.trace.request_id.removeprefix("req_")
    body = msgspec.json.encode({"promptFeedback": feedback, "responseId": response_id})
    match form:
        case "object":
            return Response(200, body, (_JSON,))
        case "array":
            return Response(200, b"[" + body + b"]", (_JSON,))
        case "sse":
            return Response(200, encode_data(body), (_SSE,))


def _retry_after(error: KilonovaError) -> tuple[Header, ...]:
    if error.retry_after_s is None:
        return ()
    return ((b"retry-after", b"%d" % max(1, math.ceil(error.retry_after_s))),)


def _details(error: KilonovaError, row: Row, request_id: str | None) -> list[dict[str, object]]:
    metadata = {} if request_id is None else {"requestId": request_id}
    if error.reason:
        metadata["reason"] = error.reason
    details: list[dict[str, object]] = [
        {
            "@type": f"{_TYPES}ErrorInfo",
            "reason": row.reason,
            "domain": "kilonova",
            "metadata": metadata,
        }
    ]
    if isinstance(error, InvalidRequest) and error.param is not None:
        violation = {
            "field": _FIELDS.get(error.param, error.param),
            "description": _message(error),
        }
        details.append({"@type": f"{_TYPES}BadRequest", "fieldViolations": [violation]})
    if isinstance(error, RateLimited):
        violation = {"subject": error.reason or "requests", "description": error.message}
        details.append({"@type": f"{_TYPES}QuotaFailure", "violations": [violation]})
    if error.retry_after_s is not None:
        delay = f"{max(error.retry_after_s, 0.001):.3f}s"
        details.append({"@type": f"{_TYPES}RetryInfo", "retryDelay": delay})
    return details


def _message(error: KilonovaError) -> str:
    """Clients recognise a prompt that is too long by Google's own sentence."""
    if isinstance(error, ContextTooLong) and error.param == "messages":
        return (
            f"The input token count ({error.input_tokens}) exceeds the maximum number of tokens "
            f"allowed ({error.context_tokens}), of which at least one is needed for the answer. "
            "Shorten the contents."
        )
    return error.message
