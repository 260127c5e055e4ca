"""The answer to a path that no surface serves."""

import msgspec

from kilonova.core.errors import KilonovaError, NotFound
from kilonova.web.endpoint import Endpoint
from kilonova.web.message import Request, Response

__all__ = ["FALLBACK", "STATUS", "plain_error"]

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
        f"Nothing is served at {request.method} {path}. OpenAI clients use the base URL "
        "http://HOST:PORT/v1 (chat completions, embeddings and models are served; responses, files "
        "and the rest are not yet); AWS, Anthropic and Gemini clients use http://HOST:PORT."
    )


FALLBACK = Endpoint(handle=_nothing_here, fail=plain_error, body_bytes_max=1 << 20)
