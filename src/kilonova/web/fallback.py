"""The answer to a path, or to a method on it, that no surface serves."""

from collections.abc import Sequence

import msgspec

from kilonova.core.errors import KilonovaError, NotFound
from kilonova.telemetry.trace import Trace
from kilonova.web.endpoint import Endpoint, Surface
from kilonova.web.message import Request, Response

__all__ = ["STATUS", "fallback", "plain_error"]

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

STATUS: dict[str, int] = {
    "invalid_request": 400,
    "context_too_long": 400,
    "request_too_large": 413,
    "unauthenticated": 401,
    "forbidden": 403,
    "not_found": 404,
    "conflict": 409,
    "rate_limited": 429,
    "budget_exceeded": 402,
    "content_refused": 400,
    "model_not_ready": 503,
    "overloaded": 503,
    "engine_timeout": 504,
    "engine_failed": 502,
    "internal": 500,
}


def plain_error(error: KilonovaError, request: Request) -> Response:
    """Kilonova's own form of an error, used by its admin API and outside every vendor's wire."""
    body = {
        "code": error.code,
        "message": error.message,
        "param": error.param,
        "reason": error.reason,
        "request_id": request.trace.request_id,
    }
    headers: list[tuple[bytes, bytes]] = [(b"content-type", b"application/json")]
    if error.retry_after_s is not None:
        headers.append((b"retry-after", str(max(1, round(error.retry_after_s))).encode()))
    return Response(STATUS[error.code], msgspec.json.encode({"error": body}), tuple(headers))


async def _nothing_here(request: Request) -> Response:
    path = request.raw_path.decode("latin-1")
    raise NotFound(
        f"Nothing is served at {request.method} {path}. Check the client's base URL: OpenAI's use "
        "http://HOST:PORT/v1; AWS's, Anthropic's and Gemini's use http://HOST:PORT; "
        "docs/reference/wires.md lists every address of every wire."
    )


_NOTHING = Endpoint(handle=_nothing_here, fail=plain_error, body_bytes_max=1 << 20)


def fallback(request: Request, surfaces: Sequence[Surface]) -> Endpoint:
    """The endpoint for what no surface found: 405 where another method is served, else 404."""
    allowed = [method for method in _METHODS if _is_served(request, surfaces, method)]
    return _wrong_method(", ".join(allowed)) if allowed else _NOTHING


def _is_served(request: Request, surfaces: Sequence[Surface], method: str) -> bool:
    if method == request.method:
        return False
    probe = Request(
        method=method,
        raw_path=request.raw_path,
        query=request.query,
        headers=request.header_list,
        trace=Trace(method, request.trace.path),
    )
    return any(surface.find(probe) is not None for surface in surfaces)


def _wrong_method(allowed: str) -> Endpoint:
    async def refuse(request: Request) -> Response:
        path = request.raw_path.decode("latin-1")
        raise NotFound(
            f"{path} does not serve {request.method}, but {allowed}.", reason="wrong_method"
        )

    def fail(error: KilonovaError, request: Request) -> Response:
        answer = plain_error(error, request)
        if error.reason != "wrong_method":
            return answer
        return Response(405, answer.body, (*answer.headers, (b"allow", allowed.encode())))

    return Endpoint(handle=refuse, fail=fail, body_bytes_max=1 << 20)
