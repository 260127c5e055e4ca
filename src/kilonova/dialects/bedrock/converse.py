"""The operations Converse, ConverseStream and CountTokens."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing

import msgspec

from kilonova.core.bill import Bill
from kilonova.core.chat import ChatRequest
from kilonova.core.errors import InvalidRequest
from kilonova.core.events import (
    ChatFinished,
)
from kilonova.core.usage import Usage
from kilonova.dialects.bedrock.body import BodyDecoder
from kilonova.dialects.bedrock.credentials import call
from kilonova.dialects.bedrock.decode import Decoded, decode_converse, decode_tokens
from kilonova.dialects.bedrock.encode import ConverseEvents, Manner, encode_answer
from kilonova.dialects.bedrock.errors import stream_error
from kilonova.dialects.bedrock.families import Families
from kilonova.dialects.bedrock.guarded import Guarded, GuardedChat, Guarding, events_of
from kilonova.dialects.bedrock.guarded_trace import converse_trace
from kilonova.dialects.bedrock.headers import (
    held_back_headers,
    latency_ms,
    native_headers,
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
from kilonova.dialects.wire.sealed_reasoning import ReasoningSeal
from kilonova.gateway.call import Caller
from kilonova.gateway.gateway import Gateway
from kilonova.gateway.screening import Screening
from kilonova.gateway.stream import ChatStream
from kilonova.web.endpoint import Answer
from kilonova.web.message import Request, Response, Stream

__all__ = ["ConverseHandlers"]


class ConverseHandlers:
    """Handlers, each for one operation of AWS's description."""

    def __init__(
        self,
        gateway: Gateway,
        operations: Mapping[str, Operation],
        *,
        families: Families,
        seal: ReasoningSeal,
        screening: Screening,
    ) -> None:
        self._gateway = gateway
        self._families = families
        self._seal = seal
        self._guarded = GuardedChat(gateway, screening)
        self._converse = BodyDecoder(Converse, operations["Converse"])
        self._tokens = BodyDecoder(CountTokens, operations["CountTokens"])

    async def converse(self, request: Request) -> Answer:
        """The whole answer in one body."""
        caller, decoded = self._decode(request)
        if (guarding := _guarding(decoded)) is not None:
            guarded = await self._guarded.answer(request, caller, guarding)
            return self._whole(request, decoded, guarded)
        stream = await self._gateway.chat(caller, decoded.request, is_whole=True)
        answer = await stream.collect()
        manner = Manner(decoded.wanted, service_tier=stream.service_tier)
        body = encode_answer(answer, latency_ms(stream.record), seal=self._seal, manner=manner)
        ignored = decoded.ignored_with(stream.service_tier)
        return Response(200, body, whole_headers(stream, ignored))

    async def converse_stream(self, request: Request) -> Answer:
        """The answer as an event stream."""
        caller, decoded = self._decode(request)
        if (guarding := _guarding(decoded)) is not None:
            guarded = await self._guarded.answer(request, caller, guarding)
            return self._held_back(request, decoded, guarded)
        stream = await self._gateway.chat(caller, decoded.request)
        manner = Manner(decoded.wanted, service_tier=stream.service_tier)
        events = ConverseEvents(self._seal, manner)
        headers = stream_headers(stream, decoded.ignored_with(stream.service_tier))
        return Stream(200, _frames(stream, events), headers, fail=stream_error, source=stream)

    async def count_tokens(self, request: Request) -> Answer:
        """The input tokens that the same request would be billed for."""
        caller = self._gateway.authorise(call(request))
        asked = self._decode_tokens(request)
        count = await self._gateway.count_tokens(caller, asked)
        body = msgspec.json.encode({"inputTokens": count})
        return Response(200, body, plain_headers(request))

    def _decode(self, request: Request) -> tuple[Caller, Decoded]:
        caller = self._gateway.authorise(call(request))
        body = _wire_request(request)
        wire = self._converse.decode(body)
        if ignored_members(wire, "ConverseRequest"):
            self._converse.check(body)
        model = resolve_model(self._gateway, request.captures[0])
        return caller, decode_converse(wire, model, self._seal)

    def _decode_tokens(self, request: Request) -> ChatRequest:
        wire = self._tokens.decode(_wire_request(request)).input
        only_member(wire, place="input")
        model = resolve_model(self._gateway, request.captures[0])
        if not model.can("chat"):
            raise InvalidRequest(
                "The provided model doesn't support counting tokens. "
                f"{model.id} supports: {', '.join(model.abilities)}.",
                param="modelId",
            )
        if wire.converse is not None:
            return decode_tokens(wire.converse, model).request
        assert wire.invoke_model is not None
        return self._families.decode(wire.invoke_model.body, model, None).request

    def _whole(self, request: Request, decoded: Decoded, guarded: Guarded) -> Response:
        manner = _manner(decoded, guarded, request.trace.service_tier)
        body = encode_answer(guarded.answer, guarded.latency_ms, seal=self._seal, manner=manner)
        ignored = decoded.ignored_with(request.trace.service_tier)
        headers = native_headers(request.trace, ignored, price_nano=guarded.price_nano)
        return Response(200, body, headers)

    def _held_back(self, request: Request, decoded: Decoded, guarded: Guarded) -> Stream:
        tier = request.trace.service_tier
        events = ConverseEvents(self._seal, _manner(decoded, guarded, tier))
        headers = held_back_headers(request.trace, decoded.ignored_with(tier))
        return Stream(200, _read_frames(guarded, events), headers, fail=stream_error)


def _guarding(decoded: Decoded) -> Guarding | None:
    if decoded.guardrail is None:
        return None
    return Guarding(decoded.request, decoded.guardrail, decoded.guarded)


def _manner(decoded: Decoded, guarded: Guarded, service_tier: str) -> Manner:
    readings = guarded.readings
    wanted = decoded.guardrail.trace if decoded.guardrail else None
    stop_reason = "guardrail_intervened" if readings.has_intervened else None
    trace = converse_trace(readings, wanted)
    return Manner(decoded.wanted, stop_reason, trace, service_tier)


def _wire_request(request: Request) -> WireRequest:
    # The catalogue, not the pattern of AWS's ids, decides whether a model's name is right.
    return WireRequest({"modelId": "catalogue"}, "", {}, request.body)


async def _frames(stream: ChatStream, events: ConverseEvents) -> AsyncGenerator[bytes, None]:
    async with aclosing(stream):
        async for event in stream:
            if isinstance(event, ChatFinished):
                yield _last(events, event.usage, latency_ms(stream.record), bill=stream.bill())
            elif encoded := events.encode(event):
                yield b"".join([encode_event(name, body) for name, body in encoded])


async def _read_frames(guarded: Guarded, events: ConverseEvents) -> AsyncGenerator[bytes, None]:
    """The events of an answer that is there already."""
    for event in events_of(guarded.answer):
        for name, body in events.encode(event):
            yield encode_event(name, body)
    yield _last(events, guarded.answer.usage, guarded.latency_ms)


def _last(
    events: ConverseEvents, usage: Usage, latency_ms: int, *, bill: Bill | None = None
) -> bytes:
    last = [*events.held_stop(usage), events.finish(usage, latency_ms, bill)]
    return b"".join([encode_event(name, body) for name, body in last])
