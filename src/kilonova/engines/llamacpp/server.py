"""A child's server as it is asked over its socket: the few calls that Kilonova makes.

What the server refuses becomes an error of ours here. Its own messages are passed on only where
they speak of the request.
"""

import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing

import msgspec

from kilonova.core.errors import (
    ContextTooLong,
    EngineFailed,
    InvalidRequest,
    KilonovaError,
    ModelNotReady,
)
from kilonova.engines.llamacpp.spec import ChildSpec
from kilonova.engines.llamacpp.wire import post_stream
from kilonova.engines.openai.chunks import Chunk
from kilonova.engines.openai.client import Client, Refusal, read_refusal
from kilonova.engines.openai.sse import EventSplitter

__all__ = ["ChildServer", "Properties"]

_CHAT = "/v1/chat/completions"
_COMPLETIONS = "/v1/completions"
_CONNECT_S_MAX = 5.0
_MESSAGE_CHARS_MAX = 500

# What a text for an embedding is refused with, status 500, when it is longer than a batch.
_TOO_LARGE = re.compile(r"input \((\d+) tokens\) is too large.*batch size: (\d+)")

# What a broken image is refused with, status 400 in a chat and 500 when counting.
_BROKEN_IMAGE = "Failed to load image"


class _TemplateCaps(msgspec.Struct, frozen=True):
    supports_tools: bool = False
    supports_tool_calls: bool = False


class _Generation(msgspec.Struct, frozen=True):
    n_ctx: int = 0


class Properties(msgspec.Struct, frozen=True):
    """What the server says of itself; ``n_ctx`` is the context of one slot."""

    total_slots: int
    default_generation_settings: _Generation = _Generation()
    chat_template_caps: _TemplateCaps = _TemplateCaps()

    @property
    def knows_tools(self) -> bool:
        return (
            self.chat_template_caps.supports_tools and self.chat_template_caps.supports_tool_calls
        )


class _SlotState(msgspec.Struct, frozen=True):
    id: int
    is_processing: bool


class _Count(msgspec.Struct, frozen=True):
    input_tokens: int


class _Rendered(msgspec.Struct, frozen=True):
    prompt: str


class _Tokens(msgspec.Struct, frozen=True):
    tokens: list[int]


class _Vector(msgspec.Struct, frozen=True):
    index: int
    embedding: list[float]


class _VectorUsage(msgspec.Struct, frozen=True):
    prompt_tokens: int = 0


class _Vectors(msgspec.Struct, frozen=True):
    data: list[_Vector]
    usage: _VectorUsage = _VectorUsage()


class ChildServer:
    """Two sessions on one socket: with the key, and without it for the self-test."""

    def __init__(self, spec: ChildSpec, *, silence_s_max: float) -> None:
        self._spec = spec
        self._silence_s_max = silence_s_max
        self.framing_tokens = 0
        self._client = _open(spec, {"Authorization": f"Bearer {spec.api_key}"}, silence_s_max)
        self._stranger = _open(spec, {}, silence_s_max)

    async def close(self) -> None:
        await self._client.close()
        await self._stranger.close()

    async def ask(self, path: str, body: bytes | None = None) -> bytes:
        return await self._client.ask(path, body)

    async def ask_without_key(self, path: str) -> bytes:
        return await self._stranger.ask(path)

    async def is_healthy(self) -> bool:
        try:
            await self._client.ask("/health")
        except ModelNotReady:  # no socket yet, or the model is loading
            return False
        return True

    async def properties(self) -> Properties:
        return msgspec.json.decode(await self._client.ask("/props"), type=Properties)

    async def erase(self, slot: int) -> None:
        """Waits for a request that still runs in the slot."""
        await self._client.ask(f"/slots/{slot}?action=erase", b"{}")

    async def is_idle(self, slot: int) -> bool:
        """Whether nothing runs in the slot."""
        slots = msgspec.json.decode(await self._client.ask("/slots"), type=list[_SlotState])
        return not any(one.is_processing for one in slots if one.id == slot)

    async def count(self, body: bytes) -> int:
        received = await self._client.ask(f"{_CHAT}/input_tokens", body)
        return msgspec.json.decode(received, type=_Count).input_tokens

    async def count_prompt(self, prompt: str) -> int:
        """As ``complete`` reads it: control tokens in it are control tokens."""
        body = {"content": prompt, "add_special": True, "parse_special": True}
        received = await self._client.ask("/tokenize", msgspec.json.encode(body))
        return len(msgspec.json.decode(received, type=_Tokens).tokens)

    async def render(self, body: Mapping[str, object]) -> str:
        """What the chat template makes of a request."""
        received = await self._client.ask("/apply-template", msgspec.json.encode(body))
        return msgspec.json.decode(received, type=_Rendered).prompt

    def chat(self, body: bytes) -> AsyncGenerator[list[Chunk], None]:
        """The chunks of an answer, as many at a time as came together."""
        return self._stream(_CHAT, body)

    def complete(self, body: bytes) -> AsyncGenerator[list[Chunk], None]:
        """As ``chat``, for a prompt that stands as it is."""
        return self._stream(_COMPLETIONS, body)

    async def _stream(self, path: str, body: bytes) -> AsyncGenerator[list[Chunk], None]:
        splitter = EventSplitter()
        received = post_stream(
            self._spec.socket_path,
            (path, self._spec.api_key, body),
            silence_s_max=self._silence_s_max,
            refuse=_refuse,
        )
        async with aclosing(received):
            async for piece in received:
                if chunks := splitter.feed(piece):
                    yield chunks

    async def embed(
        self, texts: Sequence[str], *, is_normalised: bool
    ) -> tuple[list[tuple[float, ...]], int]:
        """The vectors, and how many tokens were read for them."""
        body = {"input": texts, "embd_normalize": 2 if is_normalised else -1}
        received = await self._client.ask("/v1/embeddings", msgspec.json.encode(body))
        answer = msgspec.json.decode(received, type=_Vectors)
        in_order = sorted(answer.data, key=lambda vector: vector.index)
        return [tuple(one.embedding) for one in in_order], answer.usage.prompt_tokens

    async def probe_embeddings(self) -> None:
        """Proves that vectors are made, and learns how many tokens frame a text."""
        await self.embed(("probe",), is_normalised=True)
        framed = await self._tokenize(("probe",), is_framed=True)
        self.framing_tokens = framed - await self._tokenize(("probe",), is_framed=False)

    async def count_texts(self, texts: Sequence[str]) -> int:
        """Tokens of all texts together; the server frames only the first of a list."""
        more = self.framing_tokens * (len(texts) - 1)
        return more + await self._tokenize(texts, is_framed=True)

    async def _tokenize(self, texts: Sequence[str], *, is_framed: bool) -> int:
        body = {"content": texts, "add_special": is_framed}
        received = await self._client.ask("/tokenize", msgspec.json.encode(body))
        return len(msgspec.json.decode(received, type=_Tokens).tokens)

    async def progress(self) -> tuple[int, int]:
        """Requests that run now, and decode steps since the start: the second must grow."""
        lines = (await self._client.ask("/metrics")).decode().splitlines()
        values = dict(line.split(" ", 1) for line in lines if line and not line.startswith("#"))
        running = values.get("llamacpp:requests_processing", "0")
        steps = values.get("llamacpp:n_decode_total", "0")
        return int(float(running)), int(float(steps))


def _open(spec: ChildSpec, headers: dict[str, str], silence_s_max: float) -> Client:
    return Client(
        "http://engine",
        socket_path=spec.socket_path,
        headers=headers,
        connect_s_max=_CONNECT_S_MAX,
        silence_s_max=silence_s_max,
        translate=_translate,
    )


def _refuse(status: int, content: bytes) -> KilonovaError:
    return _translate(read_refusal(status, content))


def _translate(refusal: Refusal) -> KilonovaError:
    error = refusal.error
    if error.n_prompt_tokens is not None and error.n_ctx is not None:
        return ContextTooLong(input_tokens=error.n_prompt_tokens, context_tokens=error.n_ctx)
    if found := _TOO_LARGE.search(error.message):
        return ContextTooLong(input_tokens=int(found[1]), context_tokens=int(found[2]))
    if error.message.startswith(_BROKEN_IMAGE):
        return InvalidRequest("An image is broken and cannot be decoded.", param="messages")
    message = error.message[:_MESSAGE_CHARS_MAX]
    match refusal.status:
        case 400:
            return InvalidRequest(f"The engine refused the request: {message}")
        case 503:
            return ModelNotReady("The model is loading; try again.", retry_after_s=1)
        case status:
            return EngineFailed(f"The engine answered with status {status}: {message}")
