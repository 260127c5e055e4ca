"""What has to be served: how many requests of which lengths, at which hours, how fast.

Nobody is asked for a utilisation: it follows from these and the machines.
"""

import math

import numpy as np
from msgspec import Struct

from kilonova.core.errors import InvalidRequest
from kilonova.planner.columns import Array
from kilonova.planner.shape import ModelShape
from kilonova.planner.steady import Latency, Traffic

__all__ = ["HOURS", "Workload"]

HOURS = 24
_SECONDS_A_DAY = 86_400
# What can be planned, far beyond what can be served: sums stay finite.
_BOUNDS = (
    ("rate", 1e-9, 1e12),
    ("input_tokens", 1, 1e9),
    ("output_tokens", 1, 1e9),
    ("first_token_ms", 1e-9, 1e12),
    ("token_ms", 1e-9, 1e12),
    ("first_token_p95_ms", 1e-9, 1e12),
    ("token_p95_ms", 1e-9, 1e12),
    ("burst", 1, 1e3),
    ("burst_s", 1e-3, 1e5),
)
_SPREAD_MAX = 10.0
_SHAPE_MAX = 1e12


class Workload(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``rate`` is the mean number of requests a second over a day.

    ``hours`` says how it spreads: 24 numbers of any scale, the first for midnight; without it every
    hour is alike. Targets are in milliseconds, of means and of 95 in 100 requests; without one
    there is none. ``spread`` is the standard deviation of lengths over their mean: 1, which is
    assumed, is as wide as an exponential distribution. For ``burst_s`` seconds of the busiest hour,
    ``burst`` times as many requests come.
    """

    rate: float
    input_tokens: float
    output_tokens: float
    cache_share: float = 0.0
    first_token_ms: float | None = None
    token_ms: float | None = None
    hours: tuple[float, ...] = ()
    first_token_p95_ms: float | None = None
    token_p95_ms: float | None = None
    spread: float = 1.0
    burst: float = 1.0
    burst_s: float = 60.0

    def check(self, model: ModelShape) -> None:
        """Raises InvalidRequest for what cannot be, naming the field and what would work."""
        self.check_within(model.context_tokens, name=model.name)

    def check_within(self, context_tokens: int, *, name: str) -> None:
        """The same for a model called ``name`` with this context."""
        self._check_numbers()
        tokens = self.input_tokens + self.output_tokens
        if tokens > context_tokens:
            raise _wrong(
                "input_tokens",
                f"{tokens:g} tokens do not fit {name}'s context of {context_tokens}: "
                f"at most {max(context_tokens - self.output_tokens, 0):g} of input fit "
                "beside this output.",
            )

    def _check_numbers(self) -> None:
        for name, least, most in _BOUNDS:
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise _wrong(name, f"{name} is {value:g}: it has to be a number above 0.")
            if value is not None and not least <= value <= most:
                raise _wrong(
                    name, f"{name} is {value:g}: from {least:g} to {most:g} can be planned."
                )
        if not 0 <= self.cache_share < 1:
            raise _wrong(
                "cache_share",
                f"cache_share is {self.cache_share:g}: it is a share, from 0 to below 1"
                + (
                    f"; did you mean {self.cache_share / 100:g}?"
                    if 1 < self.cache_share < 100
                    else "."
                ),
            )
        if not 0 <= self.spread <= _SPREAD_MAX:
            raise _wrong(
                "spread", f"spread is {self.spread:g}: from 0 (all alike) to {_SPREAD_MAX:g}."
            )
        if self.hours and (len(self.hours) != HOURS or min(self.hours) < 0 or not sum(self.hours)):
            raise _wrong("hours", "hours needs 24 numbers, none below 0 and not all 0.")
        if not all(hour <= _SHAPE_MAX for hour in self.hours):
            raise _wrong("hours", f"hours needs 24 numbers, none above {_SHAPE_MAX:g}.")

    @property
    def cached_tokens(self) -> float:
        """Of one request, those of the input that were read before."""
        return self.input_tokens * self.cache_share

    @property
    def requests_a_day(self) -> float:
        return self.rate * _SECONDS_A_DAY

    def hourly_rate(self) -> Array:
        """Requests a second in each hour of the day, (24,); their mean is ``rate``."""
        shape = np.asarray(self.hours or (1.0,) * HOURS)
        return np.asarray(self.rate * shape / shape.mean())

    def traffic(self, rows: int) -> Traffic:
        """One request's tokens, for ``rows`` configurations."""
        ones = np.ones(rows)
        return Traffic(
            input_tokens=self.input_tokens * ones,
            output_tokens=self.output_tokens * ones,
            cached_tokens=self.cached_tokens * ones,
            alike=0 * ones,
        )

    def targets(self, rows: int) -> Latency:
        """In seconds; infinite where there is none."""
        ones = np.ones(rows)
        first = _least(self.first_token_ms, self.first_token_p95_ms) / 1e3
        token = _least(self.token_ms, self.token_p95_ms) / 1e3
        return Latency(first * ones, token * ones)


def _least(*targets: float | None) -> float:
    """A mean is at most what 95 of 100 stay within, as good as always."""
    return min((target for target in targets if target is not None), default=math.inf)


def _wrong(field: str, message: str) -> InvalidRequest:
    return InvalidRequest(message, param=field, reason="impossible_workload")
