"""The platform's errors → Azure's: what its front refuses has a form of its own.

What is wrong with the body of a request has OpenAI's form on Azure, too. The SDKs are OpenAI's, and
retry 408, 409, 429 and everything from 500 on.
"""

import math

import msgspec
from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

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
from kilonova.dialects.azure.headers import identify
from kilonova.dialects.openai import errors as openai
from kilonova.web.message import Request, Response

__all__ = ["ROWS", "Row", "encode_error"]


class Row(Struct, frozen=True):
    """``code`` is a text, often that of the status."""

    status: int
    code: str


_AS_OPENAI = None

ROWS: dict[type[KilonovaError], Row | None] = {
    InvalidRequest: _AS_OPENAI,
    ContextTooLong: _AS_OPENAI,
    RequestTooLarge: _AS_OPENAI,
    Unauthenticated: Row(401, "401"),
    Forbidden: Row(403, "403"),
    NotFound: Row(404, "404"),
    Conflict: _AS_OPENAI,
    RateLimited: Row(429, "429"),
    BudgetExceeded: Row(429, "insufficient_quota"),
    ContentRefused: Row(400, "content_filter"),
    ModelNotReady: Row(503, "ServiceUnavailable"),
    Overloaded: Row(503, "ServiceUnavailable"),
    EngineTimeout: Row(408, "Timeout"),
    EngineFailed: Row(502, "BadGateway"),
    Internal: Row(500, "InternalServerError"),
}


class _InnerError(Struct, frozen=True):
    """``content_filter_result`` is empty: a guardrail does not say by how much it was exceeded."""

    code: str = "ResponsibleAIPolicyViolation"
    content_filter_result: dict[str, object] = {}


class _Problem(Struct, frozen=True):
    code: str
    message: str
    param: str | UnsetType = UNSET
    type: UnsetType | None = UNSET
    status: int | UnsetType = UNSET
    innererror: _InnerError | UnsetType = UNSET


class _Body(Struct, frozen=True):
    error: _Problem


def encode_error(error: KilonovaError, request: Request) -> Response:
    """An error before the first byte of an answer. Waits and last words are told as OpenAI does."""
    answer = openai.encode_error(error, request)
    headers = (*answer.headers, *identify(request))
    row = ROWS[type(error)]
    if row is None or _is_of_openai(error):
        return replace(answer, headers=headers)
    body = msgspec.json.encode(_Body(_problem(error, row)))
    return Response(row.status, body, headers)


def _is_of_openai(error: KilonovaError) -> bool:
    """Things that callers keep have names of OpenAI's when they are not there."""
    return isinstance(error, NotFound) and error.reason not in (None, "model_not_found")


def _problem(error: KilonovaError, row: Row) -> _Problem:
    match error:
        case NotFound(reason="model_not_found"):
            return _Problem(
                "DeploymentNotFound",
                f"The API deployment for this resource does not exist. {error.message}",
            )
        case RateLimited(retry_after_s=float() | int() as wait_s):
            # Some clients read the wait out of this sentence.
            wait = f"Please retry after {max(1, math.ceil(wait_s))} seconds."
            return _Problem(row.code, f"{error.message} {wait}")
        case ContentRefused():
            return _Problem(
                row.code,
                error.message,
                param="prompt",
                type=None,
                status=row.status,
                innererror=_InnerError(),
            )
        case _:
            return _Problem(row.code, error.message)
