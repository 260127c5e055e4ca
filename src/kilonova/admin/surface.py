"""The surface ``/kn/v1``: checks who asks, decodes, asks the control plane or the desk, encodes."""

import re
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from kilonova.admin.access import Access
from kilonova.admin.complaints import explain
from kilonova.admin.desk import Desk
from kilonova.admin.desk_operations import DESK_OPERATIONS
from kilonova.admin.openapi import openapi
from kilonova.admin.operations import OPENAPI_PATH, OPERATIONS, Operation
from kilonova.admin.plane import ControlPlane
from kilonova.admin.rights import check, conceal, confine
from kilonova.core.audit import OPERATOR, Actor, act_as
from kilonova.core.errors import Forbidden, InvalidRequest, KilonovaError, NotFound
from kilonova.core.members import SignedIn
from kilonova.web.endpoint import Endpoint, Table
from kilonova.web.fallback import plain_error
from kilonova.web.message import Header, Request, Response

__all__ = ["AdminSurface"]

_BODY_BYTES_MAX = 64 * 1024
_QUERY_BYTES_MAX = 4 * 1024
_PREFIX = b"/kn/v1/"
_HEADERS: tuple[Header, ...] = (
    (b"content-type", b"application/json"), (b"cache-control", b"no-store"),
)  # fmt: skip
_CHALLENGE: Header = (b"www-authenticate", b'Bearer realm="kilonova admin"')

_Handler = Callable[[Request], Awaitable[Response]]


class AdminSurface:
    """A surface for ``Edge``. Whatever is under ``/kn/v1/`` asks first who asks, but for the
    doors of the desk. Without a desk nobody but the operator gets in."""

    def __init__(
        self, plane: ControlPlane, access: Access, *, version: str, desk: Desk | None = None
    ) -> None:
        self._access = access
        self._own = None if desk is None else desk.own
        self._document = msgspec.json.encode(openapi(version))
        routes: dict[tuple[str, str], Endpoint] = {
            (operation.method, _pattern(operation.path)): _endpoint(
                self._serve(operation, plane), operation
            )
            for operation in OPERATIONS
        }
        for operation in DESK_OPERATIONS if desk is not None else ():
            assert desk is not None, "the table is empty without a desk"
            serve = self._serve_desk(operation, desk)
            routes[operation.method, _pattern(operation.path)] = _endpoint(serve, operation)
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
            asker = self._access.check(request)
            arguments = self._arguments(operation, request, asker)
            with act_as(_actor(asker)):
                answer = await ask(*request.captures, *arguments)
            if asker is not None:
                answer = conceal(answer, tells_cost=request.trace.tells_cost)
            return Response(operation.status, msgspec.json.encode(answer), _HEADERS)

        return serve

    def _serve_desk(self, operation: Operation[Struct], desk: Desk) -> _Handler:
        door = desk.doors.get(operation.name)

        async def serve(request: Request) -> Response:
            request.trace.dialect = "admin"
            if door is not None:
                return await door(request, *_decode(operation, request))
            asker = self._access.check(request)
            # Without a role, it is about the asker alone.
            confined = asker if operation.role is not None else None
            arguments = self._arguments(operation, request, confined)
            with act_as(_actor(asker)):
                way_out = desk.ways_out.get(operation.name)
                if way_out is not None:
                    return await way_out(request, asker, *arguments)
                return await desk.rooms[operation.name](asker, *request.captures, *arguments)

        return serve

    def _arguments(
        self, operation: Operation[Struct], request: Request, asker: SignedIn | None
    ) -> tuple[Struct, ...]:
        if asker is None:
            return _decode(operation, request)
        if self._own is None:
            raise Forbidden("This is the operator's.")
        check(asker.member, operation, request.captures, own=self._own)
        return tuple(
            confine(asker.member, argument, own=self._own)
            for argument in _decode(operation, request)
        )

    async def _openapi(self, request: Request) -> Response:
        request.trace.dialect = "admin"
        self._access.check(request)
        return Response(200, self._document)

    async def _refuse(self, request: Request) -> Response:
        """What does not exist is told to the operator, and to members, alone."""
        self._access.check(request)
        raise _not_found(request)


def _actor(asker: SignedIn | None) -> Actor:
    return OPERATOR if asker is None else Actor(asker.member.id, asker.member.email)


def _endpoint(handle: _Handler, operation: Operation[Struct] | None = None) -> Endpoint:
    body_bytes_max = _BODY_BYTES_MAX if operation is None else operation.body_bytes_max
    return Endpoint(handle=handle, fail=_fail, body_bytes_max=body_bytes_max)


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
        kind = operation.body or operation.query or Struct
        raise InvalidRequest(f"{explain(error, kind)}. See {OPENAPI_PATH}.") from None
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
