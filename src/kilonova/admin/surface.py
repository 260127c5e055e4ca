"""The surface ``/kn/v1``: checks the token, decodes, asks the control plane, encodes."""

import re
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from kilonova.admin.access import Access
from kilonova.admin.openapi import openapi
from kilonova.admin.operations import OPENAPI_PATH, OPERATIONS, Operation
from kilonova.admin.plane import ControlPlane
from kilonova.core.errors import InvalidRequest, KilonovaError, NotFound
from kilonova.web.endpoint import Endpoint, Table
from kilonova.web.fallback import plain_error
from kilonova.web.message import Header, Request, Response

__all__ = ["AdminSurface"]

_BODY_BYTES_MAX = 64 * 1024
_QUERY_BYTES_MAX = 4 * 1024
_PREFIX = b"/kn/v1/"
_CHALLENGE: Header = (b"www-authenticate", b'Bearer realm="kilonova admin"')

_Handler = Callable[[Request], Awaitable[Response]]


class AdminSurface:
    """A surface for ``Edge``. Whatever is under ``/kn/v1/`` asks for the token first."""

    def __init__(self, plane: ControlPlane, access: Access, *, version: str) -> None:
        self._access = access
        self._document = msgspec.json.encode(openapi(version))
        routes: dict[tuple[str, str], Endpoint] = {
            (operation.method, _pattern(operation.path)): _endpoint(self._serve(operation, plane))
            for operation in OPERATIONS
        }
        routes["GET", OPENAPI_PATH] = _endpoint(self._openapi)
        self._table = Table(routes)
        self._nothing = _endpoint(self._refuse)

    def find(self, request: Request) -> Endpoint | None:
        if not request.raw_path.startswith(_PREFIX):
            return None
        return self._table.find(request) or self._nothing

    def _serve(self, operation: Operation[Struct], plane: ControlPlane) -> _Handler:
        ask: Callable[..., Awaitable[Struct]] = getattr(plane, operation.name)

        async def serve(request: Request) -> Response:
            request.trace.dialect = "admin"
            self._access.check(request)
            answer = await ask(*request.captures, *_decode(operation, request))
            return Response(operation.status, msgspec.json.encode(answer))

        return serve

    async def _openapi(self, request: Request) -> Response:
        request.trace.dialect = "admin"
        self._access.check(request)
        return Response(200, self._document)

    async def _refuse(self, request: Request) -> Response:
        """What does not exist is told to the operator alone."""
        self._access.check(request)
        raise _not_found(request)


def _endpoint(handle: _Handler) -> Endpoint:
    return Endpoint(handle=handle, fail=_fail, body_bytes_max=_BODY_BYTES_MAX)


def _fail(error: KilonovaError, request: Request) -> Response:
    """The plain form; RFC 9110 wants a challenge beside every 401."""
    answer = plain_error(error, request)
    if answer.status != 401:
        return answer
    return replace(answer, headers=(*answer.headers, _CHALLENGE))


def _pattern(path: str) -> str:
    return re.sub(r"\{\w+\}", "{}", path)


def _decode(operation: Operation[Struct], request: Request) -> tuple[Struct, ...]:
    """The query or the body, as the one argument after the ids of the path."""
    try:
        if operation.body is not None:
            return (msgspec.json.decode(request.body, type=operation.body),)
        if operation.query is not None:
            return (msgspec.convert(_query(request), operation.query, strict=False),)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"{error}. See {OPENAPI_PATH}.") from None
    return ()


def _query(request: Request) -> dict[str, str]:
    """Each parameter once: of two values for one filter, either choice would surprise."""
    if len(request.query) > _QUERY_BYTES_MAX:
        raise InvalidRequest(f"The query string is longer than {_QUERY_BYTES_MAX} bytes.")
    if not request.query:
        return {}
    try:
        text = request.query.decode("ascii")
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=True)
    except ValueError as error:
        raise InvalidRequest(f"The query string cannot be read: {error}.") from None
    query = dict(pairs)
    if len(query) != len(pairs):
        raise InvalidRequest("A query parameter is given more than once.")
    return query


def _not_found(request: Request) -> NotFound:
    path = request.raw_path.decode("latin-1")[:200]
    return NotFound(
        f"The admin API has no {request.method} {path}. GET {OPENAPI_PATH} lists what it has."
    )
