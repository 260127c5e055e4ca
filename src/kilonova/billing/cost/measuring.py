"""Measures a model on its engine, through the engine's port: waves of requests of several kinds.

The speed of a machine changes while it is measured, most of all a virtual one's. So kinds take
turns in short rounds, and what all rounds say together counts. ``fitting`` tells what a
token takes.

Every prompt begins with a number of its own, and what an engine still knew of it is told by its
usage; all have one scope, as the requests of one customer do.
"""

import asyncio
import itertools
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import cast

from msgspec import Struct
from msgspec.structs import replace

from kilonova.billing.cost.calibration import Measured
from kilonova.billing.cost.fitting import Costs, Request, Wave, fit_waves
from kilonova.core.chat import ChatRequest, Message, Sampling, TextPart
from kilonova.core.events import ChatFinished, EngineEvent, ReasoningDelta, TextDelta
from kilonova.core.model import Model
from kilonova.core.ports import Engine

__all__ = ["Effort", "Measurer", "TooLittleError"]

_WORDS = ("river", "stone", "seven", "paper", "north", "quiet", "glass", "early", "copper", "walk")
_WARM_UPS = 2
_MS = 1e6
_ALL = slice(None)
_TOKENS_MIN = 4
# How far from the fit the usual time of a wave may be, as a share, and how much of a step its
# context may be.
_OFF_MAX = 0.25
_BASE_MIN = 0.05


class TooLittleError(RuntimeError):
    """The model gave too little to measure; the message says of what."""


class Effort(Struct, frozen=True, kw_only=True):
    """Lengths are in words: of prompts that are only read, of one with short answers beside each
    other, and of those with which all slots are kept busy. Answers have ``output_tokens`` tokens,
    in busy slots half to one and a half times as many. Rounds go on for ``seconds``, within their
    bounds."""

    prompts: tuple[int, ...] = (16, 96, 224, 448)
    short: int = 16
    busy: tuple[int, ...] = (64, 160, 320)
    output_tokens: int = 40
    seconds: float = 45.0
    rounds_min: int = 3
    rounds_max: int = 12
    step_tokens: int = 512


class _Kind(Struct, frozen=True):
    """``beside`` callers, each with a request of ``words`` words for each of ``outputs``: the most
    tokens of the answer."""

    beside: int
    words: int
    outputs: tuple[int, ...]


class Measurer:
    """One for a model that answers ``slots`` requests at once. ``tell`` is given a line for each
    round, for whoever watches."""

    def __init__(
        self,
        engine: Engine,
        model: Model,
        *,
        slots: int = 1,
        effort: Effort | None = None,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        self._engine = engine
        self._model = model
        self._effort = effort or Effort()
        self._tell = tell or _silent
        self._numbers = itertools.count()
        self._waves: dict[_Kind, list[Wave]] = {kind: [] for kind in self._kinds(slots)}

    @property
    def kinds(self) -> int:
        """How many kinds of waves a round has."""
        return len(self._waves)

    async def measure(self) -> Measured:
        """Raises TooLittleError where the answers are too short to time, or the times do not add
        up: then something else runs on the machine."""
        effort, started_s = self._effort, time.monotonic()
        await self.warm_up()
        for number in range(effort.rounds_max):
            self._tell(f"{self._model.id}: round {number + 1}")
            await self.round()
            is_late = time.monotonic() - started_s > effort.seconds
            if is_late and number + 1 >= effort.rounds_min:
                break
        return self.result()

    async def warm_up(self) -> None:
        """What comes first takes longer, and counts nowhere. It tells a slow model, of which fewer
        kinds are tried."""
        for kind in list(self._waves)[:_WARM_UPS]:
            wave = await self._wave(kind)
        read = sum(each.unread for each in wave.requests)
        asked = sum(3 * kind.words * kind.beside * len(kind.outputs) for kind in self._waves)
        if asked / read * wave.ns > self._effort.seconds / self._effort.rounds_min * 1e9:
            busy = [kind for kind in self._waves if len(kind.outputs) > 1]
            for kind in busy:
                del self._waves[kind]
            self._waves[replace(busy[0], outputs=(self._effort.output_tokens,))] = []

    async def round(self) -> None:
        """One wave of each kind; later ones in the other order, so that no kind is always last."""
        kinds = list(self._waves)
        if len(self._waves[kinds[0]]) % 2:
            kinds.reverse()
        for kind in kinds:
            self._waves[kind].append(await self._wave(kind))

    def result(self, rounds: slice = _ALL) -> Measured:
        """Of these rounds, of all so far. Raises TooLittleError as ``measure`` does."""
        counted = {kind: waves[rounds] for kind, waves in self._waves.items()}
        for kind, waves in counted.items():
            written = max(each.output for wave in waves for each in wave.requests)
            if max(kind.outputs) > 1 and written < _TOKENS_MIN:
                raise TooLittleError(f"{self._model.id}: its answers are too short to be timed")
        costs = fit_waves(list(counted.values()))
        self._check(costs)
        alone = costs.steps[0]
        return Measured(
            engine=self._model.engine,
            engine_model=self._model.engine_model or self._model.id,
            prefill_ns=costs.prefill,
            prefill_more_ns=costs.prefill_more,
            decode_ns=alone,
            context_ns=costs.context,
            start_ns=costs.start,
            parallel=costs.steps[1] / alone - 1 if len(costs.steps) > 1 else 0.0,
            beside=costs.beside,
            steps_ns=costs.steps,
            step_tokens=self._effort.step_tokens,
            rounds=min(map(len, counted.values())),
            spread=costs.spread,
            off=costs.off,
            prefill_fit=costs.reading,
            decode_fit=costs.writing,
        )

    def _check(self, costs: Costs) -> None:
        length = 3 * self._effort.short
        is_sound = (
            costs.prefill + costs.prefill_more > 0
            and costs.off <= _OFF_MAX
            and costs.steps[0] > _BASE_MIN * (costs.steps[0] + costs.context * length)
        )
        if not is_sound:
            raise TooLittleError(
                f"{self._model.id}: its times do not fit together ({costs.prefill / _MS:.4f} ms "
                f"to read a token, {costs.steps[0] / _MS:.2f} ms to write one, {costs.off:.0%} "
                "off). Something else runs on this machine: try again when it is idle."
            )

    def _kinds(self, slots: int) -> list[_Kind]:
        effort, output = self._effort, self._effort.output_tokens
        room = (self._model.context_tokens - 2 * output) // 3  # a word: at most three tokens
        kinds = [_Kind(1, words, (1,)) for words in effort.prompts if words <= room]
        kinds += [_Kind(beside, effort.short, (output,)) for beside in _numbers(slots)]
        kinds.append(_Kind(1, min(max(effort.busy), room), (output,)))
        kinds += [
            _Kind(slots, words, (output // 2, output, output + output // 2))
            for words in effort.busy
            if words <= room
        ]
        return kinds

    async def _wave(self, kind: _Kind) -> Wave:
        start_ns = time.perf_counter_ns()
        callers = (self._call(kind, first=first) for first in range(kind.beside))
        asked = await asyncio.gather(*callers)
        return Wave(tuple(asked), time.perf_counter_ns() - start_ns)

    async def _call(self, kind: _Kind, *, first: int) -> tuple[Request, ...]:
        """Callers take the lengths in different orders, so that they do not end together."""
        count = len(kind.outputs)
        outputs = [kind.outputs[(first + at) % count] for at in range(count)]
        return tuple([await self._ask(kind.words, output_tokens=output) for output in outputs])

    async def _ask(self, words: int, *, output_tokens: int) -> Request:
        events = self._engine.chat(self._request(words, output_tokens))
        read = unread = written = 0
        async with aclosing(cast(AsyncGenerator[EngineEvent, None], events)) as stream:
            async for event in stream:
                match event:
                    case TextDelta() | ReasoningDelta():
                        written = event.output_tokens
                    case ChatFinished():
                        usage = event.usage
                        read, unread = usage.prompt_tokens, usage.input_tokens
                        written = max(written, usage.output_tokens)
        return Request(read, unread, max(written, 1))

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
            cache_scope="calibration",
        )


def _numbers(slots: int) -> list[int]:
    """All numbers of answers at once up to four, then doubled, and as many as there are slots."""
    doubled = [1 << power for power in range(3, slots.bit_length()) if 1 << power < slots]
    return sorted({*range(1, min(slots, 4) + 1), *doubled, slots})


def _silent(_line: str) -> None:
    """Nobody watches."""
