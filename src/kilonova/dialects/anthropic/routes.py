"""Which URL of Anthropic's API does what here.

``/v1/models`` is OpenAI's too: it is Anthropic's for requests with an ``anthropic-version``, and
this surface leaves all others to whoever is asked next. Below ``/anthropic`` everything is its own.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from functools import partial
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from kilonova.core.errors import InvalidRequest, NotFound
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
from kilonova.dialects.anthropic.errors import encode_error, encode_stream_error
from kilonova.dialects.anthropic.headers import answer_headers, price_header
from kilonova.dialects.anthropic.native import answer_head
from kilonova.dialects.anthropic.paging import page_of
from kilonova.dialects.anthropic.schema import MessagesBody
from kilonova.dialects.wire import sse
from kilonova.dialects.wire.sealed_reasoning import ReasoningSeal
from kilonova.gateway.call import Caller
from kilonova.gateway.gateway import Gateway
from kilonova.gateway.stream import ChatStream
from kilonova.web.endpoint import Answer, Endpoint
from kilonova.web.message import Header, Request, Response, Stream

__all__ = ["PREFIX", "AnthropicSurface"]

# Everything below it is this wire's, at the addresses that it has at the root.
PREFIX = b"/anthropic"
# One cloud serves this wire below its own name, too.
_RELATIVE = b"/deepseek"

_MESSAGES = b"/v1/messages"
_COUNT = b"/v1/messages/count_tokens"
_MODELS = b"/v1/models"
_VERSION = b"anthropic-version"

_NOT_OFFERED = {
    "/v1/messages/batches/": "There are no batches of messages: send each to POST /v1/messages.",
    "/v1/files/": "No files are kept on this wire: send texts and images in the messages.",
    "/v1/complete/": "Text completions are gone: send messages to POST /v1/messages.",
}

_JSON: Header = (b"content-type", b"application/json")
_SSE: Header = (b"content-type", sse.CONTENT_TYPE.encode())
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

    def __init__(
        self, gateway: Gateway, *, seal: ReasoningSeal, body_bytes_max: int = 32 * 1024 * 1024
    ) -> None:
        self._gateway = gateway
        self._seal = seal
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
        }
        self._unknown = self._endpoint(_refuse_unknown)

    def _endpoint(self, handle: _Handler) -> Endpoint:
        return Endpoint(handle=handle, fail=encode_error, body_bytes_max=self._body_bytes_max)

    def find(self, request: Request) -> Endpoint | None:
        """On the raw path: a model's id may hold slashes, encoded or not."""
        path = request.raw_path
        if request.method == "POST" and path == _MESSAGES:
            return self._messages
        if path.startswith(_RELATIVE + PREFIX):
            path = path.removeprefix(_RELATIVE)
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

    async def _begin(self, caller: Caller, body: MessagesBody, model_name: str) -> _Begun:
        model = self._gateway.model(model_name)
        decoded = decode_messages(body, model, self._seal)
        stream = await self._gateway.chat(caller, decoded.request, is_whole=not body.stream)
        head = answer_head(body, model, stream.request_id, seal=self._seal)
        return _Begun(stream, head, decoded.ignored, bool(body.stream))

    async def count_tokens(self, request: Request) -> Answer:
        """``POST /v1/messages/count_tokens``, and the same at Google's. Free of charge."""
        caller = self._gateway.authorise(call(request))
        body = parse_count(request.body)
        decoded = decode_count(body, self._gateway.model(_named(body.model)), self._seal)
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
    for part, why in _NOT_OFFERED.items():
        if part in f"{path}/":
            raise NotFound(f"{request.method} {path} is not served here. {why}")
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
    headers = (_SSE, *_UNBUFFERED, *answer_headers(request, begun.ignored))
    fail = partial(encode_stream_error, trace=request.trace)
    return Stream(200, _events(begun), headers, fail, begun.stream)


async def _whole(request: Request, begun: _Begun) -> Response:
    answer = await begun.stream.collect()
    return _response(request, encode_answer(begun.head, answer), begun.ignored)


async def _events(begun: _Begun) -> AsyncGenerator[bytes, None]:
    encoder = StreamEncoder(begun.head, begun.stream.bill)
    async with aclosing(begun.stream) as stream:
        async for event in stream:
            if told := encoder.encode(event):
                events = [sse.encode_event(name, data) for name, data in told]
                yield events[0] if len(events) == 1 else b"".join(events)


def _response(request: Request, body: bytes, ignored: list[str] | None = None) -> Response:
    said = answer_headers(request, ignored or ())
    return Response(200, body, (_JSON, *said, *price_header(request.trace)))
