"""Asks the surface as the edge would, over the real request path, without a socket."""

import json
from typing import Any

from kilonova.core.errors import KilonovaError
from kilonova.core.model import Model
from kilonova.dialects.gemini import GeminiSurface
from kilonova.dialects.wire.sealed_reasoning import ReasoningSeal
from kilonova.telemetry.trace import Trace
from kilonova.web.endpoint import Answer, Endpoint
from kilonova.web.message import Header, Request, Response, Stream
from world import ECHO, World

SEAL = ReasoningSeal(b"k" * 32)
ANY = Model(id="m", name="M", provider="p", engine="e", abilities=("chat", "tools", "json"))
KEY = (b"x-goog-api-key", b"good")
MODEL = f"/v1beta/models/{ECHO}"


def ask(text: str, **more: object) -> dict[str, object]:
    return {"contents": [{"role": "user", "parts": [{"text": text}]}], **more}


def make_request(
    method: str, target: str, body: bytes = b"", headers: tuple[Header, ...] = ()
) -> Request:
    path, _, query = target.partition("?")
    request = Request(
        method=method,
        raw_path=path.encode(),
        query=query.encode(),
        headers=list(headers),
        trace=Trace(),
    )
    request.body = body
    return request


class Client:
    def __init__(self) -> None:
        self.world = World()
        self.surface = GeminiSurface(self.world.gateway, seal=SEAL, body_bytes_max=1 << 20)

    def find(self, method: str, target: str, *headers: Header) -> Endpoint | None:
        return self.surface.find(make_request(method, target, headers=headers))

    async def send(self, method: str, target: str, body: object = None, *headers: Header) -> Answer:
        content = b"" if body is None else json.dumps(body).encode()
        request = make_request(method, target, content, headers or (KEY,))
        endpoint = self.surface.find(request)
        assert endpoint is not None, f"nothing at {method} {target}"
        try:
            return await endpoint.handle(request)
        except KilonovaError as error:
            return endpoint.fail(error, request)

    async def whole(
        self, method: str, target: str, body: object = None, *headers: Header
    ) -> tuple[Response, Any]:
        answer = await self.send(method, target, body, *headers)
        assert isinstance(answer, Response)
        return answer, json.loads(answer.body)

    async def stream(self, text: str, *, alt: str = "?alt=sse", **more: object) -> Stream:
        answer = await self.send("POST", f"{MODEL}:streamGenerateContent{alt}", ask(text, **more))
        assert isinstance(answer, Stream)
        return answer
