"""Any server or vendor that speaks chat completions, offered under our own names.

Its errors are translated for our caller: its 401 is our operator's problem, not the caller's.
Tokens are what the server reports at the end; a caller who leaves a stream early is billed by what
was counted until then (one chunk, one token). What nobody reads before its end is asked for in one
piece, and then read whoever leaves. Only a connection that never came about is retried.
"""

import os
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import TypeVar

import msgspec

from kilonova.core.chat import ChatRequest, ImagePart, Part, ToolCallPart
from kilonova.core.embedding import EmbeddingAnswer, EmbeddingRequest
from kilonova.core.errors import (
    EngineFailed,
    EngineTimeout,
    InvalidRequest,
    KilonovaError,
    ModelNotReady,
)
from kilonova.core.events import ChatBegun, EngineEvent
from kilonova.core.ports import Health
from kilonova.engines import EngineOptionsError
from kilonova.engines.choices import fan_out
from kilonova.engines.openai.body import chat_body, completion_body
from kilonova.engines.openai.chunks import Chunk, TokenCount
from kilonova.engines.openai.client import Client
from kilonova.engines.openai.join import joined
from kilonova.engines.openai.stream import EventReader
from kilonova.engines.upstream_errors import translate
from kilonova.engines.upstream_options import UpstreamOptions
from kilonova.engines.upstream_wishes import add_wishes, refuse_unsayable

__all__ = ["Upstream"]

# Bounds of what a chat template adds, in tokens; a token is at least one byte of what it says.
_PROMPT_TOKENS = 64
_MESSAGE_TOKENS = 16
_IMAGE_TOKENS = 4_096
_TEXT_TOKENS = 8

_Kind = TypeVar("_Kind")

# What a text has in tokens, roughly, where the server only tells at the end.
_BYTES_PER_TOKEN = 4


class _Count(msgspec.Struct, frozen=True):
    input_tokens: TokenCount


class _Vector(msgspec.Struct, frozen=True):
    embedding: list[float]
    index: int = 0


class _Used(msgspec.Struct, frozen=True):
    prompt_tokens: TokenCount = 0


class _Vectors(msgspec.Struct, frozen=True):
    data: list[_Vector]
    usage: _Used = _Used()


class Upstream:
    """See the module."""

    Options = UpstreamOptions

    def __init__(self, name: str, options: UpstreamOptions, home: Path | None = None) -> None:
        if options.api_key and not options.api_key.startswith(("env:", "file:")):
            raise EngineOptionsError(
                f"engines.{name}.api_key: write a reference, env:NAME or file:/path, not the key"
            )
        self.name = name
        self.home = home
        self.options = options
        self.answers_whole = options.whole_answers == "whole"
        self._open: Client | None = None

    async def start(self) -> None:
        """Reads the secrets and opens a session; asks the server nothing."""
        self._open = Client(
            self.options.url,
            headers=_headers(self.name, self.options),
            connect_s_max=self.options.connect_s_max,
            silence_s_max=self.options.silence_s_max,
            translate=translate,
        )

    async def stop(self) -> None:
        client, self._open = self._open, None
        if client is not None:
            await client.close()

    async def health(self) -> Health:
        """Ready when the server answers at all: some have no list of models to show."""
        if self._open is None:
            return Health(False, "not started")
        try:
            await self._client.ask("/models")
        except (ModelNotReady, EngineTimeout) as error:
            return Health(False, error.message)
        except KilonovaError as error:
            return Health(True, f"reachable: {error.message}")
        return Health(True, "reachable")

    async def count_tokens(self, request: ChatRequest) -> int:
        refuse_unsayable(request, self.options)
        if self.options.counts_tokens == "bound" or request.prompt is not None:
            return _bound(request)
        body = self._body(request, is_streamed=True)
        received = await self._client.ask("/chat/completions/input_tokens", body)
        return _decode(received, _Count).input_tokens

    def chat(self, request: ChatRequest) -> AsyncGenerator[EngineEvent, None]:
        return fan_out(self._stream, request)

    async def count_embedding(self, request: EmbeddingRequest) -> int:
        """A bound: no token is shorter than a byte, and a text may be framed by some."""
        return sum(len(text.encode()) + _TEXT_TOKENS for text in request.texts)

    async def embed(self, request: EmbeddingRequest) -> EmbeddingAnswer:
        if not request.is_normalised:
            raise InvalidRequest(
                "This model's vectors are what its server makes of them; leave normalize out.",
                param="normalize",
            )
        body: dict[str, object] = {
            "model": self._model(request.model),
            "input": request.texts,
            "encoding_format": "float",
        }
        if request.dimensions is not None:
            body["dimensions"] = request.dimensions
        received = await self._client.ask("/embeddings", msgspec.json.encode(body))
        answer = _decode(received, _Vectors)
        if len(answer.data) != len(request.texts):
            raise EngineFailed("The engine sent another number of vectors than there are texts.")
        in_order = sorted(answer.data, key=lambda vector: vector.index)
        return EmbeddingAnswer(
            vectors=tuple(tuple(one.embedding) for one in in_order),
            input_tokens=answer.usage.prompt_tokens,
        )

    async def _stream(self, request: ChatRequest) -> AsyncGenerator[EngineEvent, None]:
        reader = EventReader(
            prompt_tokens=max(1, _bound(request) // _BYTES_PER_TOKEN),
            alternatives=request.top_logprobs or 0,
        )
        refuse_unsayable(request, self.options)
        path = "/chat/completions" if request.prompt is None else "/completions"
        is_whole = request.is_whole and self.answers_whole
        body = self._body(request, is_streamed=not is_whole)
        # Whether the server has a queue it does not tell.
        yield ChatBegun(is_whole)
        if is_whole:
            for event in reader.read_whole(await self._whole(path, body)):
                yield event
        else:
            async with aclosing(self._chunks(path, body)) as chunks:
                async for batch in chunks:
                    for event in joined(event for chunk in batch for event in reader.read(chunk)):
                        yield event
        for event in reader.finish():
            yield event

    async def _whole(self, path: str, body: bytes) -> Chunk:
        """As ``_chunks``, in one piece."""
        wait_s = self.options.whole_s_max
        try:
            received = await self._client.ask(path, body, silence_s_max=wait_s)
        except ModelNotReady:
            received = await self._client.ask(path, body, silence_s_max=wait_s)
        return _decode(received, Chunk)

    async def _chunks(self, path: str, body: bytes) -> AsyncGenerator[list[Chunk], None]:
        """One more try when the connection never came about; the server has not seen us then."""
        for is_last in (False, True):
            try:
                async with aclosing(self._client.stream(path, body)) as chunks:
                    async for batch in chunks:
                        yield batch
                return
            except ModelNotReady:
                if is_last:
                    raise

    @property
    def _client(self) -> Client:
        if self._open is None:
            raise ModelNotReady(f"The engine {self.name} is not running.", retry_after_s=1)
        return self._open

    def _model(self, name: str) -> str:
        return self.options.models.get(name, name)

    def _body(self, request: ChatRequest, *, is_streamed: bool) -> bytes:
        model, options = self._model(request.model), self.options
        if request.prompt is None:
            thinks = options.reads_thoughts
            body = chat_body(request, model, tells_thoughts=thinks, is_streamed=is_streamed)
        else:
            body = completion_body(request, model, is_streamed=is_streamed)
        add_wishes(body, request, options)
        if "max_tokens" in body and request.prompt is None:
            body[self.options.limit_field] = body.pop("max_tokens")
        return msgspec.json.encode(body)


def _decode(received: bytes, kind: type[_Kind]) -> _Kind:
    try:
        return msgspec.json.decode(received, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise EngineFailed("The engine sent an answer that is not understood.") from error


def _headers(name: str, options: UpstreamOptions) -> dict[str, str]:
    headers = {key: _resolved(name, value) for key, value in options.headers.items()}
    if options.api_key:
        headers["Authorization"] = f"Bearer {_resolved(name, options.api_key)}"
    return headers


def _resolved(name: str, reference: str) -> str:
    kind, _, where = reference.partition(":")
    if kind == "env":
        if where not in os.environ:
            raise EngineOptionsError(f"engines.{name}: the environment has no variable {where}")
        return os.environ[where]
    if kind == "file":
        try:
            return Path(where).read_text().strip()
        except OSError as error:
            raise EngineOptionsError(f"engines.{name}: {where}: {error.strerror}") from error
    return reference


def _bound(request: ChatRequest) -> int:
    """More tokens than any tokenizer makes of this prompt."""
    total = _PROMPT_TOKENS + _MESSAGE_TOKENS * len(request.messages)
    total += len((request.prompt or "").encode())
    total += sum(_part_bound(part) for message in request.messages for part in message.parts)
    for tool in request.tools:
        words = f"{tool.name}{tool.description}".encode()
        total += len(words) + len(bytes(tool.parameters)) + _PROMPT_TOKENS
    return total


def _part_bound(part: Part) -> int:
    match part:
        case ImagePart():
            return _IMAGE_TOKENS
        case ToolCallPart():
            return len(part.name.encode()) + len(part.arguments.encode()) + _MESSAGE_TOKENS
        case _:
            return len(part.text.encode())
