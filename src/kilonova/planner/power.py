"""What a chip draws while it serves, from how busy its memory and its multipliers are.

Watts = TDP · (0.5 + 0.3·memory + 1.3·multipliers), at most TDP: fitted on 360 measurements of H100
and B200 (ML.ENERGY leaderboard, February 2026), with 10.5 % median error on models left out. The
server around it adds 30 % (MLPerf Inference v5.1: 10,401 W at the wall of eight B200 of 1,000 W).
"""

import numpy as np

from kilonova.planner.columns import Array, Columns
from kilonova.planner.steady import Latency, Traffic
from kilonova.planner.steps import cache_bytes, experts_hit

__all__ = ["SERVER", "chip_w", "reader_w"]

SERVER = 1.3
_IDLE, _MEMORY, _MULTIPLY = 0.5, 0.3, 1.3


def chip_w(columns: Columns, *, running: Array, traffic: Traffic, times: Latency) -> Array:
    """Mean watts of one chip with ``running`` requests in its replica, without the server, (n,)."""
    context = traffic.input_tokens + traffic.output_tokens / 2
    weights = columns.dense_bytes * columns.copies
    weights = weights + columns.expert_bytes * experts_hit(columns, running)
    read = weights + running * cache_bytes(columns, context)
    memory = read / times.token_s / (columns.bandwidth * columns.chips)
    active = columns.dense_params + columns.expert_params * columns.experts_per_token
    tokens = traffic.input_tokens - traffic.cached_tokens + traffic.output_tokens
    flops = 2 * active * tokens * running / times.request_s(traffic)
    multiply = flops / (columns.flops * columns.chips)
    share = _IDLE + _MEMORY * np.minimum(memory, 1.0) + _MULTIPLY * np.minimum(multiply, 1.0)
    return columns.power_w * np.minimum(share, 1.0)


def reader_w(columns: Columns, *, rate: Array, tokens: Array) -> Array:
    """Mean watts of one chip that only reads: ``rate`` prompts a second of its replica, each with
    ``tokens`` that are not cached; (n,)."""
    active = columns.dense_params + columns.expert_params * columns.experts_per_token
    multiply = 2 * active * tokens * rate / (columns.flops * columns.chips)
    return columns.power_w * np.minimum(_IDLE + _MULTIPLY * multiply, 1.0)
