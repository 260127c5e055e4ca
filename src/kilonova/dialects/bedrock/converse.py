"""The operations Converse, ConverseStream and CountTokens."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing

import msgspec

from kilonova.core.events import ChatFinished
from kilonova.dialects.bedrock.body import BodyDecoder
from kilonova.dialects.bedrock.credentials import call
from kilonova.dialects.bedrock.decode import Decoded, decode_converse, decode_tokens
from kilonova.dialects.bedrock.encode import ConverseEvents, encode_answer
from kilonova.dialects.bedrock.errors import stream_error
from kilonova.dialects.bedrock.families import family_of
from kilonova.dialects.bedrock.headers import (
    latency_ms,
    plain_headers,
    stream_headers,
    whole_headers,
)
from kilonova.dialects.bedrock.identifiers import resolve_model
from kilonova.dialects.bedrock.refusals import ignored_members, only_member
from kilonova.dialects.bedrock.schema import Converse, CountTokens
from kilonova.dialects.wire.aws_model import Operation
from kilonova.dialects.wire.aws_request import WireRequest
from kilonova.dialects.wire.eventstream import encode_event
from kilonova.gateway.gateway import Gateway
from kilonova.gateway.stream import ChatStream
from kilonova.web.endpoint import Answer
from kilonova.web.message import Request, Response, Stream

__all__ = ["ConverseHandlers"]


class ConverseHandlers:
    """Handlers, each for one operation of AWS's description."""

    def __init__(self, gateway: Gateway, operations: Mapping[str, Operation]) -> None:
        self._gateway = gateway
        self._converse = BodyDecoder(Converse, operations["Converse"])
        self._tokens = BodyDecoder(CountTokens, operations["CountTokens"])

    async def converse(self, request: Request) -> Answer:
        """The whole answer in one body."""
        stream, ignored = await self._begin(request)
        answer = await stream.collect()
        body = encode_answer(answer, latency_ms(stream.record))
        return Response(200, body, whole_headers(stream, ignored))

    async def converse_stream(self, request: Request) -> Answer:
        """The answer as an event stream."""
        stream, ignored = await self._begin(request)
        return Stream(
            200, _frames(stream), stream_headers(stream, ignored), fail=stream_error, source=stream
        )

    async def count_tokens(self, request: Request) -> Answer:
        """The input tokens that the same request would be billed for."""
        caller = self._gateway.authorise(call(request))
        decoded = self._decode_tokens(request)
        count = await self._gateway.count_tokens(caller, decoded.request)
        body = msgspec.json.encode({"inputTokens": count})
        return Response(200, body, plain_headers(request))

    async def _begin(self, request: Request) -> tuple[ChatStream, tuple[str, ...]]:
        caller = self._gateway.authorise(call(request))
        body = _wire_request(request)
        wire = self._converse.decode(body)
        if ignored_members(wire, "ConverseRequest"):
            self._converse.check(body)
        model = resolve_model(self._gateway, request.captures[0])
        decoded = decode_converse(wire, model)
        return await self._gateway.chat(caller, decoded.request), decoded.ignored

    def _decode_tokens(self, request: Request) -> Decoded:
        wire = self._tokens.decode(_wire_request(request)).input
        only_member(wire, place="input")
        model = resolve_model(self._gateway, request.captures[0])
        if wire.converse is not None:
            return decode_tokens(wire.converse, model)
        assert wire.invoke_model is not None
        return family_of(model).decode(wire.invoke_model.body, model, None)


def _wire_request(request: Request) -> WireRequest:
    # The catalogue, not the pattern of AWS's ids, decides whether a model's name is right.
    return WireRequest({"modelId": "catalogue"}, "", {}, request.body)


async def _frames(stream: ChatStream) -> AsyncGenerator[bytes, None]:
    events = ConverseEvents()
    async with aclosing(stream):
        async for event in stream:
            if isinstance(event, ChatFinished):
                name, body = events.finish(event.usage, latency_ms(stream.record))
                yield encode_event(name, body)
            elif encoded := events.encode(event):
                yield b"".join([encode_event(name, body) for name, body in encoded])
