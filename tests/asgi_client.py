"""Drives an ASGI application by hand, so that a test can stall or leave at any point."""

import asyncio
import math
from typing import Any

from kilonova.web.edge import Edge
from kilonova.web.message import Header


class Client:
    """One request. From message ``stalls_at`` of the answer on it reads nothing, as a full socket
    does."""

    def __init__(
        self,
        app: Edge,
        path: str,
        *,
        body: bytes = b"",
        method: str = "POST",
        headers: tuple[Header, ...] = (),
        stalls_at: float = math.inf,
    ) -> None:
        self.app = app
        self.inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.sent: list[dict[str, Any]] = []
        self.is_stalled = asyncio.Event()
        self._stalls_at = stalls_at
        declared = [(b"content-length", str(len(body)).encode())] if method == "POST" else []
        self.scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [(b"host", b"test"), *declared, *headers],
        }
        self.body = body

    async def _send(self, message: Any) -> None:
        if len(self.sent) >= self._stalls_at:
            self.is_stalled.set()
            await asyncio.Event().wait()
        self.sent.append(message)
        await asyncio.sleep(0)

    async def run(self) -> None:
        if self.body:
            self.inbox.put_nowait({"type": "http.request", "body": self.body, "more_body": True})
        await self.app(self.scope, self.inbox.get, self._send)

    def leave(self) -> None:
        self.inbox.put_nowait({"type": "http.disconnect"})

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    @property
    def content(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent[1:])
