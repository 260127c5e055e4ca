"""What crosses the edge: a ``Request`` that was read whole, a ``Response`` or a ``Stream``."""

from collections.abc import AsyncGenerator, Callable
from typing import Protocol
from urllib.parse import unquote

from msgspec import Struct

from kilonova.core.errors import KilonovaError
from kilonova.telemetry.trace import Trace

__all__ = ["Header", "Request", "Response", "Stream"]

Header = tuple[bytes, bytes]


class Request:
    """One HTTP request with its body.

    ``raw_path`` is the path exactly as sent, percent-encoding and trailing slash included: model
    ids and ARNs carry encoded slashes, and request signatures cover the raw bytes. ``captures``
    are the decoded path segments that the route matched. Header names are lower case.
    """

    __slots__ = (
        "body", "captures", "claimed_bytes", "header_list", "headers", "method", "query",
        "raw_path", "trace",
    )  # fmt: skip

    def __init__(
        self, *, method: str, raw_path: bytes, query: bytes, headers: list[Header], trace: Trace
    ) -> None:
        self.method = method
        self.raw_path = raw_path
        self.query = query
        self.header_list = headers
        self.headers = dict(headers)
        self.body = b""
        self.claimed_bytes = 0
        self.captures: tuple[str, ...] = ()
        self.trace = trace

    def header(self, name: bytes) -> str | None:
        """The value of a header as text (Latin-1), or None."""
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")

    def segments(self) -> list[str]:
        """The path split at its raw slashes, each segment decoded afterwards."""
        return [unquote(part) for part in self.raw_path.decode("latin-1").split("/")[1:]]


class Response(Struct, frozen=True):
    """A whole answer."""

    status: int
    body: bytes
    headers: tuple[Header, ...] = ((b"content-type", b"application/json"),)


class Closeable(Protocol):
    async def aclose(self) -> None: ...


class Stream(Struct, frozen=True):
    """An answer in pieces. When ``chunks`` raises, ``fail`` writes the surface's own last chunk.

    ``chunks`` is an asynchronous generator; the edge closes it when the client leaves, or
    ``source``, from which it reads, where the client left before it began.
    """

    status: int
    chunks: AsyncGenerator[bytes, None]
    headers: tuple[Header, ...]
    fail: Callable[[KilonovaError], bytes]
    source: Closeable | None = None
