"""The edge: routing on raw paths, limits, departures, failures in every place."""

import asyncio
import io
import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from msgspec.structs import replace

from asgi_client import Client
from kilonova.core.errors import EngineFailed, NotFound, Overloaded
from kilonova.telemetry.metrics import Metrics
from kilonova.telemetry.trace import Trace
from kilonova.web.edge import Edge, EdgeLimits
from kilonova.web.endpoint import Endpoint, Table
from kilonova.web.fallback import plain_error
from kilonova.web.message import Request, Response, Stream


def edge(limits: EdgeLimits | None = None, **handlers: Any) -> Edge:
    routes = {
        ("POST", f"/{name}"): Endpoint(handle=handle, fail=plain_error, body_bytes_max=1000)
        for name, handle in handlers.items()
    }
    return Edge(
        [Table(routes)],
        metrics=Metrics("test"),
        limits=replace(limits or EdgeLimits(), look_s=0.001),
    )


async def echo_body(request: Request) -> Response:
    return Response(200, request.body)


async def test_a_body_is_read_whole_and_answered() -> None:
    """Protects the simplest path, and the header that support asks for."""
    client = Client(edge(echo=echo_body), "/echo", body=b"hello")
    await client.run()
    assert (client.status, client.content) == (200, b"hello")
    assert any(name == b"x-kilonova-request-id" for name, _ in client.sent[0]["headers"])


async def test_a_large_body_is_refused_before_it_is_read() -> None:
    """Protects memory."""
    client = Client(edge(echo=echo_body), "/echo", body=b"x" * 2000)
    await client.run()
    assert client.status == 413
    assert (b"connection", b"close") in client.sent[0]["headers"]


async def test_over_http2_the_answer_waits_for_the_end_of_the_body() -> None:
    """Protects clients that are still sending: a stream that is reset under them loses its answer.
    The connection and its other streams stay."""
    client = Client(edge(echo=echo_body), "/echo", body=b"x" * 2000)
    client.scope["http_version"] = "2"
    client.body = b""
    for is_last in (False, False, True):
        message = {"type": "http.request", "body": b"x" * 1000, "more_body": not is_last}
        client.inbox.put_nowait(message)
    await client.run()
    assert client.status == 413
    assert client.inbox.empty()
    assert (b"connection", b"close") not in client.sent[0]["headers"]


@pytest.mark.parametrize(("pieces", "left"), [(1, 0), (9, 5)])
async def test_the_patience_with_a_refused_body_ends(pieces: int, left: int) -> None:
    """Protects the server from senders without end: four times the allowed size, and a deadline."""
    client = Client(
        edge(EdgeLimits(body_s=0.01, body_bytes_per_s=10**9), echo=echo_body),
        "/echo",
        body=b"x" * 9000,
    )
    client.scope["http_version"] = "2"
    client.body = b""
    for _ in range(pieces):
        client.inbox.put_nowait({"type": "http.request", "body": b"x" * 1000, "more_body": True})
    await client.run()
    assert client.status == 413
    assert client.inbox.qsize() == left


async def test_a_stalled_body_ends() -> None:
    """Protects against slow senders: the body has a deadline."""
    client = Client(edge(EdgeLimits(body_s=0.01), echo=echo_body), "/echo", body=b"")
    client.scope["headers"] = [(b"content-length", b"5")]
    await client.run()
    assert client.status == 400
    assert b"did not arrive" in client.content


async def test_an_unknown_path_says_what_is_served() -> None:
    """Protects newcomers who mistyped a base URL."""
    client = Client(edge(), "/v2/chat")
    await client.run()
    assert client.status == 404
    assert b"/v1" in client.content


async def test_a_wrong_method_is_told_the_right_one() -> None:
    """Protects newcomers: the path is right, and the answer says how to use it."""
    client = Client(edge(echo=echo_body), "/echo")
    client.scope["method"] = "GET"
    await client.run()
    assert client.status == 405
    assert (b"allow", b"POST") in client.sent[0]["headers"]
    assert b"/echo does not serve GET, but POST." in client.content


async def test_a_trailing_slash_is_another_path() -> None:
    """Protects services whose operations differ by it."""
    client = Client(edge(echo=echo_body), "/echo/")
    await client.run()
    assert client.status == 404


async def test_encoded_slashes_stay_inside_a_segment() -> None:
    """Protects ARNs and model ids in paths."""

    async def name(request: Request) -> Response:
        return Response(200, request.captures[0].encode())

    endpoint = Endpoint(handle=name, fail=plain_error)
    app = Edge([Table({("GET", "/models/{}"): endpoint})], metrics=Metrics("test"))
    client = Client(app, "/models/a%2Fb%3A0", method="GET")
    await client.run()
    assert client.content == b"a/b:0"


async def test_an_unexpected_failure_shows_nothing_internal() -> None:
    """Protects secrets in exception texts."""

    async def broken(_request: Request) -> Response:
        raise RuntimeError("the password is swordfish")

    client = Client(edge(broken=broken), "/broken")
    await client.run()
    assert client.status == 500
    assert b"swordfish" not in client.content
    assert b"req_" in client.content


async def _pieces(*, fail: Exception | None, closed: list[bool]) -> AsyncGenerator[bytes, None]:
    try:
        for piece in (b"a", b"b", b"c"):
            yield piece
            if fail is not None:
                raise fail
            await asyncio.sleep(0.01)
    finally:
        closed.append(True)


def streaming(fail: Exception | None, closed: list[bool]) -> Any:
    async def handle(_request: Request) -> Stream:
        chunks = _pieces(fail=fail, closed=closed)
        return Stream(200, chunks, (), fail=lambda error: f"!{error.code}".encode())

    return handle


async def test_a_stream_is_sent_piece_by_piece() -> None:
    """Protects streaming: no piece waits for the next."""
    closed: list[bool] = []
    client = Client(edge(s=streaming(None, closed)), "/s")
    await client.run()
    assert [m.get("body") for m in client.sent[1:]] == [b"a", b"b", b"c", b""]
    assert closed == [True]


@pytest.mark.parametrize(
    ("fault", "last"), [(EngineFailed("x"), b"!engine_failed"), (ValueError("x"), b"!internal")]
)
async def test_a_broken_stream_ends_in_the_surfaces_own_words(fault: Any, last: bytes) -> None:
    """Protects SDKs: a failure after the 200 is told in band."""
    client = Client(edge(s=streaming(fault, [])), "/s")
    await client.run()
    assert client.content == b"a" + last


async def test_a_client_that_leaves_ends_its_handler() -> None:
    """Protects engines: a departure closes the stream within one turn of the loop."""
    closed: list[bool] = []
    client = Client(edge(s=streaming(None, closed)), "/s")
    running = asyncio.create_task(client.run())
    while not client.sent:
        await asyncio.sleep(0)
    client.leave()
    await running
    assert closed == [True]
    assert client.content in (b"", b"a", b"ab")


async def test_a_request_that_takes_too_long_is_told() -> None:
    """Protects callers from hanging: before the first byte as an error, later in band."""

    async def forever(_request: Request) -> Response:
        await asyncio.sleep(60)
        return Response(200, b"")

    limits = EdgeLimits(request_s_max=0.015)
    whole = Client(edge(limits, forever=forever), "/forever")
    await whole.run()
    assert whole.status == 504
    closed: list[bool] = []
    stream = Client(edge(limits, s=streaming(None, closed)), "/s")
    await stream.run()
    assert stream.content.endswith(b"!engine_timeout")
    assert closed == [True]


async def test_draining_refuses_new_work_and_waits_for_the_old() -> None:
    """Protects rolling restarts."""
    closed: list[bool] = []
    app = edge(s=streaming(None, closed))
    first = Client(app, "/s")
    running = asyncio.create_task(first.run())
    while not first.sent:
        await asyncio.sleep(0)
    draining = asyncio.create_task(app.drain(5.0))
    await asyncio.sleep(0)
    second = Client(app, "/s")
    await second.run()
    assert second.status == 503
    assert await draining
    await running
    assert first.content == b"abc"


async def test_too_many_requests_are_shed() -> None:
    """Protects the loop under a flood."""
    client = Client(edge(EdgeLimits(inflight_max=0), echo=echo_body), "/echo", body=b"x")
    await client.run()
    assert client.status == 503


def test_plain_errors_carry_their_wait() -> None:
    """Protects clients that obey Retry-After."""
    request = Request(method="GET", raw_path=b"/x", query=b"", headers=[], trace=Trace())
    built = plain_error(Overloaded("busy", retry_after_s=2.4), request)
    assert (b"retry-after", b"2") in built.headers
    assert plain_error(NotFound("x"), request).status == 404


async def test_a_stream_that_never_began_closes_its_source() -> None:
    """Protects engines: a client that leaves before the head frees what the stream reads from."""
    closed: list[bool] = []

    class Source:
        async def aclose(self) -> None:
            closed.append(True)

    async def handle(_request: Request) -> Stream:
        chunks = _pieces(fail=None, closed=[])
        return Stream(200, chunks, (), fail=lambda error: b"", source=Source())

    client = Client(edge(s=handle), "/s", stalls_at=0)
    running = asyncio.create_task(client.run())
    await client.is_stalled.wait()
    client.leave()
    await running
    assert closed == [True]


async def test_a_reader_that_does_not_read_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects the loop's slots: once time is up, even the last word has a deadline."""
    monkeypatch.setattr("kilonova.web.edge._LAST_WORD_S", 0.01)
    closed: list[bool] = []
    app = edge(EdgeLimits(request_s_max=0.01), s=streaming(None, closed))
    client = Client(app, "/s", stalls_at=2)
    async with asyncio.timeout(5):
        await client.run()
        assert await app.drain(0.0)
    assert closed == [True]
    assert client.content == b"a"


async def test_time_up_before_the_head_left_sends_no_body() -> None:
    """Protects the protocol: whatever comes first is a head."""

    class SlowHead(Client):
        async def _send(self, message: Any) -> None:
            if message["type"] == "http.response.start":
                await asyncio.Event().wait()
            await super()._send(message)

    client = SlowHead(edge(EdgeLimits(request_s_max=0.01), s=streaming(None, [])), "/s")
    await client.run()
    assert client.sent == []


async def test_bodies_are_bounded_together() -> None:
    """Protects memory from strangers: what they announce counts before it is read."""
    app = edge(EdgeLimits(body_bytes_total_max=15), echo=echo_body)
    first, second, third = (Client(app, "/echo", body=b"x" * 10) for _ in range(3))
    first.body = b""
    reading = asyncio.create_task(first.run())
    await asyncio.sleep(0)
    await second.run()
    assert second.status == 503
    assert any(name == b"retry-after" for name, _ in second.sent[0]["headers"])
    first.leave()
    await reading
    await third.run()
    assert third.status == 200


async def test_what_still_runs_can_be_cut() -> None:
    """Protects the end of a server: a cut request closes what it holds on its way out."""
    closed: list[bool] = []
    app = edge(s=streaming(None, closed))
    client = Client(app, "/s", stalls_at=1)
    running = asyncio.create_task(client.run())
    await client.is_stalled.wait()
    app.cut()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert closed == [True]
    assert await app.drain(0.0)


async def test_a_probe_that_found_all_well_is_not_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects the log from a line a second that says nothing; a failing probe is in it."""
    log = io.StringIO()
    monkeypatch.setattr("kilonova.telemetry.log._output.stream", log)
    for status in (200, 503):

        async def probe(_request: Request, status: int = status) -> Response:
            return Response(status, b"")

        endpoint = Endpoint(handle=probe, fail=plain_error, is_control=True)
        app = Edge([Table({("GET", "/livez"): endpoint})], metrics=Metrics("test"))
        await Client(app, "/livez", method="GET").run()
    assert [json.loads(line)["status"] for line in log.getvalue().splitlines()] == [503]
