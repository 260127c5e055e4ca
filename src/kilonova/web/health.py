"""Health and metrics: ``/livez``, ``/readyz``, ``/health``, ``/metrics``. They never wait."""

from collections.abc import Awaitable, Callable

import msgspec
from msgspec import Struct

from kilonova.core.ports import Health
from kilonova.telemetry.metrics import Metrics
from kilonova.web.endpoint import Endpoint, Table
from kilonova.web.fallback import plain_error
from kilonova.web.message import Request, Response

__all__ = ["Readiness", "health_surface"]

_TEXT = ((b"content-type", b"text/plain; version=0.0.4; charset=utf-8"),)


class Readiness(Struct, frozen=True):
    """Whether requests can be served, and how each part of the server is."""

    is_ready: bool
    parts: dict[str, Health]


def health_surface(
    *,
    readiness: Callable[[], Awaitable[Readiness]],
    metrics: Metrics,
    is_operator: Callable[[Request], bool],
) -> Table:
    """The endpoints of a load balancer and of a metrics scraper. Where callers are not told what
    answers take, only a scraper with the operator's token is."""

    async def livez(_request: Request) -> Response:
        return Response(200, b'{"status":"alive"}')

    async def readyz(_request: Request) -> Response:
        found = await readiness()
        return Response(200 if found.is_ready else 503, msgspec.json.encode(found))

    async def exposition(request: Request) -> Response:
        tells_cost = request.trace.tells_cost or is_operator(request)
        return Response(200, metrics.text(tells_cost=tells_cost), _TEXT)

    return Table(
        {
            ("GET", "/livez"): _control(livez),
            ("GET", "/readyz"): _control(readyz),
            ("GET", "/health"): _control(readyz),
            ("GET", "/metrics"): _control(exposition),
        }
    )


def _control(handle: Callable[[Request], Awaitable[Response]]) -> Endpoint:
    return Endpoint(handle=handle, fail=plain_error, body_bytes_max=1024, is_control=True)
