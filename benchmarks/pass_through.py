"""The least that a gateway can do: read a body, forward it, return the answer. No accounting.

The reference for Kilonova's throughput: the same server, the same HTTP client, the same upstream
(``BENCHMARK_UPSTREAM``). Streams are passed on piece by piece as they arrive.
"""

import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import aiohttp

__all__ = ["app"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_JSON = {"content-type": "application/json"}


class PassThrough:
    """One session for all requests, opened by the first."""

    def __init__(self, upstream: str) -> None:
        self._upstream = upstream
        self._session: aiohttp.ClientSession | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=0)
            self._session = aiohttp.ClientSession(connector=connector)
        url = self._upstream + scope["path"]
        body = await _read(receive)
        async with self._session.post(url, data=body, headers=_JSON) as answer:
            await _pass_on(answer, send)


async def _read(receive: Receive) -> bytes:
    pieces: list[bytes] = []
    while True:
        message = await receive()
        pieces.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(pieces)


async def _pass_on(answer: aiohttp.ClientResponse, send: Send) -> None:
    kind = answer.headers["content-type"].encode()
    headers = [(b"content-type", kind)]
    if answer.content_type != "text/event-stream":
        body = await answer.read()
        headers.append((b"content-length", str(len(body)).encode()))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
        return
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    async for piece in answer.content.iter_any():
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


app = PassThrough(os.environ.get("BENCHMARK_UPSTREAM", ""))
