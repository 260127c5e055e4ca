"""``POST /chat/completions``, whole or streamed, for OpenAI's wire and for its relatives."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from functools import lru_cache
from hashlib import blake2b

from msgspec import UNSET

from kilonova import __version__
from kilonova.core.errors import KilonovaError
from kilonova.core.ids import time_ms
from kilonova.core.usage import Usage
from kilonova.dialects.openai.answer_headers import JSON, STREAMED, answer_headers, price_header
from kilonova.dialects.openai.answer_schema import AnswerHead, WireUsage, wire_usage
from kilonova.dialects.openai.credentials import call
from kilonova.dialects.openai.decode import decode_chat, parse_chat
from kilonova.dialects.openai.encode import encode_answer
from kilonova.dialects.openai.encode_stream import StreamEncoder
from kilonova.dialects.openai.errors import encode_stream_error
from kilonova.dialects.openai.parameters import (
    ignored_by_chat,
    ignored_by_model,
    ignored_tier,
)
from kilonova.dialects.openai.schema import ChatBody
from kilonova.gateway.gateway import Gateway
from kilonova.gateway.stream import ChatStream
from kilonova.web.endpoint import Answer
from kilonova.web.message import Request, Response, Stream

__all__ = ["ChatCompletions", "fingerprint"]


class ChatCompletions:
    """``usage`` writes the tokens, ``fail`` the end of a stream that breaks: relatives differ."""

    def __init__(
        self,
        gateway: Gateway,
        *,
        usage: Callable[[Usage], WireUsage] = wire_usage,
        fail: Callable[[KilonovaError], bytes] = encode_stream_error,
    ) -> None:
        self._gateway = gateway
        self._usage = usage
        self._fail = fail

    async def handle(self, request: Request) -> Answer:
        """Raises whatever refuses the request before the first byte of an answer."""
        caller = self._gateway.authorise(call(request))
        body = parse_chat(request.body)
        asked = decode_chat(body)
        stream = await self._gateway.chat(caller, asked, is_whole=not body.stream)
        ignored = [
            *ignored_by_chat(body),
            *ignored_by_model(body, stream.model, asked.thinking),
            *ignored_tier(asked.service_tier, stream.service_tier),
        ]
        head = _answer_head(stream, body)
        headers = answer_headers(request, ignored)
        if not body.stream:
            answer = await stream.collect()
            has_logprobs = asked.top_logprobs is not None
            text = encode_answer(head, answer, has_logprobs=has_logprobs, usage=self._usage)
            return Response(200, text, (JSON, *headers, *price_header(request.trace)))
        options = body.stream_options
        encoder = StreamEncoder(
            head,
            choices=asked.choices,
            has_usage=options is not None and bool(options.include_usage),
            usage=self._usage,
            bill=stream.bill,
        )
        return Stream(200, _chunks(stream, encoder), (*STREAMED, *headers), self._fail, stream)


async def _chunks(stream: ChatStream, encoder: StreamEncoder) -> AsyncGenerator[bytes, None]:
    async with aclosing(stream):
        async for event in stream:
            chunk = encoder.encode(event)
            if chunk:
                yield chunk


def _answer_head(stream: ChatStream, body: ChatBody) -> AnswerHead:
    """Who names a tier of service is told which one was sold.

    A replayed answer keeps its name and its time."""
    name = stream.first_request_id.removeprefix("req_")
    return AnswerHead(
        id=f"chatcmpl-{name}",
        created=time_ms(name) // 1000,
        model=stream.model.id,
        system_fingerprint=fingerprint(stream.model.engine, stream.model.engine_model),
        service_tier=UNSET if body.service_tier is None else stream.service_tier,
    )


@lru_cache(maxsize=256)
def fingerprint(engine: str, engine_model: str) -> str:
    """Changes when an answer to the same seed may change: with the release or the weights."""
    build = f"{__version__} {engine} {engine_model}"
    return f"fp_{blake2b(build.encode(), digest_size=5).hexdigest()}"
