"""The operations InvokeModel and InvokeModelWithResponseStream."""

import time
from base64 import b64encode
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from functools import partial
from typing import Annotated

import msgspec
from msgspec import Meta

from kilonova.core.errors import InvalidRequest
from kilonova.core.events import ChatFinished
from kilonova.dialects.bedrock.credentials import call
from kilonova.dialects.bedrock.errors import stream_error
from kilonova.dialects.bedrock.families import family_of
from kilonova.dialects.bedrock.headers import metrics, stream_headers, whole_headers
from kilonova.dialects.bedrock.identifiers import resolve_model
from kilonova.dialects.bedrock.native import About, FamilyEvents
from kilonova.dialects.bedrock.support import IGNORED, REFUSED
from kilonova.dialects.wire.aws_model import Operation
from kilonova.dialects.wire.aws_request import WireRequest
from kilonova.dialects.wire.eventstream import encode_event
from kilonova.gateway.gateway import Gateway
from kilonova.gateway.stream import ChatStream
from kilonova.web.endpoint import Answer
from kilonova.web.message import Request, Response, Stream

__all__ = ["InvokeHandlers"]

_SHAPE = "InvokeModelRequest"
_OPTIONS = b"x-amzn-bedrock-"
_Metadata = Annotated[dict[str, str], Meta(min_length=1, max_length=16)]
_JSON_TYPES = ("application/json", "*/*", "application/*", "")


class InvokeHandlers:
    """Handlers, each for one operation of AWS's description."""

    def __init__(self, gateway: Gateway, operations: Mapping[str, Operation]) -> None:
        self._gateway = gateway
        self._whole = operations["InvokeModel"]
        self._streaming = operations["InvokeModelWithResponseStream"]

    async def invoke(self, request: Request) -> Answer:
        """The whole answer, in the family's own body."""
        stream, ignored = await self._begin(request, self._whole)
        answer = await stream.collect()
        body = family_of(stream.model).encode(answer, _about(stream))
        return Response(200, body, whole_headers(stream, ignored))

    async def invoke_stream(self, request: Request) -> Answer:
        """The family's own chunks, each inside an event."""
        stream, ignored = await self._begin(request, self._streaming)
        events = family_of(stream.model).events(_about(stream))
        headers = stream_headers(stream, ignored)
        return Stream(200, _frames(stream, events), headers, fail=_fail, source=stream)

    async def _begin(
        self, request: Request, operation: Operation
    ) -> tuple[ChatStream, tuple[str, ...]]:
        caller = self._gateway.authorise(call(request))
        hints = _options(request, operation)
        model = resolve_model(self._gateway, request.captures[0])
        streams = operation is self._streaming
        decoded = family_of(model).decode(request.body, model, streams)
        return await self._gateway.chat(caller, decoded.request), (*hints, *decoded.ignored)


_fail = partial(stream_error, is_native=True)


def _options(request: Request, operation: Operation) -> list[str]:
    """The hints in the headers that are ignored. Raises InvalidRequest for what is refused."""
    _refuse_other_types(request)
    headers = {
        name.decode(): value.decode("latin-1")
        for name, value in request.headers.items()
        if name.startswith(_OPTIONS)
    }
    if not headers:
        return []
    found = operation.parse(WireRequest({"modelId": "catalogue"}, "", headers, b""))
    _check_metadata(found.get("requestMetadata"))
    for name, reason in REFUSED[_SHAPE].items():
        if name in found:
            raise InvalidRequest(f"{name}: {reason}.", param=name)
    return [name for name in IGNORED[_SHAPE] if name in found]


def _check_metadata(text: object) -> None:
    """It has no effect, and must be right all the same: JSON in a header, a map of texts."""
    if text is None:
        return
    try:
        msgspec.json.decode(str(text), type=_Metadata)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidRequest(f"requestMetadata: {error}", param="requestMetadata") from None


def _refuse_other_types(request: Request) -> None:
    for header in (b"content-type", b"accept", b"x-amzn-bedrock-accept"):
        media_type = (request.header(header) or "").partition(";")[0].strip().lower()
        if media_type not in _JSON_TYPES:
            name = header.decode()
            raise InvalidRequest(f"{name}: only application/json is spoken here.", param=name)


def _about(stream: ChatStream) -> About:
    return About(stream.request_id, stream.model.id, int(time.time()))


async def _frames(stream: ChatStream, events: FamilyEvents) -> AsyncGenerator[bytes, None]:
    async with aclosing(stream):
        async for event in stream:
            if isinstance(event, ChatFinished):
                yield _chunk(events.finish(event.usage, metrics(stream.record)))
            elif chunks := events.encode(event):
                yield b"".join([_chunk(chunk) for chunk in chunks])


def _chunk(document: bytes) -> bytes:
    return encode_event("chunk", b'{"bytes":"%b"}' % b64encode(document))
