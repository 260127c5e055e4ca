"""The operations InvokeModel and InvokeModelWithResponseStream."""

import time
from base64 import b64encode
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from functools import partial
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from kilonova.core.errors import InvalidRequest
from kilonova.core.events import ChatFinished
from kilonova.core.model import Model
from kilonova.dialects.bedrock.credentials import call
from kilonova.dialects.bedrock.embeddings import decode_embedding, encode_embedding
from kilonova.dialects.bedrock.errors import stream_error
from kilonova.dialects.bedrock.families import family_of
from kilonova.dialects.bedrock.headers import (
    embedding_headers,
    metrics,
    stream_headers,
    whole_headers,
)
from kilonova.dialects.bedrock.identifiers import resolve_model
from kilonova.dialects.bedrock.native import About, FamilyEvents
from kilonova.dialects.bedrock.support import IGNORED, REFUSED
from kilonova.dialects.wire.aws_model import Operation
from kilonova.dialects.wire.aws_request import WireRequest
from kilonova.dialects.wire.eventstream import encode_event
from kilonova.gateway.call import Caller
from kilonova.gateway.gateway import Gateway
from kilonova.gateway.stream import ChatStream
from kilonova.web.endpoint import Answer
from kilonova.web.message import Request, Response, Stream

__all__ = ["InvokeHandlers"]

_SHAPE = "InvokeModelRequest"
_OPTIONS = b"x-amzn-bedrock-"
_Metadata = Annotated[dict[str, str], Meta(min_length=1, max_length=16)]
_JSON_TYPES = ("application/json", "*/*", "application/*", "")
_BLOB = "application/octet-stream"  # what the JavaScript SDK says when its caller says nothing


class InvokeHandlers:
    """Handlers, each for one operation of AWS's description."""

    def __init__(self, gateway: Gateway, operations: Mapping[str, Operation]) -> None:
        self._gateway = gateway
        self._whole = operations["InvokeModel"]
        self._streaming = operations["InvokeModelWithResponseStream"]

    async def invoke(self, request: Request) -> Answer:
        """The whole answer, in the family's own body."""
        asked = self._read(request, self._whole)
        if asked.model.native_body == "text-embeddings":
            return await self._embed(request, asked)
        stream, ignored = await self._begin(request, asked, streams=False)
        answer = await stream.collect()
        body = family_of(stream.model).encode(answer, _about(stream))
        return Response(200, body, whole_headers(stream, ignored))

    async def _embed(self, request: Request, asked: "_Asked") -> Answer:
        decoded = decode_embedding(request.body, asked.model)
        answer = await self._gateway.embed(asked.caller, decoded.request)
        body = encode_embedding(answer, decoded.types)
        return Response(200, body, embedding_headers(request.trace, asked.hints))

    async def invoke_stream(self, request: Request) -> Answer:
        """The family's own chunks, each inside an event."""
        asked = self._read(request, self._streaming)
        stream, ignored = await self._begin(request, asked, streams=True)
        events = family_of(stream.model).events(_about(stream))
        headers = stream_headers(stream, ignored)
        return Stream(200, _frames(stream, events), headers, fail=_fail, source=stream)

    def _read(self, request: Request, operation: Operation) -> "_Asked":
        caller = self._gateway.authorise(call(request))
        hints = _options(request, operation)
        return _Asked(caller, hints, resolve_model(self._gateway, request.captures[0]))

    async def _begin(
        self, request: Request, asked: "_Asked", *, streams: bool
    ) -> tuple[ChatStream, tuple[str, ...]]:
        decoded = family_of(asked.model).decode(request.body, asked.model, streams)
        stream = await self._gateway.chat(asked.caller, decoded.request)
        return stream, (*asked.hints, *decoded.ignored)


class _Asked(Struct, frozen=True):
    """Who asks which model, and the hints of the headers that are ignored."""

    caller: Caller
    hints: list[str]
    model: Model


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
        is_blob = header == b"content-type" and media_type == _BLOB
        if media_type not in _JSON_TYPES and not is_blob:
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
