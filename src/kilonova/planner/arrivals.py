"""Requests that come by chance: when, and how long they are. The same seed gives the same crowd."""

import math

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from kilonova.planner.columns import Array

__all__ = ["Burst", "Crowd", "Lengths", "crowd"]


class Burst(Struct, frozen=True, kw_only=True):
    """For ``seconds``, ``factor`` times as many requests come as before and after."""

    factor: float
    seconds: float


class Crowd(Struct, frozen=True, kw_only=True):
    """Arrays of shape (n,), in the order of arrival: seconds, and whole tokens of 1 or more.

    ``unread`` are the tokens of the input that are not cached.
    """

    at_s: Array
    input: NDArray[np.int64]
    unread: NDArray[np.int64]
    output: NDArray[np.int64]


class Lengths(Struct, frozen=True, kw_only=True):
    """Means of a request, and the standard deviation over the mean (``spread``) of both lengths.

    ``most`` bounds input and output together.
    """

    input: float
    output: float
    cache_share: float
    spread: float
    most: int


def crowd(
    random: np.random.Generator, count: int, *, rate: float, lengths: Lengths, burst: Burst | None
) -> Crowd:
    """``count`` requests at ``rate`` a second, independent of each other (a Poisson process).

    The burst, if there is one, begins after a quarter of them.
    """
    gaps = random.exponential(1.0, count).cumsum()
    output = np.minimum(
        _lengths(random, count, mean=lengths.output, spread=lengths.spread), lengths.most - 1
    )
    read = _lengths(random, count, mean=lengths.input, spread=lengths.spread)
    read = np.minimum(read, lengths.most - output)
    cached = np.floor(read * lengths.cache_share).astype(np.int64)
    return Crowd(
        at_s=_paced(gaps, rate, burst),
        input=read,
        unread=np.maximum(read - cached, 1),
        output=output,
    )


def _paced(gaps: Array, rate: float, burst: Burst | None) -> Array:
    """Arrivals of a process with rate 1 put where ``rate`` and its burst would have them."""
    if burst is None:
        return np.asarray(gaps / rate)
    start = float(gaps[len(gaps) // 4]) / rate
    # By the end of the burst so many are expected; between these points the rate is constant.
    seconds = np.array([0.0, start, start + burst.seconds])
    counts = rate * np.array([0.0, start, start + burst.factor * burst.seconds])
    later = seconds[-1] + (gaps - counts[-1]) / rate
    return np.asarray(np.where(gaps < counts[-1], np.interp(gaps, counts, seconds), later))


def _lengths(
    random: np.random.Generator, count: int, *, mean: float, spread: float
) -> NDArray[np.int64]:
    """Lognormal, which keeps the mean and never goes below 1."""
    width = math.log1p(spread**2)
    drawn = random.lognormal(math.log(mean) - width / 2, math.sqrt(width), count)
    return np.maximum(np.rint(drawn), 1).astype(np.int64)
