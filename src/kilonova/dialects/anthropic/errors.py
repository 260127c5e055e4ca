"""The platform's errors → Anthropic's: status, type and whether its SDKs may try again.

The SDKs retry 408, 409, 429 and everything from 500 on, so what can never succeed says so.
"""

import math

import msgspec
from msgspec import UNSET, Struct, UnsetType

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
from kilonova.dialects.anthropic.headers import rate_headers
from kilonova.dialects.wire import sse
from kilonova.telemetry.trace import Trace
from kilonova.web.message import Header, Request, Response

__all__ = ["ROWS", "Row", "encode_error", "encode_stream_error"]


class Row(Struct, frozen=True):
    """HTTP status and Anthropic's type."""

    status: int
    type: str
    has_last_word: bool = False


ROWS: dict[type[KilonovaError], Row] = {
    InvalidRequest: Row(400, "invalid_request_error"),
    ContextTooLong: Row(400, "invalid_request_error"),
    RequestTooLarge: Row(413, "request_too_large"),
    Unauthenticated: Row(401, "authentication_error"),
    Forbidden: Row(403, "permission_error"),
    NotFound: Row(404, "not_found_error"),
    Conflict: Row(409, "conflict_error", has_last_word=True),
    RateLimited: Row(429, "rate_limit_error"),
    BudgetExceeded: Row(402, "billing_error", has_last_word=True),
    ContentRefused: Row(400, "invalid_request_error"),
    ModelNotReady: Row(503, "api_error"),
    Overloaded: Row(529, "overloaded_error"),
    EngineTimeout: Row(504, "timeout_error"),
    EngineFailed: Row(502, "api_error"),
    Internal: Row(500, "api_error"),
}

# Reasons that the SDK acts upon.
_REASONS = frozenset({"thread_unsupported_request"})


class _Details(Struct, frozen=True):
    error_code: str


class _Problem(Struct, frozen=True):
    type: str
    message: str
    details: _Details | UnsetType = UNSET


class _Body(Struct, frozen=True, kw_only=True):
    type: str = "error"
    error: _Problem
    request_id: str


def encode_error(error: KilonovaError, request: Request) -> Response:
    """An error before the first byte of an answer."""
    row = ROWS[type(error)]
    headers: list[Header] = [
        (b"content-type", b"application/json"),
        (b"request-id", request.trace.request_id.encode()),
        *rate_headers(request.trace),
    ]
    if error.retry_after_s is not None:
        headers.append((b"retry-after", b"%d" % max(1, math.ceil(error.retry_after_s))))
        headers.append((b"retry-after-ms", b"%d" % math.ceil(error.retry_after_s * 1000)))
    if row.has_last_word:
        headers.append((b"x-should-retry", b"false"))
    return Response(row.status, _encode(error, request.trace), tuple(headers))


def encode_stream_error(error: KilonovaError, *, trace: Trace) -> bytes:
    """An error in the middle of a stream: the SDKs raise on it, and nothing follows."""
    return sse.encode_event(b"error", _encode(error, trace))


def _encode(error: KilonovaError, trace: Trace) -> bytes:
    details = _Details(error.reason) if error.reason in _REASONS else UNSET
    problem = _Problem(ROWS[type(error)].type, _message(error), details)
    return msgspec.json.encode(_Body(error=problem, request_id=trace.request_id))


def _message(error: KilonovaError) -> str:
    """Clients recognise a prompt that is too long by Anthropic's own sentence."""
    if isinstance(error, ContextTooLong):
        return (
            f"prompt is too long: {error.input_tokens} tokens > {error.context_tokens} maximum, of "
            "which at least one is needed for the answer"
        )
    return error.message
