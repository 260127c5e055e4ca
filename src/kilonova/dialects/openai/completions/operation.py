"""``POST /completions``, whole or streamed.

Every prompt is a request of its own on the request path, with a permit and a usage record of its
own, and they run one after the other: one caller takes one place. What ran is billed when a later
prompt is refused; with an ``Idempotency-Key`` a repeated call runs only those that did not.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from msgspec.structs import replace

from kilonova.core.chat import ChatRequest
from kilonova.core.errors import KilonovaError
from kilonova.core.events import ChatEvent, ChatFinished, fold
from kilonova.core.ids import time_ms
from kilonova.core.usage import UsageRecord, add_costs
from kilonova.dialects.openai.answer_headers import JSON, STREAMED, answer_headers, price_header
from kilonova.dialects.openai.answer_schema import AnswerHead
from kilonova.dialects.openai.chat import fingerprint
from kilonova.dialects.openai.completions.decode import (
    OUTPUT_TOKENS,
    decode_completions,
    parse_completions,
)
from kilonova.dialects.openai.completions.encode import (
    ChunkEncoder,
    Form,
    add_usages,
    encode_completion,
)
from kilonova.dialects.openai.completions.parameters import ignored_by_completions
from kilonova.dialects.openai.completions.schema import CompletionBody
from kilonova.dialects.openai.credentials import call
from kilonova.dialects.openai.errors import encode_stream_error
from kilonova.gateway.gateway import Gateway
from kilonova.gateway.stream import ChatStream
from kilonova.telemetry.trace import Trace
from kilonova.web.endpoint import Answer
from kilonova.web.message import Request, Response, Stream

__all__ = ["Completions", "form_of"]

_Events = AsyncGenerator[tuple[int, ChatEvent], None]


class Completions:
    """``output_tokens`` is for requests that name no limit; None is as much as fits. ``fail``
    writes the end of a stream that breaks."""

    def __init__(
        self,
        gateway: Gateway,
        *,
        output_tokens: int | None = OUTPUT_TOKENS,
        fail: Callable[[KilonovaError], bytes] = encode_stream_error,
    ) -> None:
        self._gateway = gateway
        self._output_tokens = output_tokens
        self._fail = fail

    async def handle(self, request: Request) -> Answer:
        """Raises whatever refuses the first prompt before the first byte of an answer."""
        caller = self._gateway.authorise(call(request))
        body = parse_completions(request.body)
        asked = decode_completions(body, self._output_tokens)
        first = await self._gateway.chat(caller, asked[0], is_whole=not body.stream)
        head = _head(first)
        form = form_of(body, asked)
        headers = answer_headers(request, ignored_by_completions(body))
        events = self._run(request, first, asked)
        if body.stream:
            chunks = _chunks(events, ChunkEncoder(head, form), first)
            return Stream(200, chunks, (*STREAMED, *headers), self._fail, first)
        answers: list[list[ChatEvent]] = [[] for _ in asked]
        async with aclosing(events):
            async for prompt, event in events:
                answers[prompt].append(event)
        text = encode_completion(head, [fold(answer) for answer in answers], form)
        return Response(200, text, (JSON, *headers, *price_header(request.trace)))

    async def _run(
        self, request: Request, first: ChatStream, asked: tuple[ChatRequest, ...]
    ) -> _Events:
        """The events of all prompts, each with the number of its prompt."""
        async with aclosing(first):
            async for event in first:
                yield 0, event
        for number, prompt in enumerate(asked[1:], 1):
            trace = Trace(request.trace.method, request.trace.path)
            try:
                stream = await self._ask(request, prompt, number=number, trace=trace)
                async with aclosing(stream):
                    async for event in stream:
                        yield number, event
            finally:
                request.trace.record = _sum(request.trace.record, trace.record)

    async def _ask(
        self, request: Request, asked: ChatRequest, *, number: int, trace: Trace
    ) -> ChatStream:
        first = call(request)
        key = first.idempotency_key
        again = replace(first, trace=trace, idempotency_key=key and f"{key} {number}")
        return await self._gateway.chat(
            self._gateway.authorise(again), asked, is_whole=request.trace.is_whole
        )


async def _chunks(
    events: _Events, encoder: ChunkEncoder, first: ChatStream
) -> AsyncGenerator[bytes, None]:
    """``first`` has the record of all prompts at the end."""
    usages = []
    async with aclosing(events):
        async for prompt, event in events:
            if isinstance(event, ChatFinished):
                usages.append(event.usage)
            elif chunk := encoder.encode(prompt, event):
                yield chunk
    yield encoder.end(add_usages(usages), first.bill())


def _head(stream: ChatStream) -> AnswerHead:
    """A replayed answer keeps its name and its time."""
    name = stream.first_request_id.removeprefix("req_")
    return AnswerHead(
        id=f"cmpl-{name}",
        created=time_ms(name) // 1000,
        model=stream.model.id,
        system_fingerprint=fingerprint(stream.model.engine, stream.model.engine_model),
    )


def form_of(body: CompletionBody, asked: tuple[ChatRequest, ...]) -> Form:
    """How the answer to this body is to look."""
    options = body.stream_options
    return Form(
        echoes=tuple([(one.prompt or "") if body.echo else "" for one in asked]),
        choices=body.n or 1,
        logprobs=body.logprobs,
        has_usage=options is not None and bool(options.include_usage),
    )


def _sum(one: UsageRecord | None, other: UsageRecord | None) -> UsageRecord | None:
    """What is said of the call as a whole; the ledger has a record for each prompt."""
    if one is None or other is None:
        return one or other
    return replace(
        one,
        usage=add_usages([one.usage, other.usage]),
        price_nano=one.price_nano + other.price_nano,
        shortfall_nano=one.shortfall_nano + other.shortfall_nano,
        cost=add_costs(one.cost, other.cost),
        outcome=other.outcome,
        finished_ms=other.finished_ms,
    )
