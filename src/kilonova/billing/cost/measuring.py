"""Measures a model on its engine, through the engine's port, and fits straight lines to the times.

    reading   start + prefill · tokens                                      one request at a time
    writing   decode + context · tokens of context                          one answer at a time
    beside    how much longer a token takes when a second answer is written at the same time

Every prompt begins with words of its own and has a scope of its own, so that none is remembered.
"""

import asyncio
import itertools
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import cast

import numpy as np
from msgspec import Struct
from msgspec.structs import astuple

from kilonova.billing.cost.calibration import Fit, Measured
from kilonova.core.chat import ChatRequest, Message, Sampling, TextPart
from kilonova.core.events import (
    ChatBegun,
    ChatFinished,
    ChatStarted,
    EngineEvent,
    ReasoningDelta,
    TextDelta,
)
from kilonova.core.model import Model
from kilonova.core.ports import Engine

__all__ = ["Effort", "Measurer", "TooLittleError"]

_WORDS = ("river", "stone", "seven", "paper", "north", "quiet", "glass", "early", "copper", "walk")
_WARM_UPS = 2
_MS = 1e6
_TOKENS_MIN = 4
_POINTS_MIN = 2
_ROUNDS_MAX = 4
# How far the times may be off the line, and how small what needs no context may be, as shares.
_OFF_MAX = 0.2
_BASE_MIN = 0.05


class TooLittleError(RuntimeError):
    """The model gave too little to measure; the message says of what."""


class Effort(Struct, frozen=True, kw_only=True):
    """``prompts`` and ``contexts`` are lengths in words, each tried ``repeats`` times, with
    answers of at most ``output_tokens``."""

    prompts: tuple[int, ...] = (16, 64, 128, 256, 512)
    contexts: tuple[int, ...] = (16, 128, 256, 384)
    output_tokens: int = 40
    repeats: int = 3
    step_tokens: int = 512


class _Point(Struct, frozen=True):
    """A length in tokens, and what it took."""

    tokens: float
    ns: float


class _Line(Struct, frozen=True):
    """``base`` + ``slope`` · length, in nanoseconds, beside the mean of the times."""

    base: float
    slope: float
    mean: float
    fit: Fit

    @property
    def is_near(self) -> bool:
        """The times are about where the line says."""
        return self.fit.residual_ns <= _OFF_MAX * self.mean


class _Timed(Struct, frozen=True):
    """One answer. Nanoseconds from its beginning to the first token, and for each token after."""

    input_tokens: int
    output_tokens: int
    first_ns: int
    token_ns: float | None


class Measurer:
    """One for a model. ``tell`` is given a line for each step, for whoever watches."""

    def __init__(
        self,
        engine: Engine,
        model: Model,
        *,
        effort: Effort | None = None,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        self._engine = engine
        self._model = model
        self._effort = effort or Effort()
        self._tell = tell or _silent
        self._numbers = itertools.count()

    async def measure(self) -> Measured:
        """Raises TooLittleError where the answers are too short to time, or the times lie on no
        line: then something else runs on the machine."""
        for _ in range(_WARM_UPS):
            await self._ask(16, output_tokens=4)
        reading = await self._line(self._effort.prompts, self._read, is_sound=_rises)
        writing = await self._line(self._effort.contexts, self._write, is_sound=_has_a_base)
        return Measured(
            engine=self._model.engine,
            engine_model=self._model.engine_model or self._model.id,
            prefill_ns=reading.slope,
            decode_ns=writing.base,
            context_ns=max(0.0, writing.slope),
            start_ns=max(0.0, reading.base),
            parallel=await self._beside(),
            step_tokens=self._effort.step_tokens,
            prefill_fit=reading.fit,
            decode_fit=writing.fit,
        )

    async def _line(
        self,
        lengths: Sequence[int],
        ask: "Callable[[int], Awaitable[_Point | None]]",
        *,
        is_sound: "Callable[[_Line], bool]",
    ) -> "_Line":
        """Tries until the quickest times of all lengths lie on a line."""
        best: dict[int, _Point] = {}
        line: _Line | None = None
        for _ in range(_ROUNDS_MAX):
            for words in self._lengths(lengths):
                self._tell(f"{self._model.id}: {ask.__name__.strip('_')}s {words} words")
                for _ in range(self._effort.repeats):
                    point = await ask(words)
                    # What disturbs a measurement makes it longer, never shorter.
                    if point is not None and (words not in best or point.ns < best[words].ns):
                        best[words] = point
            if len(best) < _POINTS_MIN:
                raise TooLittleError(f"{self._model.id}: its answers are too short to be timed")
            line = _fit(list(best.values()))
            if is_sound(line):
                return line
        assert line is not None, "there is one round at least"
        raise TooLittleError(
            f"{self._model.id}: its times do not fit together ({line.base / _MS:.2f} ms and "
            f"{line.slope / _MS:.4f} ms a token, {line.fit.residual_ns / _MS:.2f} ms off). "
            "Something else runs on this machine: try again when it is idle."
        )

    async def _read(self, words: int) -> "_Point | None":
        timed = await self._ask(words, output_tokens=1)
        return _Point(timed.input_tokens, timed.first_ns)

    async def _write(self, words: int) -> "_Point | None":
        timed = await self._ask(words, output_tokens=self._effort.output_tokens)
        if timed.token_ns is None:
            return None
        return _Point(timed.input_tokens + timed.output_tokens / 2, timed.token_ns)

    async def _beside(self) -> float:
        """By what share a token takes longer beside a second answer."""
        words = self._lengths(self._effort.contexts)[0]
        alone: list[float] = []
        beside: list[float] = []
        for _ in range(self._effort.repeats):
            if (point := await self._write(words)) is not None:
                alone.append(point.ns)
            pair = await asyncio.gather(self._write(words), self._write(words))
            beside += [point.ns for point in pair if point is not None]
        return max(0.0, min(beside) / min(alone) - 1) if alone and beside else 0.0

    def _lengths(self, words: Sequence[int]) -> list[int]:
        """Those that surely fit: a word here is at most three tokens."""
        room = (self._model.context_tokens - self._effort.output_tokens) // 3
        return [count for count in words if count <= room]

    def _request(self, words: int, output_tokens: int) -> ChatRequest:
        number = next(self._numbers)
        chosen = [_WORDS[(number + index * index) % len(_WORDS)] for index in range(words)]
        text = f"{number} {' '.join(chosen)}"
        is_raw = self._model.can("completion")
        return ChatRequest(
            model=self._model.engine_model or self._model.id,
            messages=() if is_raw else (Message("user", (TextPart(text),)),),
            prompt=text if is_raw else None,
            max_output_tokens=output_tokens,
            sampling=Sampling(temperature=1.0, seed=number),
            cache_scope=f"calibration {number}",
        )

    async def _ask(self, words: int, *, output_tokens: int) -> _Timed:
        watch = _Watch()
        events = self._engine.chat(self._request(words, output_tokens))
        async with aclosing(cast(AsyncGenerator[EngineEvent, None], events)) as stream:
            async for event in stream:
                watch.see(event)
        return watch.timed()


class _Watch:
    """The moments of one answer."""

    def __init__(self) -> None:
        self._begun_ns = self._first_ns = self._last_ns = 0
        self._first_tokens = self._tokens = 0
        self._input_tokens = 0

    def see(self, event: EngineEvent) -> None:
        """In the moment in which it comes."""
        now_ns = time.perf_counter_ns()
        match event:
            case ChatBegun():
                self._begun_ns = now_ns
            case ChatStarted():
                self._input_tokens = event.input_tokens
            case TextDelta() | ReasoningDelta():
                if not self._first_ns:
                    self._first_ns, self._first_tokens = now_ns, event.output_tokens
                self._last_ns, self._tokens = now_ns, event.output_tokens
            case ChatFinished():
                # An answer without a text was read, too.
                self._first_ns = self._first_ns or now_ns

    def timed(self) -> _Timed:
        more = self._tokens - self._first_tokens
        token_ns = (self._last_ns - self._first_ns) / more if more >= _TOKENS_MIN else None
        first_ns = self._first_ns - self._begun_ns
        return _Timed(self._input_tokens, self._tokens, first_ns, token_ns)


def _silent(_line: str) -> None:
    """Nobody watches."""


def _fit(points: Sequence[_Point]) -> _Line:
    """Least squares, and how well the line tells the times."""
    lengths, times = (np.array(column) for column in zip(*map(astuple, points), strict=True))
    matrix = np.stack([np.ones(len(points)), lengths], axis=1)
    found, *_ = np.linalg.lstsq(matrix, times, rcond=None)
    left = times - matrix @ found
    spread = float(((times - times.mean()) ** 2).sum())
    fit = Fit(
        samples=len(points),
        r2=1 - float((left**2).sum()) / spread if spread else 1.0,
        residual_ns=float(np.sqrt((left**2).mean())),
    )
    return _Line(float(found[0]), float(found[1]), float(times.mean()), fit)


def _rises(line: _Line) -> bool:
    """More to read takes longer."""
    return line.slope > 0 and line.is_near


def _has_a_base(line: _Line) -> bool:
    """A token takes time without any context; that context makes it longer may not be seen."""
    return line.base > _BASE_MIN * line.mean and line.is_near
