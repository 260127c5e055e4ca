"""The balance of a replica under a load that never stops."""

import math

import numpy as np
import pytest

from kilonova.planner.memory import resident_bytes, running_max
from kilonova.planner.steady import Latency, capacity, latency, running_at
from planner_samples import TABLES, columns, traffic, way

CONSTANTS = TABLES.fit.constants
WAYS = columns(way(), way("deepseek-r1", chip="h200"), way("qwen3-32b", chips=1))


@pytest.mark.parametrize("rate", [0.01, 0.5, 2.0])
def test_littles_law_holds(rate: float) -> None:
    """Protects the fixed point: as many run as arrive while one of them is served."""
    load = traffic(3)
    running = running_at(
        WAYS, CONSTANTS, rate=np.full(3, rate), traffic=load, most=np.full(3, 4096.0)
    )
    times = latency(WAYS, CONSTANTS, running=running, traffic=load)
    assert running == pytest.approx(rate * times.request_s(load), rel=1e-3)


def test_a_load_that_cannot_be_kept_up_fills_the_replica() -> None:
    """Protects callers from a fixed point that is none."""
    most = np.full(3, 32.0)
    running = running_at(WAYS, CONSTANTS, rate=np.full(3, 1e6), traffic=traffic(3), most=most)
    assert np.array_equal(running, most)


def test_prompts_of_others_slow_tokens_down() -> None:
    """Protects the interference: long prompts and short answers slow a batch down."""
    running = np.full(3, 64.0)
    calm = latency(WAYS, CONSTANTS, running=running, traffic=traffic(3, read=1, written=2000))
    busy = latency(WAYS, CONSTANTS, running=running, traffic=traffic(3, read=1800, written=200))
    assert np.all(busy.token_s > 1.2 * calm.token_s)


def test_what_is_cached_need_not_be_read() -> None:
    """Protects the value of a cache: the first token comes sooner, and the others too."""
    running = np.full(3, 64.0)
    cold = latency(WAYS, CONSTANTS, running=running, traffic=traffic(3, read=4000))
    warm = latency(WAYS, CONSTANTS, running=running, traffic=traffic(3, read=4000, cached=3900))
    assert np.all(warm.first_s < cold.first_s)
    assert np.all(warm.token_s < cold.token_s)


def test_requests_that_end_together_wait_for_each_other() -> None:
    """Protects comparisons with benchmarks that send one length only."""
    running, load = np.full(3, 64.0), traffic(3)
    alike = latency(
        WAYS,
        CONSTANTS,
        running=running,
        traffic=type(load)(
            input_tokens=load.input_tokens,
            output_tokens=load.output_tokens,
            cached_tokens=load.cached_tokens,
            alike=np.ones(3),
        ),
    )
    assert np.all(alike.first_s > latency(WAYS, CONSTANTS, running=running, traffic=load).first_s)


def test_the_capacity_is_the_last_load_that_meets_the_targets() -> None:
    """Protects the promise of a latency: one request more would break it."""
    load, targets = traffic(3), Latency(np.full(3, 2.0), np.array([0.02, 0.03, 0.03]))
    running = capacity(WAYS, CONSTANTS, traffic=load, targets=targets, most=np.full(3, 4096.0))
    assert np.all((running >= 1) & (running < 4096))
    for more, is_met in ((0, True), (1, False)):
        times = latency(WAYS, CONSTANTS, running=running + more, traffic=load)
        meets = (times.first_s <= targets.first_s) & (times.token_s <= targets.token_s)
        assert np.all(meets == is_met)


def test_a_target_that_nobody_meets_gives_no_capacity() -> None:
    """Protects the error that says so."""
    targets = Latency(np.full(3, math.inf), np.full(3, 1e-5))
    running = capacity(WAYS, CONSTANTS, traffic=traffic(3), targets=targets, most=np.full(3, 64.0))
    assert np.array_equal(running, np.zeros(3))


def test_memory_limits_the_batch() -> None:
    """Protects engines from being promised more than fits: 16 GB of weights leave 56 of 72."""
    one = columns(way("llama-3.1-8b", chips=1, precision="bf16"))
    weights = 8.03e9 * 2
    assert resident_bytes(one)[0] == pytest.approx(weights, rel=1e-3)
    free = 0.9 * 80e9 - resident_bytes(one)[0]
    token = 32 * 2 * 8 * 128 * 2
    assert running_max(one, context=np.array([8192.0]))[0] == math.floor(free / (8192 * token))


def test_a_model_that_does_not_fit_runs_nothing() -> None:
    """Protects against plans for a model that is larger than the memory."""
    assert running_max(columns(way("deepseek-r1", chips=2)), context=np.array([1.0]))[0] == 0


def test_a_latent_cache_is_copied_to_every_chip_that_splits_attention() -> None:
    """Protects layouts with copied attention, which hold several times the sequences."""
    split = columns(way("deepseek-r1", chip="h200", experts=8))
    copied = columns(way("deepseek-r1", chip="h200", tensor=1, experts=8))
    context = np.array([4096.0])
    assert running_max(copied, context=context)[0] > 4 * running_max(split, context=context)[0]
