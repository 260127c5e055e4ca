"""The platform's errors → OpenAI's: status, type, code and whether its SDKs may try again.

The SDKs retry 408, 409, 429 and everything from 500 on, so what can never succeed says so.
"""

import math

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
from kilonova.dialects.openai.answer_headers import rate_headers
from kilonova.dialects.wire.sse import encode_data
from kilonova.web.message import Header, Request, Response

__all__ = ["ROWS", "Problem", "Row", "encode_error", "encode_stream_error", "problem_of"]


class Row(Struct, frozen=True):
    """``code`` None: the error's own ``reason``, which decoding fills with OpenAI's code."""

    status: int
    type: str
    code: str | None = None
    has_last_word: bool = False


ROWS: dict[type[KilonovaError], Row] = {
    InvalidRequest: Row(400, "invalid_request_error"),
    ContextTooLong: Row(400, "invalid_request_error", "context_length_exceeded"),
    RequestTooLarge: Row(413, "invalid_request_error", "request_too_large"),
    Unauthenticated: Row(401, "invalid_request_error", "invalid_api_key"),
    Forbidden: Row(403, "invalid_request_error", "insufficient_permissions"),
    NotFound: Row(404, "invalid_request_error"),
    Conflict: Row(409, "invalid_request_error", "conflict", has_last_word=True),
    RateLimited: Row(429, "requests", "rate_limit_exceeded"),
    BudgetExceeded: Row(429, "insufficient_quota", "insufficient_quota", has_last_word=True),
    ContentRefused: Row(400, "invalid_request_error", "content_policy_violation"),
    ModelNotReady: Row(503, "server_error", "model_not_ready"),
    Overloaded: Row(503, "server_error", "server_is_overloaded"),
    EngineTimeout: Row(504, "server_error", "engine_timeout"),
    EngineFailed: Row(502, "server_error", "engine_failed"),
    Internal: Row(500, "server_error", "internal_error"),
}


class Problem(Struct, frozen=True):
    """An error as all bodies and streams of this wire tell it."""

    message: str
    type: str
    param: str | None
    code: str | None


class _Body(Struct, frozen=True):
    error: Problem


def encode_error(error: KilonovaError, request: Request) -> Response:
    """An error before the first byte of an answer."""
    row = ROWS[type(error)]
    headers: list[Header] = [
        (b"content-type", b"application/json"),
        (b"x-request-id", request.trace.request_id.encode()),
        *rate_headers(request.trace),
    ]
    if error.retry_after_s is not None:
        headers.append((b"retry-after", b"%d" % max(1, math.ceil(error.retry_after_s))))
        headers.append((b"retry-after-ms", b"%d" % math.ceil(error.retry_after_s * 1000)))
    if row.has_last_word:
        headers.append((b"x-should-retry", b"false"))
    return Response(row.status, _encode(error), tuple(headers))


def encode_stream_error(error: KilonovaError) -> bytes:
    """An error in the middle of a stream: the SDKs raise on it, and nothing follows."""
    return encode_data(_encode(error))


def _encode(error: KilonovaError) -> bytes:
    return msgspec.json.encode(_Body(problem_of(error)))


def problem_of(error: KilonovaError) -> Problem:
    """The error in OpenAI's words."""
    row = ROWS[type(error)]
    return Problem(_message(error), _type(error, row), error.param, row.code or error.reason)


def _message(error: KilonovaError) -> str:
    """Clients recognise a prompt that is too long by OpenAI's own sentence."""
    if isinstance(error, ContextTooLong):
        return (
            f"This model's maximum context length is {error.context_tokens} tokens. However, your "
            f"messages resulted in {error.input_tokens} tokens, and at least one is needed for "
            "the answer. Please reduce the length of the messages."
        )
    return error.message


def _type(error: KilonovaError, row: Row) -> str:
    """A rate limit is named after what ran out: requests or tokens."""
    if isinstance(error, RateLimited) and error.reason == "tokens":
        return "tokens"
    return row.type
