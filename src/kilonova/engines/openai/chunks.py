"""The chunks of a streamed answer, and whole ones, as the servers write them, decoded to types.

Only what is read is named here; msgspec skips the rest without building it. ``timings`` is
llama.cpp's, ``stop_reason`` vLLM's, ``matched_stop`` SGLang's, ``reasoning`` OpenRouter's.
"""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

__all__ = [
    "Chunk", "ChunkChoice", "Delta", "Timings", "TokenCount", "TokenEntry", "WireError",
    "decode_chunk",
]  # fmt: skip


# A count beyond any context is a mistake of the server, and must not reach the ledger.
TokenCount = Annotated[int, Meta(ge=0, le=1 << 40)]
_Byte = Annotated[int, Meta(ge=0, le=255)]


class TokenEntry(Struct, frozen=True):
    token: str
    logprob: float | None = None
    bytes: list[_Byte] | None = None
    top_logprobs: "list[TokenEntry]" = []


class Logprobs(Struct, frozen=True):
    """``content`` in chats, and everywhere with llama.cpp; the three lists in completions.

    A list may be cut short or hold null, as for a prompt's first token.
    """

    content: list[TokenEntry] | None = None
    tokens: list[str] = []
    token_logprobs: list[float | None] = []
    top_logprobs: list[dict[str, float] | None] | None = None

    def entries(self) -> list[TokenEntry]:
        """One a token, in either form."""
        if self.content is not None:
            return self.content
        tops = self.top_logprobs or [None] * len(self.tokens)
        return [
            TokenEntry(token, logprob, None, [TokenEntry(*one) for one in (top or {}).items()])
            for token, logprob, top in zip(self.tokens, self.token_logprobs, tops, strict=False)
        ]


class _Function(Struct, frozen=True):
    name: str | None = None
    arguments: str | None = None


class ToolCallChunk(Struct, frozen=True):
    index: int = 0
    id: str | None = None
    function: _Function = _Function()


class Delta(Struct, frozen=True):
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[ToolCallChunk] | None = None


class ChunkChoice(Struct, frozen=True):
    """``text`` is what a raw prompt is continued with, in the place of ``delta``; ``message`` is in
    that place where the answer is whole."""

    delta: Delta = Delta()
    message: Delta | None = None
    text: str | None = None
    finish_reason: str | None = None
    logprobs: Logprobs | None = None
    stop_reason: int | str | None = None
    matched_stop: int | str | None = None


class _PromptDetails(Struct, frozen=True):
    cached_tokens: TokenCount | None = None


class _OutputDetails(Struct, frozen=True):
    reasoning_tokens: TokenCount | None = None


class WireUsage(Struct, frozen=True):
    prompt_tokens: TokenCount = 0
    completion_tokens: TokenCount = 0
    prompt_tokens_details: _PromptDetails | None = None
    completion_tokens_details: _OutputDetails | None = None


class Timings(Struct, frozen=True):
    """``prompt_n`` tokens were read, ``cache_n`` reused, ``predicted_n`` generated so far."""

    prompt_n: TokenCount = 0
    cache_n: TokenCount = 0
    predicted_n: TokenCount = 0


class WireError(Struct, frozen=True):
    message: str = ""
    code: int | str | None = None
    type: str | None = None
    n_prompt_tokens: int | None = None
    n_ctx: int | None = None


class Chunk(Struct, frozen=True):
    choices: list[ChunkChoice] = []
    usage: WireUsage | None = None
    timings: Timings | None = None
    error: WireError | None = None


decode_chunk = msgspec.json.Decoder(Chunk).decode
