"""The platform's errors → DeepSeek's: status, sentence and type. An empty account is 402.

Its clients are OpenAI's SDKs, so waits and last words are told as on OpenAI's wire.
"""

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
from kilonova.dialects.openai import errors as openai
from kilonova.dialects.wire.sse import encode_data
from kilonova.web.message import Request, Response

__all__ = ["ROWS", "Row", "encode_error", "encode_stream_error"]

_CODE = "invalid_request_error"


class Row(Struct, frozen=True):
    """``opening`` is the sentence by which clients know DeepSeek's error; ours follows it."""

    status: int
    type: str
    opening: str = ""


ROWS: dict[type[KilonovaError], Row] = {
    InvalidRequest: Row(400, "invalid_request_error"),
    ContextTooLong: Row(400, "invalid_request_error"),
    RequestTooLarge: Row(413, "invalid_request_error"),
    Unauthenticated: Row(401, "authentication_error", "Authentication Fails"),
    Forbidden: Row(403, "permission_error"),
    NotFound: Row(400, "invalid_request_error", "Model Not Exist"),
    Conflict: Row(409, "invalid_request_error"),
    RateLimited: Row(429, "rate_limit_error", "Rate Limit Reached"),
    BudgetExceeded: Row(402, "unknown_error", "Insufficient Balance"),
    ContentRefused: Row(400, "invalid_request_error", "Content Exists Risk"),
    ModelNotReady: Row(503, "service_unavailable_error"),
    Overloaded: Row(503, "service_unavailable_error"),
    EngineTimeout: Row(504, "server_error"),
    EngineFailed: Row(500, "server_error"),
    Internal: Row(500, "server_error"),
}

# More tokens than a minute allows at all: no money is missing, and waiting does not help.
_IMPOSSIBLE = Row(400, "invalid_request_error")
# What is wrong with the form of a body, not with what it says.
_UNREAD = Row(422, "invalid_request_error", "Failed to deserialize the JSON body")
_UNREAD_REASONS = frozenset(
    {"invalid_type", "missing_required_parameter", "unknown_parameter"}
)  # fmt: skip


class _Problem(Struct, frozen=True):
    message: str
    type: str
    param: str | None
    code: str


class _Body(Struct, frozen=True):
    error: _Problem


def encode_error(error: KilonovaError, request: Request) -> Response:
    """An error before the first byte of an answer."""
    row = _row(error)
    return Response(row.status, _encode(error, row), openai.encode_error(error, request).headers)


def encode_stream_error(error: KilonovaError) -> bytes:
    """An error in the middle of a stream: the SDKs raise on it, and nothing follows."""
    return encode_data(_encode(error, _row(error)))


def _row(error: KilonovaError) -> Row:
    if type(error) is InvalidRequest and error.reason in _UNREAD_REASONS:
        return _UNREAD
    if isinstance(error, BudgetExceeded) and error.reason == "tokens_per_minute":
        return _IMPOSSIBLE
    return ROWS[type(error)]


def _encode(error: KilonovaError, row: Row) -> bytes:
    message = openai.problem_of(error).message
    if row.opening:
        message = f"{row.opening}: {message}"
    return msgspec.json.encode(_Body(_Problem(message, row.type, error.param, _CODE)))
