"""Which URL of Google's APIs does what here."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from functools import partial

from kilonova.core.embedding import EmbeddingAnswer
from kilonova.core.errors import InvalidRequest, NotFound
from kilonova.core.model import Model
from kilonova.core.money import format_nano
from kilonova.dialects.gemini.answer_schema import AnswerHead, Manner
from kilonova.dialects.gemini.body import BodyDecoder
from kilonova.dialects.gemini.credentials import call, has_key, query
from kilonova.dialects.gemini.decode import (
    DecodedEmbedding,
    decode_batch,
    decode_count,
    decode_embed,
    decode_generate,
    decode_predict,
)
from kilonova.dialects.gemini.encode import (
    encode_answer,
    encode_batch,
    encode_count,
    encode_embedding,
    encode_model,
    encode_models,
    encode_predictions,
)
from kilonova.dialects.gemini.encode_stream import StreamEncoder
from kilonova.dialects.gemini.errors import Form, encode_content_error, encode_error
from kilonova.dialects.gemini.framing import ArrayFraming, Framing, SseFraming
from kilonova.dialects.gemini.headers import notes
from kilonova.dialects.gemini.pages import one_page
from kilonova.dialects.gemini.paths import VERSIONS, Place, find_place
from kilonova.dialects.gemini.schema import (
    BatchEmbedBody,
    CountBody,
    EmbedBody,
    GenerateBody,
    PredictBody,
)
from kilonova.dialects.gemini.tiers import ignored_tier, tier_header
from kilonova.dialects.wire.sealed_reasoning import ReasoningSeal
from kilonova.gateway.gateway import Gateway
from kilonova.gateway.stream import ChatStream
from kilonova.web.endpoint import Answer, Endpoint
from kilonova.web.message import Header, Request, Response, Stream

__all__ = ["GeminiSurface"]

_JSON: Header = (b"content-type", b"application/json; charset=utf-8")
# Proxies in front hold streams back unless they are told not to.
_UNBUFFERED: tuple[Header, ...] = ((b"cache-control", b"no-cache"), (b"x-accel-buffering", b"no"))
_NOT_OFFERED = {
    "/cachedContents": "Contents are not cached by name: prefixes are cached without being asked.",
    "/interactions": "Conversations are not kept: send all contents to generateContent.",
    "/files": "No files are kept on this wire: send texts and images in the contents.",
    "/batches": "There are no batches: send each request by itself.",
    ":batchGenerateContent": "There are no batches: send each request to generateContent.",
    ":asyncBatchEmbedContent": "There are no batches in the background: use batchEmbedContents.",
    "/tunedModels": "Models are not tuned here.",
    "/fileSearchStores": "Nothing is searched here; offer a function that does it.",
}
_OURS = ("/gemini/", "/upload/v1beta/", *(f"/{version}/" for version in VERSIONS))

Handler = Callable[[Request], Awaitable[Answer]]


class GeminiSurface:
    """Content, tokens, models and vectors, as the Gemini API and Vertex AI serve them."""

    def __init__(
        self, gateway: Gateway, *, seal: ReasoningSeal, body_bytes_max: int = 32 * 1024 * 1024
    ) -> None:
        self._gateway = gateway
        self._seal = seal
        self._body_bytes_max = body_bytes_max
        self._generates = BodyDecoder(GenerateBody)
        self._counts = BodyDecoder(CountBody)
        self._embeds = BodyDecoder(EmbedBody)
        self._batches = BodyDecoder(BatchEmbedBody)
        self._predicts = BodyDecoder(PredictBody)
        self._methods = {
            "generateContent": self._content_endpoint(self.generate, "object"),
            "countTokens": self._endpoint(self.count_tokens),
            "embedContent": self._endpoint(self.embed),
            "batchEmbedContents": self._endpoint(self.embed_batch),
            "predict": self._endpoint(self.predict),
        }
        self._events = self._content_endpoint(self.stream_events, "sse")
        self._array = self._content_endpoint(self.stream_array, "array")
        self._list = self._endpoint(self.models)
        self._one = self._endpoint(self.model)
        self._unknown = self._endpoint(_refuse_unknown)

    def _endpoint(self, handle: Handler) -> Endpoint:
        return Endpoint(handle=handle, fail=encode_error, body_bytes_max=self._body_bytes_max)

    def _content_endpoint(self, handle: Handler, form: Form) -> Endpoint:
        fail = partial(encode_content_error, form=form)
        return Endpoint(handle=handle, fail=fail, body_bytes_max=self._body_bytes_max)

    def find(self, request: Request) -> Endpoint | None:
        """On the raw path: a model's id may hold slashes, encoded or not."""
        path = request.raw_path
        if not path.startswith((b"/v1", b"/gemini/", b"/upload/v1beta/")):
            return None
        place = find_place(path, has_method=request.method == "POST")
        if place is not None and request.method == "POST":
            endpoint = self._method(place, request)
            if endpoint is not None:
                return endpoint
        elif place is not None and request.method == "GET" and _is_ours(request):
            return self._one if place.model else self._list
        return self._unknown if _is_stray(request) else None

    def _method(self, place: Place, request: Request) -> Endpoint | None:
        if place.method == "streamGenerateContent":
            is_sse = query(request).get("alt") == "sse" if request.query else False
            return self._events if is_sse else self._array
        return self._methods.get(place.method)

    async def generate(self, request: Request) -> Answer:
        """``generateContent``: the whole answer in one body."""
        stream, ignored, manner = await self._begin(request, is_whole=True)
        answer = await stream.collect()
        body = encode_answer(_head(stream), answer, manner)
        price = (b"x-kilonova-price", format_nano(stream.record.price_nano).encode())
        tier = tier_header(stream.service_tier)
        return Response(200, body, (_JSON, price, tier, *notes(request, ignored)))

    async def stream_events(self, request: Request) -> Answer:
        """``streamGenerateContent?alt=sse``."""
        return await self._stream(request, SseFraming())

    async def stream_array(self, request: Request) -> Answer:
        """``streamGenerateContent``: one JSON array that grows."""
        return await self._stream(request, ArrayFraming())

    async def count_tokens(self, request: Request) -> Answer:
        """``countTokens``: what the same request would be billed for. Free of charge."""
        caller = self._gateway.authorise(call(request))
        body = self._counts.decode(request.body)
        decoded = decode_count(body, self._model(request), self._seal)
        count = await self._gateway.count_tokens(caller, decoded.request)
        return Response(200, encode_count(count), (_JSON, *notes(request, decoded.ignored)))

    async def models(self, request: Request) -> Answer:
        """Every model on offer, in pages. Nobody has trained one of their own here."""
        self._gateway.authorise(call(request))
        place = _place(request)
        if place.is_own:
            name = b"tunedModels" if b"/tunedModels" in request.raw_path else b"models"
            return Response(200, b'{"%s":[]}' % name, (_JSON, *notes(request, ())))
        page, token = one_page(self._gateway.models(), query(request))
        body = encode_models(page, publisher=place.publisher, next_page=token)
        return Response(200, body, (_JSON, *notes(request, (), has_pages=True)))

    async def model(self, request: Request) -> Answer:
        """One model. An alias gives the model that it stands for."""
        self._gateway.authorise(call(request))
        body = encode_model(self._model(request), publisher=_place(request).publisher)
        return Response(200, body, (_JSON, *notes(request, ())))

    async def embed(self, request: Request) -> Answer:
        """``embedContent``: the vector of one text."""
        caller = self._gateway.authorise(call(request))
        body = self._embeds.decode(request.body)
        decoded = decode_embed(body, self._model(request).id)
        answer = await self._gateway.embed(caller, decoded.request)
        return _vectors(request, decoded, encode_embedding(answer))

    async def embed_batch(self, request: Request) -> Answer:
        """``batchEmbedContents``: what the SDK sends for one text, too."""
        caller = self._gateway.authorise(call(request))
        body = self._batches.decode(request.body)
        decoded = decode_batch(body, self._model(request).id)
        answer: EmbeddingAnswer = await self._gateway.embed(caller, decoded.request)
        return _vectors(request, decoded, encode_batch(answer))

    async def predict(self, request: Request) -> Answer:
        """``predict``: how Vertex AI is asked for vectors."""
        caller = self._gateway.authorise(call(request))
        body = self._predicts.decode(request.body)
        decoded = decode_predict(body, self._model(request).id)
        answer = await self._gateway.embed(caller, decoded.request)
        return _vectors(request, decoded, encode_predictions(answer, decoded.request.texts))

    async def _begin(
        self, request: Request, *, is_whole: bool = False
    ) -> tuple[ChatStream, tuple[str, ...], Manner]:
        caller = self._gateway.authorise(call(request))
        _check_form(request)
        body = self._generates.decode(request.body)
        decoded = decode_generate(body, self._model(request), self._seal)
        stream = await self._gateway.chat(caller, decoded.request, is_whole=is_whole)
        manner = Manner(
            seal=self._seal,
            shows_thoughts=decoded.shows_thoughts,
            is_bare_enum=decoded.is_bare_enum,
        )
        asked, sold = decoded.request.service_tier, stream.service_tier
        return stream, (*decoded.ignored, *ignored_tier(asked, sold)), manner

    async def _stream(self, request: Request, framing: Framing) -> Answer:
        stream, ignored, manner = await self._begin(request)
        encoder = StreamEncoder(_head(stream), framing, manner, bill=stream.bill)
        content_type = (b"content-type", framing.content_type)
        tier = tier_header(stream.service_tier)
        headers = (content_type, *_UNBUFFERED, tier, *notes(request, ignored))
        return Stream(200, _chunks(stream, encoder), headers, encoder.fail, stream)

    def _model(self, request: Request) -> Model:
        """Raises NotFound for the last of the names that the path may mean."""
        *others, last = _place(request).names
        for name in others:
            try:
                return self._gateway.model(name)
            except NotFound:
                continue
        return self._gateway.model(last)


def _place(request: Request) -> Place:
    place = find_place(request.raw_path, has_method=request.method == "POST")
    assert place is not None, "routed by this very path"
    return place


def _is_ours(request: Request) -> bool:
    """``GET /v1/models`` is what OpenAI's clients ask, too."""
    is_plain = request.raw_path.startswith(b"/v1/models")
    return not is_plain or has_key(request)


def _is_stray(request: Request) -> bool:
    """Whether nobody else could mean this path, which means nothing here.

    Google serves OpenAI's wire, too: that is for another to find."""
    if request.raw_path.startswith(b"/v1beta/openai/"):
        return False
    if request.raw_path.decode("latin-1").startswith(_OURS):
        return True
    return request.raw_path.startswith(b"/v1/") and b"x-goog-api-key" in request.headers


def _check_form(request: Request) -> None:
    form = query(request).get("alt", "json") if request.query else "json"
    if form not in ("json", "sse"):
        raise InvalidRequest(
            f"Invalid value at 'alt': '{form[:64]}'. Answers are written as json, and streamed "
            "ones as sse, too.",
            param="alt",
        )


async def _chunks(stream: ChatStream, encoder: StreamEncoder) -> AsyncGenerator[bytes, None]:
    async with aclosing(stream):
        async for event in stream:
            chunk = encoder.encode(event)
            if chunk:
                yield chunk


def _head(stream: ChatStream) -> AnswerHead:
    return AnswerHead(stream.model.id, stream.request_id.removeprefix("req_"))


def _vectors(request: Request, decoded: DecodedEmbedding, body: bytes) -> Response:
    headers = [_JSON, *notes(request, decoded.ignored)]
    if request.trace.record is not None:
        price = format_nano(request.trace.record.price_nano)
        headers.append((b"x-kilonova-price", price.encode()))
    return Response(200, body, tuple(headers))


async def _refuse_unknown(request: Request) -> Answer:
    path = request.raw_path.decode("latin-1")[:200]
    for word, why in _NOT_OFFERED.items():
        if word in path:
            raise NotFound(
                f"{request.method} {path} is not served here. {why}", reason="unknown_operation"
            )
    raise NotFound(
        f"{request.method} {path} is not served here. Kilonova offers generateContent, "
        "streamGenerateContent, countTokens, embedContent, batchEmbedContents, predict and the "
        "models.",
        reason="unknown_operation",
    )
