"""Which URL of OpenAI's API does what here."""

import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from functools import lru_cache, partial
from hashlib import blake2b
from urllib.parse import unquote_to_bytes

from msgspec import UNSET

from kilonova import __version__
from kilonova.core.money import format_nano
from kilonova.dialects.openai.answer_schema import AnswerHead
from kilonova.dialects.openai.classification import (
    decode_classify,
    encode_classify,
    parse_classify,
)
from kilonova.dialects.openai.credentials import call
from kilonova.dialects.openai.decode import (
    decode_chat,
    decode_embeddings,
    parse_chat,
    parse_embeddings,
)
from kilonova.dialects.openai.encode import (
    encode_answer,
    encode_embeddings,
    encode_model,
    encode_models,
)
from kilonova.dialects.openai.encode_stream import StreamEncoder
from kilonova.dialects.openai.errors import encode_error, encode_stream_error
from kilonova.dialects.openai.parameters import ignored_by_chat, ignored_by_embeddings
from kilonova.dialects.openai.schema import ChatBody
from kilonova.dialects.wire import sse
from kilonova.gateway.classification import Classifications
from kilonova.gateway.gateway import Gateway
from kilonova.gateway.stream import ChatStream
from kilonova.telemetry.trace import Trace
from kilonova.web.endpoint import Answer, Endpoint
from kilonova.web.message import Header, Request, Response, Stream

__all__ = ["ROOTS", "OpenAISurface"]

# Where the API is mounted: OpenAI's own clients, and those of clouds that serve its wire.
ROOTS = ("/v1", "/openai/v1")

_JSON: Header = (b"content-type", b"application/json")
_SSE: Header = (b"content-type", sse.CONTENT_TYPE.encode())
# Proxies in front hold streams back unless they are told not to.
_UNBUFFERED: tuple[Header, ...] = ((b"cache-control", b"no-cache"), (b"x-accel-buffering", b"no"))
_SCOPE_HEADERS = (b"openai-organization", b"openai-project")


class OpenAISurface:
    """Chat completions, embeddings, classification and models."""

    def __init__(
        self,
        gateway: Gateway,
        *,
        classifications: Classifications | None = None,
        body_bytes_max: int = 32 * 1024 * 1024,
    ) -> None:
        self._gateway = gateway
        endpoints: dict[tuple[str, str], Callable[[Request], Awaitable[Answer]]] = {
            ("POST", "/chat/completions"): self.chat_completions,
            ("POST", "/embeddings"): self.embeddings,
            ("GET", "/models"): self.models,
        }
        if classifications is not None:
            endpoints["POST", "/classify"] = partial(self.classify, classifications)
        self._fixed = {
            (method, f"{root}{path}".encode()): Endpoint(
                handle=handle, fail=encode_error, body_bytes_max=body_bytes_max
            )
            for root in ROOTS
            for (method, path), handle in endpoints.items()
        }
        self._one_model = Endpoint(handle=self.model, fail=encode_error, body_bytes_max=0)

    def find(self, request: Request) -> Endpoint | None:
        """On the raw path: a model's id may hold slashes, encoded or not."""
        endpoint = self._fixed.get((request.method, request.raw_path))
        if endpoint is not None or request.method != "GET":
            return endpoint
        for prefix in _MODEL_PREFIXES:
            if request.raw_path.startswith(prefix) and len(request.raw_path) > len(prefix):
                name = unquote_to_bytes(request.raw_path[len(prefix) :])
                request.captures = (name.decode(errors="replace"),)
                return self._one_model
        return None

    async def chat_completions(self, request: Request) -> Answer:
        """``POST /chat/completions``, whole or streamed."""
        caller = self._gateway.authorise(call(request))
        body = parse_chat(request.body)
        asked = decode_chat(body)
        ignored = ignored_by_chat(body)
        stream = await self._gateway.chat(caller, asked)
        head = _answer_head(stream, body)
        headers = _headers(request, ignored, was_replayed=stream.was_replayed)
        if not body.stream:
            answer = await stream.collect()
            text = encode_answer(head, answer, has_logprobs=asked.top_logprobs is not None)
            return Response(200, text, (_JSON, *headers, *_price(request.trace)))
        options = body.stream_options
        encoder = StreamEncoder(
            head,
            choices=asked.choices,
            has_usage=options is not None and bool(options.include_usage),
        )
        return Stream(
            200,
            _chunks(stream, encoder),
            (_SSE, *_UNBUFFERED, *headers),
            encode_stream_error,
            stream,
        )

    async def embeddings(self, request: Request) -> Answer:
        """``POST /embeddings``."""
        caller = self._gateway.authorise(call(request))
        body = parse_embeddings(request.body)
        answer = await self._gateway.embed(caller, decode_embeddings(body))
        text = encode_embeddings(
            answer,
            self._gateway.model(body.model).id,
            is_base64=body.encoding_format == "base64",
        )
        headers = _headers(
            request, ignored_by_embeddings(body), was_replayed=request.trace.was_replayed
        )
        return Response(200, text, (_JSON, *headers, *_price(request.trace)))

    async def classify(self, classifications: Classifications, request: Request) -> Answer:
        """``POST /classify``."""
        caller = self._gateway.authorise(call(request))
        body = parse_classify(request.body)
        answer = await classifications.classify(caller, decode_classify(body))
        trace = request.trace
        text = encode_classify(
            answer, body.head, request_id=trace.request_id, created_s=int(time.time())
        )
        headers = _headers(request, ["user"] if body.user is not None else [])
        return Response(200, text, (_JSON, *headers, *_price(trace)))

    async def models(self, request: Request) -> Answer:
        """``GET /models``."""
        self._gateway.authorise(call(request))
        return Response(200, encode_models(self._gateway.models()), (_JSON, *_headers(request, [])))

    async def model(self, request: Request) -> Answer:
        """``GET /models/{id}``. An alias gives the model that it stands for."""
        self._gateway.authorise(call(request))
        model = self._gateway.model(request.captures[0])
        return Response(200, encode_model(model), (_JSON, *_headers(request, [])))


_MODEL_PREFIXES = tuple(f"{root}/models/".encode() for root in ROOTS)


async def _chunks(stream: ChatStream, encoder: StreamEncoder) -> AsyncGenerator[bytes, None]:
    async with aclosing(stream):
        async for event in stream:
            chunk = encoder.encode(event)
            if chunk:
                yield chunk


def _answer_head(stream: ChatStream, body: ChatBody) -> AnswerHead:
    """There is one tier of service; who names a tier is told that it was the default one."""
    return AnswerHead(
        id=f"chatcmpl-{stream.request_id.removeprefix('req_')}",
        created=int(time.time()),
        model=stream.model.id,
        system_fingerprint=_fingerprint(stream.model.engine, stream.model.engine_model),
        service_tier=UNSET if body.service_tier is None else "default",
    )


@lru_cache(maxsize=256)
def _fingerprint(engine: str, engine_model: str) -> str:
    """Changes when an answer to the same seed may change: with the release or the weights."""
    build = f"{__version__} {engine} {engine_model}"
    return f"fp_{blake2b(build.encode(), digest_size=5).hexdigest()}"


def _headers(
    request: Request, ignored: list[str], *, was_replayed: bool = False
) -> tuple[Header, ...]:
    headers = [(b"x-request-id", request.trace.request_id.encode())]
    scopes = [name.decode() for name in _SCOPE_HEADERS if name in request.headers]
    if ignored or scopes:
        headers.append((b"x-kilonova-ignored", ", ".join([*ignored, *scopes]).encode()))
    if was_replayed:
        headers.append((b"x-kilonova-replayed", b"true"))
    return tuple(headers)


def _price(trace: Trace) -> tuple[Header, ...]:
    if trace.record is None:
        return ()
    return ((b"x-kilonova-price", format_nano(trace.record.price_nano).encode()),)
