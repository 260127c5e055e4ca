"""How a surface (a dialect, the admin API, health) announces what it serves."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from msgspec import Struct

from kilonova.core.errors import KilonovaError
from kilonova.web.message import Request, Response, Stream

__all__ = ["Answer", "Endpoint", "Surface", "Table"]

Answer = Response | Stream


class Endpoint(Struct, frozen=True, kw_only=True):
    """``handle`` serves a request; ``fail`` writes any error in the surface's own form.

    ``is_control`` endpoints (health, metrics) are served while the server drains.
    """

    handle: Callable[[Request], Awaitable[Answer]]
    fail: Callable[[KilonovaError, Request], Response]
    body_bytes_max: int = 32 * 1024 * 1024
    is_control: bool = False


class Surface(Protocol):
    """Finds the endpoint of a raw path and sets ``request.captures``; None: not mine."""

    def find(self, request: Request) -> Endpoint | None: ...


class Table:
    """A surface of fixed paths, and of paths with ``{}`` for one raw segment.

    ``Table({("GET", "/v1/models/{}"): endpoint})``. Trailing slashes are significant.
    """

    def __init__(self, routes: dict[tuple[str, str], Endpoint]) -> None:
        self._fixed: dict[tuple[str, bytes], Endpoint] = {}
        self._patterns: dict[tuple[str, int], list[tuple[list[str], Endpoint]]] = {}
        for (method, path), endpoint in routes.items():
            if "{}" in path:
                parts = path.split("/")[1:]
                self._patterns.setdefault((method, len(parts)), []).append((parts, endpoint))
            else:
                self._fixed[method, path.encode()] = endpoint

    def find(self, request: Request) -> Endpoint | None:
        endpoint = self._fixed.get((request.method, request.raw_path))
        if endpoint is not None or not self._patterns:
            return endpoint
        segments = request.segments()
        for parts, candidate in self._patterns.get((request.method, len(segments)), ()):
            if all(part in ("{}", segment) for part, segment in zip(parts, segments, strict=True)):
                request.captures = tuple(
                    segment for part, segment in zip(parts, segments, strict=True) if part == "{}"
                )
                return candidate
        return None
