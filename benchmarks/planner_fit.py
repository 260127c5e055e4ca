"""Fitting the constants of the step times: a damped least-squares search around physical guesses.

The guesses (``BEFORE``) were set by hand while only the open families of ``planner_split.toml``
were looked at. Rows of one family err together, so there are fewer facts than rows: every constant
is held to its guess as if ``STRENGTH`` rows said so (with a standard deviation of 35 %). The
strength was chosen by predicting each open family from the other three.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from msgspec.structs import asdict

from benchmarks.planner_rows import Rows
from kilonova.planner.columns import Array
from kilonova.planner.constants import Constants
from kilonova.planner.steady import latency

__all__ = ["BEFORE", "Prediction", "fit", "held_out", "predict"]

BEFORE = Constants(
    weights_share=0.75,
    cache_share=0.6,
    unpack=0.75,
    matrix_share=0.6,
    narrow=0.85,
    routed=0.4,
    decoding=0.8,
    blackwell_matrix=0.75,
    link_share=0.8,
    layer_us=(25.0, 33.0, 35.0),
    moe_us=20.0,
    latent_us=15.0,
    blackwell_start=0.95,
    reduce_us=7.0,
    step_us=500.0,
    sequence_us=(4.0, 15.0, 4.0),
    imbalance=0.2,
    variety=0.75,
    interference=(0.7, 0.5, 0.7),
    queue=(0.07, 0.2, 0.07),
    alike_queue=(0.15, 0.4, 0.1),
    first_us=(15e3, 15e3, 5e3),
    first_layer_us=(500.0, 700.0, 300.0),
    first_moe_us=(1000.0, 1000.0, 500.0),
    first_steps=1.5,
)
STRENGTH = 100.0
_DEVIATION = 0.35
_BLUNT = 0.15  # errors above this share pull with the same force, whatever their size
_FIRST_WEIGHT = 0.5  # a time to first token says half as much as a time per token
_ROUNDS = 40
_STEP = 1e-4


class Prediction(NamedTuple):
    """Seconds, (n,): predicted times beside the measured ones of the same rows."""

    token_s: Array
    first_s: Array


def predict(rows: Rows, constants: Constants) -> Prediction:
    """What the formulas say about ``rows``."""
    times = latency(rows.columns, constants, running=rows.running, traffic=rows.traffic)
    return Prediction(times.token_s, times.first_s)


def held_out(rows: Rows) -> Prediction:
    """Every row predicted by constants that were fitted on all families but its own."""
    token, first = np.zeros(len(rows.running)), np.zeros(len(rows.running))
    for family in sorted(set(rows.family)):
        own = rows.family == family
        predicted = predict(rows.take(own), fit(rows.take(~own)))
        token[own], first[own] = predicted
    return Prediction(token, first)


def fit(rows: Rows) -> Constants:
    """The constants that predict ``rows`` best, near the guesses."""
    guess = _logs(BEFORE)
    weight = np.array([np.sum(rows.family == family) for family in rows.family]) ** -0.5
    weight = weight / weight.mean()
    weights = np.concatenate([weight, weight * _FIRST_WEIGHT])

    def residuals(logs: Array) -> Array:
        token, first = predict(rows, _constants(logs))
        misses = [np.log(token / rows.token_s), np.log(first / rows.first_s)]
        return np.concatenate(misses)

    return _constants(_search(residuals, guess, weights))


def _search(residuals: Callable[[Array], Array], guess: Array, weights: Array) -> Array:
    """Levenberg and Marquardt's search for the least weighted sum of softened errors."""
    pull = STRENGTH / _DEVIATION**2
    damping, misses = 1e-2, residuals(guess)
    at: Array = guess
    cost = _cost(misses, weights)
    for _ in range(_ROUNDS):
        slopes = np.stack(
            [(residuals(at + step) - misses) / _STEP for step in np.eye(len(at)) * _STEP], axis=1
        )
        force = weights / np.sqrt(misses**2 + _BLUNT**2)
        bend = (slopes * force[:, None]).T @ slopes + np.eye(len(at)) * pull
        slope = slopes.T @ (force * misses) + pull * (at - guess)
        while damping < 1e6:
            step = -np.linalg.solve(bend + damping * np.diag(np.diag(bend)), slope)
            trial: Array = np.asarray(at + np.clip(step, -0.7, 0.7))
            trial_misses = residuals(trial)
            trial_cost = _cost(trial_misses, weights) + pull * np.sum((trial - guess) ** 2) / 2
            if trial_cost < cost:
                break
            damping *= 4
        else:
            return at
        gain, at, misses, cost = cost - trial_cost, trial, trial_misses, trial_cost
        damping = max(damping / 3, 1e-6)
        if gain < 1e-6 * len(misses):
            return at
    return at


def _cost(misses: Array, weights: Array) -> float:
    return float((np.sqrt(misses**2 + _BLUNT**2) - _BLUNT) @ weights)


def _logs(constants: Constants) -> Array:
    return np.asarray(np.log(np.hstack([np.ravel(value) for value in asdict(constants).values()])))


def _constants(logs: Array) -> Constants:
    values = iter(np.exp(logs).tolist())
    taken: dict[str, Any] = {}
    for name, guess in asdict(BEFORE).items():
        if isinstance(guess, tuple):
            taken[name] = tuple(next(values) for _ in guess)
        else:
            taken[name] = next(values)
    return Constants(**taken)
