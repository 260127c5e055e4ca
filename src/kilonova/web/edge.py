"""The ASGI application: route, guard, read, handle, answer, and one log line.

Nothing here knows what a request means. Everything has a limit: the size of a body, the time in
which it must arrive, the number of requests at once. A client that leaves cancels its handler,
which frees the engine and settles the permit on its way out.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from contextlib import aclosing, suppress
from typing import Any, NamedTuple

from msgspec import Struct

from kilonova.core.budgets import owner_kind
from kilonova.core.errors import (
    BudgetExceeded,
    EngineTimeout,
    Internal,
    InvalidRequest,
    KilonovaError,
    Overloaded,
    RequestTooLarge,
)
from kilonova.core.money import format_nano
from kilonova.telemetry.log import log_event, log_request
from kilonova.telemetry.metrics import Metrics
from kilonova.telemetry.trace import Trace
from kilonova.web.cost_headers import cost_headers
from kilonova.web.departure import Departure, Patrol, Receive
from kilonova.web.endpoint import Answer, Endpoint, Surface
from kilonova.web.fallback import fallback
from kilonova.web.message import Header, Request, Response, Stream

__all__ = ["Edge", "EdgeLimits"]

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_CLOSE: Header = (b"connection", b"close")
_LAST_WORD_S = 5.0
# Of a body that is refused over HTTP/2, so many times the allowed size is read and thrown away.
_DISCARD_BODIES = 4


class EdgeLimits(Struct, frozen=True, kw_only=True):
    """``body_s`` plus one second for every ``body_bytes_per_s`` is the time a body may take.
    ``is_secure``: browsers reach this server over HTTPS."""

    body_s: float = 10.0
    body_bytes_per_s: int = 65_536
    inflight_max: int = 2_048
    request_s_max: float = 600.0
    body_bytes_total_max: int = 256 * 1024 * 1024
    look_s: float = 0.05
    tells_cost: bool = True
    is_secure: bool = False


class Edge:
    """One instance serves one address. ``drain`` refuses new work and waits for what runs."""

    def __init__(
        self, surfaces: Sequence[Surface], *, metrics: Metrics, limits: EdgeLimits | None = None
    ) -> None:
        self._surfaces = tuple(surfaces)
        self._metrics = metrics
        self._limits = limits or EdgeLimits()
        self._inflight = 0
        self._claimed_bytes = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._running: set[asyncio.Task[None]] = set()
        self.is_draining = False
        self._patrol = Patrol(self._limits.look_s)
        metrics.inflight.set_function(lambda: self._inflight)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = _open(scope)
        request.trace.tells_cost = self._limits.tells_cost
        request.trace.is_secure = self._limits.is_secure
        endpoint = self._find(request)
        self._enter()
        task = asyncio.current_task()
        assert task is not None, "requests are served inside tasks"
        self._running.add(task)
        try:
            is_multiplexed = scope.get("http_version", "") == "2"
            await self._serve(request, endpoint, _Wire(receive, send, is_multiplexed))
        finally:
            self._running.discard(task)
            self._leave(request, is_probe=endpoint.is_control)

    def cut(self) -> None:
        """Cancels whatever still runs; each settles on its way out."""
        for task in self._running:
            task.cancel()

    async def drain(self, deadline_s: float) -> bool:
        """Waits until every running request ended; False when the deadline came first."""
        self.is_draining = True
        try:
            async with asyncio.timeout(deadline_s):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    def _find(self, request: Request) -> Endpoint:
        for surface in self._surfaces:
            endpoint = surface.find(request)
            if endpoint is not None:
                return endpoint
        return fallback(request, self._surfaces)

    def _enter(self) -> None:
        self._inflight += 1
        self._idle.clear()

    def _leave(self, request: Request, *, is_probe: bool) -> None:
        self._inflight -= 1
        self._claimed_bytes -= request.claimed_bytes
        if self._inflight == 0:
            self._idle.set()
        self._metrics.observe(request.trace)
        # A probe a second that found everything well would fill the log with nothing.
        if not is_probe or request.trace.status != 200:
            log_request(request.trace)

    async def _serve(self, request: Request, endpoint: Endpoint, wire: "_Wire") -> None:
        try:
            self._refuse(request, endpoint)
            await self._read(request, endpoint, wire.receive)
        except KilonovaError as error:
            bytes_max = endpoint.body_bytes_max * _DISCARD_BODIES
            refusal = _fail(request, endpoint, error)
            await self._turn_away(request, refusal, wire, bytes_max=bytes_max)
            return
        answer: Answer | None = None
        with Departure(wire.receive, request.trace, self._patrol) as departure:
            departure.allow(self._limits.request_s_max, has_body=True)
            answer = await _handle(request, endpoint)
            if isinstance(answer, Response):
                await _send_whole(request, answer, wire.send)
            else:
                await _send_stream(request, answer, wire.send)
        if departure.is_late and not isinstance(answer, Response):
            # A client that does not read does not read this either.
            with suppress(TimeoutError):
                async with asyncio.timeout(_LAST_WORD_S):
                    await self._end_late(request, answer or endpoint, wire.send)

    async def _turn_away(
        self, request: Request, answer: Response, wire: "_Wire", *, bytes_max: int
    ) -> None:
        """The body, or the rest of it, was not read."""
        if not wire.is_multiplexed:
            # What is still to come would be taken for the next request.
            await _send_whole(request, answer, wire.send, _CLOSE)
            return
        # A stream that is answered before its body has ended is reset. Clients that are still
        # sending then lose the answer, and one of them waits for it for ever.
        declared = request.headers.get(b"content-length", b"0")
        likely = min(int(declared), bytes_max) if declared.isdigit() else 0
        with suppress(TimeoutError):
            async with asyncio.timeout(self._body_s(likely)):
                await _discard(wire.receive, bytes_max)
        await _send_whole(request, answer, wire.send)

    async def _end_late(self, request: Request, source: Stream | Endpoint, send: Send) -> None:
        """Tells the caller, in the way that is still possible, that time is up."""
        error = EngineTimeout(
            f"The request took longer than the {self._limits.request_s_max:.0f} seconds allowed."
        )
        if isinstance(source, Stream) and request.trace.status == 0:
            return  # its head did not leave in time
        if isinstance(source, Stream):
            _note(request, error)
            last = source.fail(error)
            await send({"type": "http.response.body", "body": last, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        else:
            await _send_whole(request, _fail(request, source, error), send)

    def _refuse(self, request: Request, endpoint: Endpoint) -> None:
        """Cheap refusals, before a byte of the body is read."""
        if endpoint.is_control:
            return
        if self.is_draining:
            raise Overloaded("The server is shutting down. Retry shortly.", retry_after_s=1)
        if self._inflight > self._limits.inflight_max:
            raise Overloaded("Too many requests are running. Retry shortly.", retry_after_s=1)
        length = request.headers.get(b"content-length", b"0")
        if not length.isdigit():
            raise InvalidRequest("The Content-Length header is not a number.")
        if int(length) > endpoint.body_bytes_max:
            raise _too_large(endpoint)

    def _body_s(self, length: int) -> float:
        return self._limits.body_s + length / self._limits.body_bytes_per_s

    async def _read(self, request: Request, endpoint: Endpoint, receive: Receive) -> None:
        declared = request.headers.get(b"content-length")
        if declared == b"0" or (declared is None and request.method in ("GET", "HEAD")):
            return
        length = int(declared) if declared else None
        # Callers are not known before their body is read: together they may not fill the memory.
        claimed = endpoint.body_bytes_max if length is None else length
        if self._claimed_bytes + claimed > self._limits.body_bytes_total_max:
            raise Overloaded("Too much is being sent at once. Retry shortly.", retry_after_s=1)
        self._claimed_bytes += claimed
        request.claimed_bytes = claimed
        wait_s = self._body_s(length or 0)
        with Departure(receive, request.trace, self._patrol) as departure:
            departure.allow(wait_s, has_body=False)
            request.body = await _read_body(receive, length, endpoint)
        if departure.is_late:
            raise InvalidRequest(f"The request body did not arrive within {wait_s:.0f} seconds.")


class _Wire(NamedTuple):
    """The two ends that the server gives to a request."""

    receive: Receive
    send: Send
    is_multiplexed: bool


def _open(scope: Scope) -> Request:
    raw_path: bytes = scope.get("raw_path") or scope["path"].encode()
    trace = Trace(scope["method"], raw_path.decode("latin-1")[:512])
    request = Request(
        method=scope["method"],
        raw_path=raw_path,
        query=scope.get("query_string", b""),
        headers=scope["headers"],
        trace=trace,
    )
    trace.parent = (request.header(b"traceparent") or "")[:64]
    return request


def _too_large(endpoint: Endpoint) -> RequestTooLarge:
    return RequestTooLarge(
        f"The request body is larger than the {endpoint.body_bytes_max} bytes allowed here."
    )


async def _read_body(receive: Receive, length: int | None, endpoint: Endpoint) -> bytes:
    """Reads up to the declared length: some servers announce more to come after the last byte."""
    pieces: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise InvalidRequest("The client left before the request body was complete.")
        piece: bytes = message.get("body", b"")
        pieces.append(piece)
        size += len(piece)
        if size > endpoint.body_bytes_max:
            raise _too_large(endpoint)
        if size == length or not message.get("more_body", False):
            return b"".join(pieces)


async def _discard(receive: Receive, bytes_max: int) -> None:
    """Reads to the end of the body. The length that was declared is not enough: the end of the
    stream comes after it."""
    left = bytes_max
    while left > 0:
        message = await receive()
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            return
        left -= len(message.get("body", b""))


async def _handle(request: Request, endpoint: Endpoint) -> Answer:
    try:
        return await endpoint.handle(request)
    except KilonovaError as error:
        return _fail(request, endpoint, error)
    except Exception:  # noqa: BLE001 (the edge: whatever is unexpected becomes Internal)
        _log_unexpected(request)
        return _fail(request, endpoint, _internal(request))


def _log_unexpected(request: Request) -> None:
    log_event(logging.ERROR, "unexpected", is_failure=True, request_id=request.trace.request_id)


def _internal(request: Request) -> Internal:
    return Internal(
        f"Something unexpected happened. Quote the request id {request.trace.request_id}."
    )


def _note(request: Request, error: KilonovaError) -> None:
    request.trace.error = error.code
    request.trace.error_detail = error.reason or ""
    if isinstance(error, BudgetExceeded):
        request.trace.refused_budget = error.budget


def _fail(request: Request, endpoint: Endpoint, error: KilonovaError) -> Response:
    _note(request, error)
    return endpoint.fail(error, request)


def _stamps(request: Request) -> list[Header]:
    """What every answer of every wire says: which request it was, what cut its output, and which
    budget refused it until when."""
    trace = request.trace
    stamps = [(b"x-kilonova-request-id", trace.request_id.encode())]
    if trace.limited_by:
        stamps.append((b"x-kilonova-limited", trace.limited_by.encode()))
    if (refusal := trace.refused_budget) is not None:
        facts = f'id={refusal.level_id};left="{format_nano(refusal.left_nano)}"'
        name = f"{refusal.window};owner={owner_kind(refusal.level_id)};{facts}"
        stamps.append((b"x-kilonova-budget", name.encode()))
        if refusal.reset is not None:
            stamps.append((b"x-kilonova-budget-reset", refusal.reset.encode()))
    return stamps


async def _send_whole(request: Request, answer: Response, send: Send, *extra: Header) -> None:
    request.trace.status = answer.status
    length = (b"content-length", str(len(answer.body)).encode())
    headers = [*answer.headers, *extra, *_stamps(request), *cost_headers(request.trace), length]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


async def _send_stream(request: Request, answer: Stream, send: Send) -> None:
    headers = [*answer.headers, *_stamps(request)]
    try:
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    except BaseException:
        # A generator that was never begun does not close what it holds.
        if answer.source is not None:
            await answer.source.aclose()
        raise
    request.trace.status = answer.status
    async with aclosing(answer.chunks) as chunks:
        try:
            async for chunk in chunks:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        except KilonovaError as error:
            _note(request, error)
            last = answer.fail(error)
            await send({"type": "http.response.body", "body": last, "more_body": True})
        except Exception:  # noqa: BLE001 (the edge, in mid-stream)
            _log_unexpected(request)
            request.trace.error = Internal.code
            last = answer.fail(_internal(request))
            await send({"type": "http.response.body", "body": last, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
