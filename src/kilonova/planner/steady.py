"""What a replica does when the same load comes all the time: latencies, and how many run at once.

Two views of one balance. A test with ``running`` requests at once asks ``latency``; a service that
gets ``rate`` requests a second asks ``running_at``, which solves Little's law:
C = λ·(TTFT + n·TPOT).
"""

import numpy as np
from msgspec import Struct

from kilonova.planner.columns import Array, Columns
from kilonova.planner.constants import Constants
from kilonova.planner.steps import decode_s, prefill_s

__all__ = ["Latency", "Traffic", "capacity", "latency", "running_at", "start_s"]

_US = 1e-6
# Halvings: to a billionth of the most for the fixed point, to a request for the capacity.
_ROUNDS, _WHOLE_ROUNDS = 32, 20


class Traffic(Struct, frozen=True, kw_only=True):
    """Tokens of a request, (n,) or one for all. ``cached_tokens`` of the input need not be read.

    ``alike`` is 1 where all requests have the same lengths, so that they also end together.
    """

    input_tokens: Array
    output_tokens: Array
    cached_tokens: Array
    alike: Array


class Latency(Struct, frozen=True):
    """Mean seconds to the first token, and for each one after it; of the shape of ``running``."""

    first_s: Array
    token_s: Array

    def request_s(self, traffic: Traffic) -> Array:
        """How long a request holds its place."""
        return self.first_s + self.token_s * traffic.output_tokens


def latency(columns: Columns, constants: Constants, *, running: Array, traffic: Traffic) -> Latency:
    """Mean latencies with ``running`` requests in each replica at all times.

    Each of them is followed by another, so in ``output_tokens`` steps every place reads one prompt:
    the interference adds running/output · prefill to each token.
    """
    engine = columns.engine
    context = traffic.input_tokens + traffic.output_tokens / 2
    decode = decode_s(columns, constants, batch=running, context=context)
    prefill = prefill_s(columns, constants, tokens=traffic.input_tokens - traffic.cached_tokens)
    waiting = np.asarray(constants.interference)[engine] * running * prefill
    queue = np.asarray(constants.queue)[engine]
    queue = queue + traffic.alike * (np.asarray(constants.alike_queue)[engine] - queue)
    first = start_s(columns, constants) + constants.first_steps * decode + prefill
    first = first + queue * running * prefill
    return Latency(first, decode + waiting / traffic.output_tokens)


def start_s(columns: Columns, constants: Constants) -> Array:
    """What passes before the first token whatever the prompt and the load, (n,)."""
    start = np.asarray(constants.first_us)[columns.engine]
    start = start + columns.layers * np.asarray(constants.first_layer_us)[columns.engine]
    start = start + columns.moe_layers * np.asarray(constants.first_moe_us)[columns.engine]
    return np.asarray(start * _US)


def running_at(
    columns: Columns, constants: Constants, *, rate: Array, traffic: Traffic, most: Array
) -> Array:
    """How many run at once in a replica that gets ``rate`` requests a second, (n,): Little's law.

    ``most`` bounds the search. Where even that many do not keep up, the answer is ``most``.
    """
    low, high = np.zeros_like(most), most.astype(np.float64)
    for _ in range(_ROUNDS):
        middle = (low + high) / 2
        times = latency(columns, constants, running=np.maximum(middle, 1e-6), traffic=traffic)
        keeps_up = middle >= rate * times.request_s(traffic)
        low, high = np.where(keeps_up, low, middle), np.where(keeps_up, middle, high)
    return high


def capacity(
    columns: Columns, constants: Constants, *, traffic: Traffic, targets: Latency, most: Array
) -> Array:
    """The most requests at once, (n,), for which both mean latencies stay within ``targets``.

    Never above ``most`` (what fits the memory), and 0 where even one request alone is too slow.
    """
    low, high = np.zeros_like(most), np.maximum(most.astype(np.float64), 0.0)
    for step in range(_WHOLE_ROUNDS):
        middle = high if step == 0 else (low + high) / 2
        times = latency(columns, constants, running=np.maximum(middle, 1.0), traffic=traffic)
        meets = (times.first_s <= targets.first_s) & (times.token_s <= targets.token_s)
        low, high = np.where(meets, middle, low), np.where(meets, high, middle)
    return np.floor(low)
