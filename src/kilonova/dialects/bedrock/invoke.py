"""The operations InvokeModel and InvokeModelWithResponseStream."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from functools import partial
from typing import Annotated

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from kilonova.core.errors import InvalidRequest
from kilonova.core.events import ChatFinished
from kilonova.core.model import Model
from kilonova.dialects.bedrock.credentials import call
from kilonova.dialects.bedrock.errors import stream_error
from kilonova.dialects.bedrock.families import Families
from kilonova.dialects.bedrock.guarded_invoke import GuardedInvoke, NativeAsked
from kilonova.dialects.bedrock.headers import (
    held_back_headers,
    metrics,
    native_headers,
    stream_headers,
)
from kilonova.dialects.bedrock.identifiers import resolve_model
from kilonova.dialects.bedrock.native_answer import about, answer_native
from kilonova.dialects.bedrock.schema import GuardrailConfig
from kilonova.dialects.bedrock.support import IGNORED
from kilonova.dialects.wire.aws_model import Operation
from kilonova.dialects.wire.aws_request import WireRequest
from kilonova.dialects.wire.bills import wire_bill
from kilonova.dialects.wire.eventstream import encode_blob
from kilonova.dialects.wire.native import Writer
from kilonova.gateway.call import Caller
from kilonova.gateway.gateway import Gateway
from kilonova.gateway.screening import Screening
from kilonova.gateway.stream import ChatStream
from kilonova.telemetry.trace import Trace
from kilonova.web.endpoint import Answer
from kilonova.web.message import Header, Request, Response, Stream

__all__ = ["InvokeHandlers"]

_SHAPE = "InvokeModelRequest"
_OPTIONS = b"x-amzn-bedrock-"
_Metadata = Annotated[dict[str, str], Meta(min_length=1, max_length=16)]
_JSON_TYPES = ("application/json", "*/*", "application/*", "")
_BLOB = "application/octet-stream"  # what the JavaScript SDK says when its caller says nothing


class InvokeHandlers:
    """Handlers, each for one operation of AWS's description."""

    def __init__(
        self,
        gateway: Gateway,
        operations: Mapping[str, Operation],
        *,
        families: Families,
        screening: Screening,
    ) -> None:
        self._gateway = gateway
        self._families = families
        self._guarded = GuardedInvoke(gateway, screening, families)
        self._whole = operations["InvokeModel"]
        self._streaming = operations["InvokeModelWithResponseStream"]

    async def invoke(self, request: Request) -> Answer:
        """The whole answer, in the family's own body."""
        asked = self._read(request, self._whole)
        if (guarded := asked.guarded()) is not None:
            read, price_nano = await self._guarded.whole(request, guarded)
            hints = (*asked.hints_with(request.trace), *read.ignored)
            headers = native_headers(request.trace, hints, price_nano=price_nano)
            return Response(200, read.body, (*headers, *asked.told(request.trace)))
        answer = await answer_native(
            self._gateway,
            self._families,
            caller=asked.caller,
            model=asked.model,
            body=request.body,
            service_tier=asked.service_tier or "default",
        )
        hints = (*asked.hints_with(request.trace), *answer.ignored)
        headers = native_headers(request.trace, hints)
        return Response(200, answer.body, (*headers, *asked.told(request.trace)))

    async def invoke_stream(self, request: Request) -> Answer:
        """The family's own chunks, each inside an event."""
        asked = self._read(request, self._streaming)
        if (guarded := asked.guarded()) is not None:
            chunks, ignored = await self._guarded.chunks(request, guarded)
            hints = (*asked.hints_with(request.trace), *ignored)
            headers = (*held_back_headers(request.trace, hints), *asked.told(request.trace))
            return Stream(200, _held_back(chunks), headers, fail=_fail)
        native = self._families.decode(request.body, asked.model, streams=True)
        wanted = replace(native.request, service_tier=asked.service_tier or "default")
        stream = await self._gateway.chat(asked.caller, wanted)
        writer = native.writer(about(stream.request_id, asked.model))
        hints = (*asked.hints_with(stream.trace), *native.ignored)
        headers = (*stream_headers(stream, hints), *asked.told(stream.trace))
        return Stream(200, _frames(stream, writer), headers, fail=_fail, source=stream)

    def _read(self, request: Request, operation: Operation) -> "_Asked":
        caller = self._gateway.authorise(call(request))
        options = _options(request, operation)
        model = resolve_model(self._gateway, request.captures[0])
        hints = [name for name in IGNORED[_SHAPE] if name in options]
        tier = str(options["serviceTier"]) if "serviceTier" in options else None
        return _Asked(caller, hints, model, _guardrail(options), tier)


class _Asked(Struct, frozen=True):
    """Who asks which model, the hints of the headers that are ignored, and the guardrail and the
    service tier there."""

    caller: Caller
    hints: list[str]
    model: Model
    guardrail: GuardrailConfig | None = None
    service_tier: str | None = None

    def hints_with(self, trace: Trace) -> list[str]:
        """The hints, once it is known which tier was sold."""
        is_sold = self.service_tier in (None, trace.service_tier)
        return self.hints if is_sold else [*self.hints, "serviceTier"]

    def told(self, trace: Trace) -> tuple[Header, ...]:
        """The tier that was sold, to whoever named one."""
        if self.service_tier is None:
            return ()
        return ((b"x-amzn-bedrock-service-tier", trace.service_tier.encode()),)

    def guarded(self) -> NativeAsked | None:
        """None where no guardrail reads."""
        if self.guardrail is None:
            return None
        return NativeAsked(self.caller, self.model, self.guardrail)


_fail = partial(stream_error, is_native=True)


def _options(request: Request, operation: Operation) -> dict[str, object]:
    """What the headers say. Raises InvalidRequest."""
    _refuse_other_types(request)
    headers = {
        name.decode(): value.decode("latin-1")
        for name, value in request.headers.items()
        if name.startswith(_OPTIONS)
    }
    if not headers:
        return {}
    found = operation.parse(WireRequest({"modelId": "catalogue"}, "", headers, b""))
    _check_metadata(found.get("requestMetadata"))
    return found


def _guardrail(options: Mapping[str, object]) -> GuardrailConfig | None:
    if not options.keys() & {"guardrailIdentifier", "guardrailVersion"}:
        return None
    trace = str(options.get("trace", "DISABLED")).lower()
    return msgspec.convert({**options, "trace": trace}, GuardrailConfig)


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


async def _frames(stream: ChatStream, writer: Writer) -> AsyncGenerator[bytes, None]:
    async with aclosing(stream):
        async for event in stream:
            if type(event) is ChatFinished:
                *chunks, last = writer.last(event.usage, metrics(stream.record))
                chunks.append(last[:-1] + wire_bill(stream.bill()) + b"}")
            else:
                chunks = writer.chunks(event)
            if chunks:
                yield _chunk(chunks[0]) if len(chunks) == 1 else b"".join(map(_chunk, chunks))


async def _held_back(chunks: list[bytes]) -> AsyncGenerator[bytes, None]:
    for chunk in chunks:
        yield _chunk(chunk)


def _chunk(document: bytes) -> bytes:
    return encode_blob("chunk", document)
