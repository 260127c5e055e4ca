"""The platform's errors on this wire: one table."""

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
from kilonova.dialects.wire.eventstream import encode_exception
from kilonova.web.message import Header, Request, Response

__all__ = ["TABLE", "Row", "error_response", "stream_error"]


class Row(Struct, frozen=True):
    """HTTP status and name, and the member of a stream that carries it when a stream has begun."""

    status: int
    name: str
    member: str


TABLE: dict[type[KilonovaError], Row] = {
    InvalidRequest: Row(400, "ValidationException", "validationException"),
    ContextTooLong: Row(400, "ValidationException", "validationException"),
    RequestTooLarge: Row(400, "ValidationException", "validationException"),
    Unauthenticated: Row(403, "UnrecognizedClientException", "validationException"),
    Forbidden: Row(403, "AccessDeniedException", "validationException"),
    NotFound: Row(404, "ResourceNotFoundException", "validationException"),
    Conflict: Row(400, "ConflictException", "validationException"),
    RateLimited: Row(429, "ThrottlingException", "throttlingException"),
    BudgetExceeded: Row(400, "ServiceQuotaExceededException", "validationException"),
    ContentRefused: Row(400, "ValidationException", "validationException"),
    ModelNotReady: Row(429, "ModelNotReadyException", "serviceUnavailableException"),
    Overloaded: Row(503, "ServiceUnavailableException", "serviceUnavailableException"),
    EngineTimeout: Row(408, "ModelTimeoutException", "modelStreamErrorException"),
    EngineFailed: Row(424, "ModelErrorException", "modelStreamErrorException"),
    Internal: Row(500, "InternalServerException", "internalServerException"),
}

# A reason that has a name of its own.
_BY_REASON = {
    "missing": "MissingAuthenticationTokenException",
    "malformed": "IncompleteSignatureException",
    "signature": "InvalidSignatureException",
    "skew": "InvalidSignatureException",
    "expired": "ExpiredTokenException",
    "unknown_operation": "UnknownOperationException",
}


def error_response(error: KilonovaError, request: Request) -> Response:
    """The reply to a request that failed before its stream began."""
    row = TABLE[type(error)]
    name = _BY_REASON.get(error.reason or "", row.name)
    request_id = request.trace.request_id.encode()
    headers: list[Header] = [
        (b"content-type", b"application/json"),
        (b"x-amzn-errortype", name.encode()),
        (b"x-amzn-requestid", request_id),
    ]
    if error.retry_after_s is not None:
        # SDKs wait for this many milliseconds.
        wait_ms = max(1, round(error.retry_after_s * 1000))
        headers.append((b"x-amz-retry-after", str(wait_ms).encode()))
    return Response(row.status, msgspec.json.encode(_body(error, name)), tuple(headers))


def stream_error(error: KilonovaError, *, is_native: bool = False) -> bytes:
    """The frame that ends a stream which broke. Only the native stream knows a timeout by name."""
    member = TABLE[type(error)].member
    if is_native and isinstance(error, EngineTimeout):
        member = "modelTimeoutException"
    return encode_exception(member, _stream_body(error, member))


def _body(error: KilonovaError, name: str) -> dict[str, object]:
    body: dict[str, object] = {"message": error.message, "__type": name}
    if isinstance(error, EngineFailed):
        body["originalStatusCode"] = 500
    return body


def _stream_body(error: KilonovaError, member: str) -> dict[str, object]:
    body: dict[str, object] = {"message": error.message}
    if member == "modelStreamErrorException":
        body["originalStatusCode"] = TABLE[type(error)].status
        body["originalMessage"] = error.message
    return body
