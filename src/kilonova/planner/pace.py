"""How fast one replica goes, tabulated from the formulas, so that an event loop adds up floats."""

import sys
from bisect import bisect_right

import numpy as np
from msgspec import Struct

from kilonova.planner.columns import Array, Columns
from kilonova.planner.constants import Constants
from kilonova.planner.memory import USABLE, resident_bytes
from kilonova.planner.steady import start_s
from kilonova.planner.steps import cache_bytes, decode_s, prefill_s

__all__ = ["Pace", "pace_of"]

_BATCHES, _CONTEXTS = 96, 17
_CHUNK = 8_192  # tokens of prompts in one step of one copy, as engines are started by default
_BLOCK = 16  # tokens for which engines set memory aside at a time


class Pace(Struct, frozen=True, kw_only=True):
    """One replica in seconds and bytes. In one step it reads at most ``chunk`` tokens of prompts.

    ``steps[i][j]`` is a step of ``batches[i]`` sequences with ``j * knot`` tokens each. Reading t
    tokens takes ``prompt_s + read_s * t + read_more_s * t**2``, of which the others lose the share
    ``shared``; the rest, and ``start_s``, pass before the engine takes a request up. A sequence of
    t tokens keeps ``token_bytes * t + window_bytes * min(t, window) + fixed_bytes`` of ``room``.
    """

    chunk: int
    batches: list[float]
    steps: list[list[float]]
    knot: float
    running: int
    prompt_s: float
    read_s: float
    read_more_s: float
    shared: float
    start_s: float
    room: float
    token_bytes: float
    window_bytes: float
    window: float
    fixed_bytes: float

    def step_s(self, batch: int, context: float) -> float:
        """One step of ``batch`` sequences with ``context`` tokens each, on average."""
        at = min(max(bisect_right(self.batches, batch), 1), len(self.batches) - 1)
        low, high = self.batches[at - 1], self.batches[at]
        part = (batch - low) / (high - low)
        place = context / self.knot
        column = min(int(place), _CONTEXTS - 2)
        rest = place - column
        under, over = self.steps[at - 1], self.steps[at]
        below = under[column] + (under[column + 1] - under[column]) * rest
        above = over[column] + (over[column + 1] - over[column]) * rest
        return below + (above - below) * part

    def reading_s(self, start: int, end: int) -> float:
        """Reading the tokens of a prompt from ``start`` to ``end``."""
        return self.read_s * (end - start) + self.read_more_s * (end**2 - start**2)

    def kept_bytes(self, tokens: int) -> float:
        """What a sequence keeps in whole blocks."""
        whole = -(-tokens // _BLOCK) * _BLOCK
        windowed = min(whole, self.window) * self.window_bytes
        return whole * self.token_bytes + windowed + self.fixed_bytes


def pace_of(
    columns: Columns, constants: Constants, *, running: int, context: int, reads: bool = True
) -> Pace:
    """The one row of ``columns``, with at most ``running`` requests of ``context`` tokens.

    ``reads`` is false where prompts are read on other machines.
    """
    batches = np.unique(np.rint(np.geomspace(1, max(running, 2), _BATCHES)))
    contexts = np.linspace(0, context, _CONTEXTS)
    rows = columns.take(np.zeros(len(batches) * _CONTEXTS, dtype=np.int64))
    steps = decode_s(
        rows,
        constants,
        batch=np.repeat(batches, _CONTEXTS),
        context=np.tile(contexts, len(batches)),
    )
    once, twice = (_one(prefill_s(columns, constants, tokens=np.array([n]))) for n in (1.0, 2.0))
    more = (twice - 2 * once) / 2
    shards = _one(columns.cache_shards)
    free = columns.memory_bytes * USABLE - resident_bytes(columns)
    return Pace(
        chunk=int(_CHUNK * columns.copies[0]) if reads else sys.maxsize,
        batches=batches.tolist(),
        steps=steps.reshape(len(batches), _CONTEXTS).tolist(),
        knot=float(contexts[1]),
        running=running,
        prompt_s=0.0,
        read_s=(once - more) if reads else 0.0,
        read_more_s=more if reads else 0.0,
        shared=constants.interference[int(columns.engine[0])],
        start_s=_one(start_s(columns, constants)) if reads else 0.0,
        room=_one(free * columns.copies),
        token_bytes=_one(columns.cache_bytes) / shards,
        window_bytes=_one(columns.window_bytes) / shards,
        window=_one(columns.window_tokens),
        fixed_bytes=_one(cache_bytes(columns, np.zeros(1))) / shards,
    )


def _one(array: Array) -> float:
    return float(array[0])
