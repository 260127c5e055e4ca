"""The Responses API over the real request path, without a socket and without a clock."""

import json
from typing import Any

from kilonova.core.errors import KilonovaError
from kilonova.dialects.openai import OpenAISurface
from kilonova.dialects.openai.responses import Responses
from kilonova.dialects.wire.sealed_reasoning import ReasoningSeal
from kilonova.stores.memory import MemoryShelf
from kilonova.telemetry.trace import Trace
from kilonova.web.endpoint import Answer, Endpoint
from kilonova.web.message import Request, Response, Stream
from world import ECHO, World

SEAL = ReasoningSeal(b"k" * 32)

Event = dict[str, Any]


class ResponseWorld:
    """Asks as the edge would. ``shelf`` may be one that a test breaks."""

    def __init__(self, shelf: MemoryShelf | None = None, *, body_bytes_max: int = 1 << 20) -> None:
        self.world = World()
        self.shelf = shelf or self.world.shelf
        responses = Responses(
            self.world.gateway, self.shelf, seal=SEAL, body_bytes_max=body_bytes_max
        )
        self.surface = OpenAISurface(self.world.gateway, shelf=self.shelf, responses=responses)

    def find(self, method: str, path: str, body: bytes = b"") -> tuple[Request, Endpoint | None]:
        """The request to a path, and where it goes."""
        raw_path, _, query = path.partition("?")
        request = Request(
            method=method,
            raw_path=raw_path.encode(),
            query=query.encode(),
            headers=[(b"authorization", b"Bearer good")],
            trace=Trace(),
        )
        request.body = body
        return request, self.surface.find(request)

    async def send(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        """The answer, or the refusal, of one request."""
        request, endpoint = self.find(method, path, body)
        for name, value in headers.items():
            request.headers[name.replace("_", "-").encode()] = value.encode()
        assert endpoint is not None, f"nothing at {method} {path}"
        try:
            return await endpoint.handle(request)
        except KilonovaError as error:
            return endpoint.fail(error, request)

    async def whole(
        self, method: str, path: str, body: object = None
    ) -> tuple[Response, dict[str, Any]]:
        """An answer in one piece, with its JSON."""
        content = b"" if body is None else json.dumps(body).encode()
        answer = await self.send(method, path, content)
        assert isinstance(answer, Response)
        return answer, json.loads(answer.body)

    async def create(self, text: object, /, **more: object) -> dict[str, Any]:
        """A response that must succeed."""
        answer, body = await self.whole("POST", "/v1/responses", ask(text, **more))
        assert answer.status == 200, body
        return body

    async def refused(self, text: object, /, **more: object) -> tuple[int, dict[str, Any]]:
        """What refuses a request."""
        answer, body = await self.whole("POST", "/v1/responses", ask(text, **more))
        assert answer.status >= 400, body
        return answer.status, body["error"]

    async def open(self, text: object, /, **more: object) -> Stream:
        """A stream that nothing was read from."""
        body = json.dumps(ask(text, stream=True, **more)).encode()
        answer = await self.send("POST", "/v1/responses", body)
        assert isinstance(answer, Stream), answer
        return answer

    async def stream(self, text: object, /, **more: object) -> list[Event]:
        """All events of a stream, the last ones of one that breaks as well."""
        answer = await self.open(text, **more)
        written = b""
        try:
            async for chunk in answer.chunks:
                written += chunk
        except KilonovaError as error:
            written += answer.fail(error)
        return events_of(written)


def ask(text: object, /, **more: object) -> dict[str, object]:
    """The body of a request."""
    return {"model": ECHO, "input": text, **more}


def events_of(written: bytes) -> list[Event]:
    """The events on a wire; each message is named after the event in it."""
    events = []
    for message in written.decode().split("\n\n")[:-1]:
        name, data = message.split("\n")
        event = json.loads(data.removeprefix("data: "))
        assert name == f"event: {event['type']}"
        events.append(event)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    return events
