"""Which URL of Anthropic's API does what here.

``/v1/models`` is OpenAI's too: it is Anthropic's for requests with an ``anthropic-version``, and
this surface leaves all others to whoever is asked next. Below ``/anthropic`` everything is its own.
"""

from base64 import b64encode
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from functools import partial
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from kilonova.core.errors import InvalidRequest, NotFound
from kilonova.core.money import format_nano
from kilonova.dialects.anthropic.addresses import Operation, find_address
from kilonova.dialects.anthropic.credentials import call
from kilonova.dialects.anthropic.decode import (
    decode_count,
    decode_messages,
    parse_count,
    parse_messages,
)
from kilonova.dialects.anthropic.encode import (
    Head,
    encode_answer,
    encode_count,
    encode_model,
    encode_models,
)
from kilonova.dialects.anthropic.encode_stream import StreamEncoder
from kilonova.dialects.anthropic.errors import (
    encode_error,
    encode_frame_error,
    encode_stream_error,
)
from kilonova.dialects.anthropic.paging import page_of
from kilonova.dialects.anthropic.schema import MessagesBody
from kilonova.dialects.wire import eventstream, sse
from kilonova.gateway.call import Caller
from kilonova.gateway.gateway import Gateway
from kilonova.gateway.stream import ChatStream
from kilonova.web.endpoint import Answer, Endpoint
from kilonova.web.message import Header, Request, Response, Stream

__all__ = ["PREFIX", "AnthropicSurface"]

# Everything below it is this wire's, at the addresses that it has at the root.
PREFIX = b"/anthropic"

_MESSAGES = b"/v1/messages"
_COUNT = b"/v1/messages/count_tokens"
_MODELS = b"/v1/models"
_VERSION = b"anthropic-version"
_BETA = b"anthropic-beta"

_JSON: Header = (b"content-type", b"application/json")
_SSE: Header = (b"content-type", sse.CONTENT_TYPE.encode())
_FRAMES: tuple[Header, ...] = (
    (b"content-type", eventstream.CONTENT_TYPE.encode()),
    (b"x-amzn-bedrock-content-type", b"application/json"),
)
# Proxies in front hold streams back unless they are told not to.
_UNBUFFERED: tuple[Header, ...] = ((b"cache-control", b"no-cache"), (b"x-accel-buffering", b"no"))

_Handler = Callable[[Request], Awaitable[Answer]]


class _Begun(NamedTuple):
    """An answer whose first event is there."""

    stream: ChatStream
    head: Head
    ignored: list[str]
    is_streamed: bool


class AnthropicSurface:
    """Messages, counts of their tokens, and models."""

    def __init__(self, gateway: Gateway, *, body_bytes_max: int = 32 * 1024 * 1024) -> None:
        self._gateway = gateway
        self._body_bytes_max = body_bytes_max
        self._messages = self._endpoint(self.messages)
        self._fixed = {
            ("POST", _MESSAGES): self._messages,
            ("POST", _COUNT): self._endpoint(self.count_tokens),
            ("GET", _MODELS): self._endpoint(self.models),
        }
        self._one_model = self._endpoint(self.model)
        self._at_clouds: dict[Operation, Endpoint] = {
            "predict": self._endpoint(self.predict),
            "count": self._fixed["POST", _COUNT],
            "invoke": self._endpoint(self.invoke),
        }
        self._unknown = self._endpoint(_refuse_unknown)

    def _endpoint(self, handle: _Handler) -> Endpoint:
        return Endpoint(handle=handle, fail=encode_error, body_bytes_max=self._body_bytes_max)

    def find(self, request: Request) -> Endpoint | None:
        """On the raw path: a model's id may hold slashes, encoded or not."""
        path = request.raw_path
        if request.method == "POST" and path == _MESSAGES:
            return self._messages
        if path.startswith(PREFIX + b"/"):
            return self._find_own(request, path[len(PREFIX) :])
        if path.startswith(_MESSAGES + b"/"):
            return self._find_own(request, path)
        address = find_address(request)
        if address is not None:
            request.captures = (address.model,)
            return self._at_clouds[address.operation]
        if path.startswith(b"/v1/") and _VERSION in request.headers:
            return self._find_own(request, path)
        return None

    def _find_own(self, request: Request, path: bytes) -> Endpoint:
        if request.method == "GET" and path.startswith(_MODELS + b"/"):
            request.captures = (
                unquote_to_bytes(path[len(_MODELS) + 1 :]).decode(errors="replace"),
            )
            return self._one_model
        return self._fixed.get((request.method, path), self._unknown)

    async def messages(self, request: Request) -> Answer:
        """``POST /v1/messages``, whole or streamed."""
        caller = self._gateway.authorise(call(request))
        body = parse_messages(request.body)
        return await _answer(request, await self._begin(caller, body, _named(body.model)))

    async def predict(self, request: Request) -> Answer:
        """Google's address: the model stands in the path, and streaming in both places."""
        caller = self._gateway.authorise(call(request))
        body = parse_messages(request.body)
        if bool(body.stream) != request.raw_path.endswith(b":streamRawPredict"):
            raise InvalidRequest("stream: must agree with the path that was called", param="stream")
        return await _answer(request, await self._begin(caller, body, request.captures[0]))

    async def invoke(self, request: Request) -> Answer:
        """AWS's address: the model and streaming stand in the path, and frames are AWS's."""
        caller = self._gateway.authorise(call(request))
        body = parse_messages(request.body)
        begun = await self._begin(caller, body, request.captures[0])
        if request.raw_path.endswith(b"/invoke"):
            return await _whole(request, begun)
        headers = (*_FRAMES, *_headers(request, begun.ignored))
        return Stream(200, _frames(begun), headers, encode_frame_error, begun.stream)

    async def _begin(self, caller: Caller, body: MessagesBody, model_name: str) -> _Begun:
        model = self._gateway.model(model_name)
        decoded = decode_messages(body, model)
        stream = await self._gateway.chat(caller, decoded.request)
        head = Head(
            id=f"msg_{stream.request_id.removeprefix('req_')}",
            model=model,
            max_tokens=body.max_tokens,
            shows_thinking=body.thinking is None or body.thinking.display != "omitted",
        )
        return _Begun(stream, head, decoded.ignored, bool(body.stream))

    async def count_tokens(self, request: Request) -> Answer:
        """``POST /v1/messages/count_tokens``, and the same at Google's. Free of charge."""
        caller = self._gateway.authorise(call(request))
        body = parse_count(request.body)
        decoded = decode_count(body, self._gateway.model(_named(body.model)))
        tokens = await self._gateway.count_tokens(caller, decoded.request)
        return _response(request, encode_count(tokens), decoded.ignored)

    async def models(self, request: Request) -> Answer:
        """``GET /v1/models``: those that answer messages, in pages."""
        self._gateway.authorise(call(request))
        talking = [model for model in self._gateway.models() if model.can("chat")]
        return _response(request, encode_models(page_of(talking, request.query)))

    async def model(self, request: Request) -> Answer:
        """``GET /v1/models/{id}``. An alias gives the model that it stands for."""
        self._gateway.authorise(call(request))
        return _response(request, encode_model(self._gateway.model(request.captures[0])))


async def _refuse_unknown(request: Request) -> Answer:
    path = request.raw_path.decode("latin-1")[:200]
    raise NotFound(
        f"{request.method} {path} is not served here. Kilonova offers POST /v1/messages, POST "
        "/v1/messages/count_tokens, GET /v1/models and GET /v1/models/{id}."
    )


def _named(model: str | None) -> str:
    if model is None:
        raise InvalidRequest("model: Field required", param="model")
    return model


async def _answer(request: Request, begun: _Begun) -> Answer:
    if not begun.is_streamed:
        return await _whole(request, begun)
    headers = (_SSE, *_UNBUFFERED, *_headers(request, begun.ignored))
    fail = partial(encode_stream_error, trace=request.trace)
    return Stream(200, _events(begun), headers, fail, begun.stream)


async def _whole(request: Request, begun: _Begun) -> Response:
    answer = await begun.stream.collect()
    return _response(request, encode_answer(begun.head, answer), begun.ignored)


async def _events(begun: _Begun) -> AsyncGenerator[bytes, None]:
    encoder = StreamEncoder(begun.head)
    async with aclosing(begun.stream) as stream:
        async for event in stream:
            if told := encoder.encode(event):
                events = [sse.encode_event(name, data) for name, data in told]
                yield events[0] if len(events) == 1 else b"".join(events)


async def _frames(begun: _Begun) -> AsyncGenerator[bytes, None]:
    encoder = StreamEncoder(begun.head)
    async with aclosing(begun.stream) as stream:
        async for event in stream:
            if told := encoder.encode(event):
                yield b"".join([_frame(data) for _, data in told])


def _frame(document: bytes) -> bytes:
    return eventstream.encode_event("chunk", b'{"bytes":"%b"}' % b64encode(document))


def _response(request: Request, body: bytes, ignored: list[str] | None = None) -> Response:
    headers = [_JSON, *_headers(request, ignored or [])]
    record = request.trace.record
    if record is not None:
        headers.append((b"x-kilonova-price", format_nano(record.price_nano).encode()))
    return Response(200, body, tuple(headers))


def _headers(request: Request, ignored: list[str]) -> tuple[Header, ...]:
    headers = [(b"request-id", request.trace.request_id.encode())]
    hints = [*ignored, *([_BETA.decode()] if _BETA in request.headers else [])]
    if hints:
        headers.append((b"x-kilonova-ignored", ", ".join(hints).encode()))
    if request.trace.was_replayed:
        headers.append((b"x-kilonova-replayed", b"true"))
    return tuple(headers)
