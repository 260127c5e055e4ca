"""The surface ``/console``: one page for every address in it, and its files.

The policy allows scripts, styles and connections of this server alone: nothing inline, nothing from
elsewhere, no text that becomes markup, no frame around it.
"""

from functools import cached_property
from pathlib import Path

from kilonova.console.files import WebFile, WebFiles
from kilonova.core.errors import NotFound
from kilonova.web.endpoint import Endpoint
from kilonova.web.fallback import plain_error
from kilonova.web.message import Header, Request, Response

__all__ = ["POLICY", "ConsoleSurface"]

_ROOT = b"/console"
_STATIC = b"/console/static/"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
_GUARDS: tuple[Header, ...] = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=()"),
    (b"vary", b"accept-encoding"),
)
_FOR_EVER: Header = (b"cache-control", b"public, max-age=31536000, immutable")
_ASK_AGAIN: Header = (b"cache-control", b"no-cache")


class ConsoleSurface:
    """A surface for ``Edge``. ``folder`` holds ``index.html`` and what it refers to."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or Path(__file__).parent / "web"
        self._page = Endpoint(handle=self._serve_page, fail=plain_error, body_bytes_max=0)
        self._file = Endpoint(handle=self._serve_file, fail=plain_error, body_bytes_max=0)
        self._home = Endpoint(handle=self._redirect, fail=plain_error, body_bytes_max=0)

    def find(self, request: Request) -> Endpoint | None:
        path = request.raw_path
        if request.method not in ("GET", "HEAD"):
            return None
        if path.startswith(_STATIC):
            return self._file
        if path == _ROOT or path.startswith(_ROOT + b"/"):
            return self._page
        # A person who opens the bare address wants the console; a program gets its 404.
        is_person = b"text/html" in request.headers.get(b"accept", b"")
        return self._home if path == b"/" and is_person else None

    @cached_property
    def files(self) -> WebFiles:
        """Read at the first use: a server that nobody looks at does without them."""
        return WebFiles(self._folder)

    async def _redirect(self, request: Request) -> Response:
        request.trace.dialect = "console"
        return Response(302, b"", ((b"location", _ROOT), *_GUARDS))

    async def _serve_page(self, request: Request) -> Response:
        return _send(request, self.files.page, _ASK_AGAIN)

    async def _serve_file(self, request: Request) -> Response:
        digest, _, name = request.raw_path[len(_STATIC) :].decode("latin-1").partition("/")
        found = self.files.find(name)
        if found is None or digest != self.files.digest:
            request.trace.dialect = "console"
            raise NotFound("The console has no such file. Reload the page: it may be a newer one.")
        return _send(request, found, _FOR_EVER)


def _send(request: Request, file: WebFile, kept: Header) -> Response:
    request.trace.dialect = "console"
    headers: tuple[Header, ...] = (kept, (b"etag", file.etag), *_GUARDS)
    if request.headers.get(b"if-none-match") == file.etag:
        return Response(304, b"", headers)
    headers = ((b"content-type", file.kind), *headers)
    if file.gzipped and b"gzip" in request.headers.get(b"accept-encoding", b""):
        headers = (*headers, (b"content-encoding", b"gzip"))
        return Response(200, _body(request, file.gzipped), headers)
    return Response(200, _body(request, file.content), headers)


def _body(request: Request, content: bytes) -> bytes:
    return b"" if request.method == "HEAD" else content
