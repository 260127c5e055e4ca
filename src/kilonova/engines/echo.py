"""The engine without a model: it echoes the last user text or the prompt, word by word.

An answer that goes on leaves out what it goes on from, where the echo begins with that.
Deterministic and scriptable, it is the test double of the whole platform and the back end of load
tests, so with zero delays it costs about a microsecond an event. A token is a word between white
space, in and out. ``echo_script`` says what an answer will be; this file sends it.
"""

import asyncio
import hashlib
import math
from collections.abc import AsyncGenerator
from pathlib import Path

import msgspec

from kilonova.core.chat import ChatRequest
from kilonova.core.embedding import EmbeddingAnswer, EmbeddingRequest
from kilonova.core.errors import (
    ContextTooLong,
    EngineFailed,
    EngineTimeout,
    InvalidRequest,
    ModelNotReady,
    Overloaded,
)
from kilonova.core.events import (
    ChatBegun,
    ChatFinished,
    ChatStarted,
    ChoiceFinished,
    EngineEvent,
)
from kilonova.core.ports import Health
from kilonova.core.usage import Usage
from kilonova.engines.choices import fan_out
from kilonova.engines.echo_script import (
    NOTHING,
    Plan,
    Script,
    count_words,
    deltas,
    plan_answer,
    read_script,
)

__all__ = ["Echo"]

_DIMENSIONS_MAX = 4096
_BEGUN = ChatBegun()


class Echo:
    """``running``, ``finished``, ``failed`` and ``cancelled`` count streams, for tests."""

    class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        """``context_tokens`` 0 is without limit; ``script`` holds directives for every answer."""

        first_token_ms: float = 0.0
        token_ms: float = 0.0
        context_tokens: int = 0
        dimensions: int = 64
        script: str = ""

    answers_whole = False

    def __init__(self, name: str, options: Options | None = None, home: Path | None = None) -> None:
        self.name = name
        self.home = home
        self.options = options or Echo.Options()
        self.running = 0
        self.finished = 0
        self.failed = 0
        self.cancelled = 0
        self._is_started = False

    async def start(self) -> None:
        self._is_started = True

    async def stop(self) -> None:
        self._is_started = False

    async def health(self) -> Health:
        return Health(self._is_started, "echoes" if self._is_started else "not started")

    async def count_tokens(self, request: ChatRequest) -> int:
        return count_words(request)

    def chat(self, request: ChatRequest) -> AsyncGenerator[EngineEvent, None]:
        return fan_out(self._stream, request)

    async def count_embedding(self, request: EmbeddingRequest) -> int:
        return sum(self._count_text(index, text) for index, text in enumerate(request.texts))

    def _count_text(self, index: int, text: str) -> int:
        tokens, most = len(text.split()), self.options.context_tokens
        if most and tokens > most:
            raise ContextTooLong(input_tokens=tokens, context_tokens=most, text=index)
        return tokens

    async def embed(self, request: EmbeddingRequest) -> EmbeddingAnswer:
        """Texts that share words get vectors that are near to each other."""
        dimensions = request.dimensions or self.options.dimensions
        if not 1 <= dimensions <= _DIMENSIONS_MAX:
            raise InvalidRequest(
                f"dimensions must be between 1 and {_DIMENSIONS_MAX}", param="dimensions"
            )
        return EmbeddingAnswer(
            vectors=tuple(
                _vector(text, dimensions, is_normalised=request.is_normalised)
                for text in request.texts
            ),
            input_tokens=await self.count_embedding(request),
        )

    async def _stream(self, request: ChatRequest) -> AsyncGenerator[EngineEvent, None]:
        self.running += 1
        try:
            async for event in self._events(request):
                yield event
        except (asyncio.CancelledError, GeneratorExit):
            self.cancelled += 1
            raise
        except Exception:
            self.failed += 1
            raise
        else:
            self.finished += 1
        finally:
            self.running -= 1

    async def _events(self, request: ChatRequest) -> AsyncGenerator[EngineEvent, None]:
        script = read_script(request, self.options.script)
        input_tokens = count_words(request)
        self._admit(input_tokens)
        await _obey_before(script)
        yield _BEGUN
        plan = plan_answer(request, script)
        await _wait_ms(_first(script.first_token_ms, self.options.first_token_ms))
        yield ChatStarted(input_tokens)
        sent = 0
        is_slow = script is not NOTHING or self.options.token_ms > 0
        reason = plan.reason
        for delta in deltas(plan, request.top_logprobs):
            if sent == request.max_output_tokens:
                reason = "length"
                break
            if is_slow:
                await self._obey_within(script, sent)
            sent += 1
            yield delta
        if is_slow:
            await self._obey_within(script, sent)
        stopped_by = plan.stop_sequence if reason == "stop_sequence" else None
        yield ChoiceFinished(reason, sent, 0, stopped_by)
        yield ChatFinished(_usage(plan, input_tokens, sent))

    def _admit(self, input_tokens: int) -> None:
        context_tokens = self.options.context_tokens
        if context_tokens and input_tokens >= context_tokens:
            raise ContextTooLong(input_tokens=input_tokens, context_tokens=context_tokens)

    async def _obey_within(self, script: Script, sent: int) -> None:
        if script.fail_after is not None and sent >= script.fail_after:
            raise EngineFailed("The echo engine broke, as its script told it to.")
        if script.hang_after is not None and sent >= script.hang_after:
            await asyncio.Event().wait()
        if sent:
            await _wait_ms(_first(script.delay_ms, self.options.token_ms))


async def _obey_before(script: Script) -> None:
    if script.fail_before:
        raise EngineFailed("The echo engine failed, as its script told it to.")
    if script.overloaded:
        raise Overloaded("The echo engine is overloaded, as its script says.", retry_after_s=1)
    if script.not_ready:
        raise ModelNotReady("The echo engine is loading, as its script says.", retry_after_s=1)
    if script.timeout:
        raise EngineTimeout("The echo engine took too long, as its script says.")
    if script.hang:
        await asyncio.Event().wait()


def _first(scripted: float | None, configured: float) -> float:
    return configured if scripted is None else scripted


async def _wait_ms(milliseconds: float) -> None:
    if milliseconds > 0:
        await asyncio.sleep(milliseconds / 1000)


def _usage(plan: Plan, input_tokens: int, sent: int) -> Usage:
    return Usage(
        input_tokens=input_tokens,
        output_tokens=sent,
        reasoning_tokens=min(plan.thoughts, sent),
    )


def _vector(text: str, dimensions: int, *, is_normalised: bool) -> tuple[float, ...]:
    """Every word adds one to a place, or takes one away, that its hash names; then length 1."""
    vector = [0.0] * dimensions
    for word in text.lower().split():
        digest = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "big")
        vector[(digest >> 1) % dimensions] += 1.0 if digest & 1 else -1.0
    length = math.sqrt(sum(value * value for value in vector))
    if not is_normalised:
        return tuple(vector)
    if not length:
        return (1.0, *vector[1:])
    return tuple(value / length for value in vector)
