"""From how long waves of requests took to what a token takes, pure.

A wave is some callers who begin together, each with some requests one after the other. Its time is
a sum, one term for each thing that was done:

    start · requests + prefill · tokens read + prefill_more · Σ tokens read²
    + step(1) · steps with one answer + step(2) · steps with two + …
    + context · Σ tokens of context of each token written

All are found at once by least squares of relative errors, none below zero. Between the numbers of
answers that were tried, a step lies on a straight line.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from kilonova.billing.cost.calibration import Fit

__all__ = ["Costs", "Request", "Wave", "fit_waves"]

_Array = NDArray[np.float64]
_ROUNDS = 8  # of weighing down what lies off; it settles in two or three
_HUBER = 1.345  # of deviations, beyond which a time counts less: 95 % efficient on a bell curve
_USUAL_MIN = 0.02  # a deviation of times that no machine is better than
_DEVIATION = 1.4826  # of a bell curve, over its median absolute deviation


class Request(Struct, frozen=True):
    """Tokens of a prompt, those of them that were read, and tokens written."""

    input: int
    unread: int
    output: int


class Wave(Struct, frozen=True):
    """What each caller sent, one after the other, and the time from the first to the last token."""

    callers: tuple[tuple[Request, ...], ...]
    ns: float

    @property
    def requests(self) -> list[Request]:
        return [each for caller in self.callers for each in caller]


class Costs(Struct, frozen=True, kw_only=True):
    """Nanoseconds. ``steps[i]`` is a step of ``beside[i]`` answers, without their contexts.

    ``spread`` is the half width of the middle half of repeated times, over their median; ``off`` is
    the median error of the fit, as a share."""

    start: float
    prefill: float
    prefill_more: float
    context: float
    beside: tuple[int, ...]
    steps: tuple[float, ...]
    spread: float
    off: float
    reading: Fit
    writing: Fit


def fit_waves(kinds: Sequence[Sequence[Wave]]) -> Costs:
    """``kinds[i]`` are repetitions of one kind of wave; there is at least one of each.

    The median of the repetitions counts: neighbours disturb a share of them, not all.
    """
    beside = tuple(sorted({len(waves[0].callers) for waves in kinds}))
    rows = np.array([_mean_row(waves, beside) for waves in kinds])
    times = np.array([float(np.median([wave.ns for wave in waves])) for waves in kinds])
    found = _robust(rows / times[:, None])
    told = rows @ found
    spreads = [_spread([wave.ns for wave in waves]) for waves in kinds]
    writes = rows[:, 3:-1].sum(axis=1) > np.median(rows[:, 3:-1].sum(axis=1)) / 2
    return Costs(
        start=float(found[0]),
        prefill=float(found[1]),
        prefill_more=float(found[2]),
        context=float(found[-1]),
        beside=beside,
        steps=tuple(float(step) for step in found[3:-1]),
        spread=float(np.median(spreads)),
        off=float(np.median(np.abs(told / times - 1))),
        reading=_quality(told[~writes], times[~writes]),
        writing=_quality(told[writes], times[writes]),
    )


def _mean_row(waves: Sequence[Wave], beside: Sequence[int]) -> _Array:
    return np.asarray(np.mean([_row(wave, beside) for wave in waves], axis=0))


def _row(wave: Wave, beside: Sequence[int]) -> _Array:
    """How much of each cost is in a wave."""
    requests = wave.requests
    row = np.zeros(4 + len(beside))
    row[0] = len(requests)
    row[1] = sum(each.unread for each in requests)
    row[2] = sum(each.unread * (2 * each.input - each.unread) for each in requests)
    for count, steps in _crowds(sum(each.output for each in caller) for caller in wave.callers):
        row[3:-1] += steps * _shares(count, beside)
    row[-1] = sum(each.output * (each.input + each.output / 2) for each in requests)
    return row


def _crowds(outputs: Iterable[int]) -> Iterable[tuple[int, int]]:
    """How many answers are written at once, for how many steps: who has least leaves first.

    A step that reads a prompt also writes a token of each other answer, so callers keep step.
    """
    before, waiting = 0, sorted(outputs)
    for at, output in enumerate(waiting):
        yield len(waiting) - at, output - before
        before = output


def _shares(count: int, beside: Sequence[int]) -> _Array:
    """Weights of the tried numbers of answers that together stand for ``count``."""
    identity = np.eye(len(beside))
    return np.array([np.interp(count, beside, column) for column in identity])


def _robust(rows: _Array) -> _Array:
    """``rows @ answer`` near 1, where single rows that lie far off count less (Huber's weights)."""
    weights = np.ones(len(rows))
    found = _positive(rows)
    for _ in range(_ROUNDS):
        left = np.abs(rows @ found - 1)
        usual = max(_DEVIATION * float(np.median(left)), _USUAL_MIN)
        weights = np.minimum(1.0, _HUBER * usual / np.maximum(left, 1e-12))
        found = _positive(rows, np.sqrt(weights))
    return found


def _positive(rows: _Array, weights: _Array | None = None) -> _Array:
    """Least squares with no answer below zero (Lawson and Hanson's active set)."""
    weights = np.ones(len(rows)) if weights is None else weights
    size = np.maximum(np.abs(rows).max(axis=0), 1e-300)
    matrix = rows / size * weights[:, None]
    free = np.zeros(rows.shape[1], dtype=bool)
    found = np.zeros(rows.shape[1])
    for _ in range(3 * rows.shape[1]):
        slope = matrix.T @ (weights - matrix @ found)
        if free.all() or slope[~free].max() <= 1e-10:
            break
        free[np.argmax(np.where(free, -np.inf, slope))] = True
        found, free = _within(matrix, weights, found=found, free=free)
    return np.asarray(found / size)


def _within(
    matrix: _Array, weights: _Array, *, found: _Array, free: NDArray[np.bool_]
) -> tuple[_Array, NDArray[np.bool_]]:
    """Towards the best of the free ones, as far as none falls below zero."""
    while True:
        best = np.zeros_like(found)
        best[free] = np.linalg.lstsq(matrix[:, free], weights, rcond=None)[0]
        falls = free & (best <= 0)
        if not falls.any():
            return best, free
        part = np.min(found[falls] / np.maximum(found[falls] - best[falls], 1e-300))
        found = found + part * (best - found)
        free = free & (found > 1e-12)
        found[~free] = 0.0


def _spread(times: Sequence[float]) -> float:
    low, middle, high = np.quantile(times, [0.25, 0.5, 0.75])
    return float((high - low) / 2 / middle)


def _quality(told: _Array, times: _Array) -> Fit:
    left = told - times
    spread = float(((times - times.mean()) ** 2).sum())
    return Fit(
        samples=len(times),
        r2=1 - float((left**2).sum()) / spread if spread else 1.0,
        residual_ns=float(np.sqrt((left**2).mean())),
    )
