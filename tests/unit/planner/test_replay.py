"""The event loop: it agrees with the formulas where both hold, and keeps its own limits."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from kilonova.planner.arrivals import Burst, Lengths, crowd
from kilonova.planner.memory import running_max
from kilonova.planner.pace import Pace, pace_of
from kilonova.planner.replay import Desks, Scene, Tail, replay
from kilonova.planner.replica import Replica, Visit
from kilonova.planner.steady import latency, running_at
from planner_samples import TABLES, columns, traffic, way

CONSTANTS = TABLES.fit.constants
WAYS = (
    way(),
    way("qwen3-32b", chips=1),
    way("deepseek-r1", chip="h200"),
    way("deepseek-r1", chip="h200", tensor=1, experts=8),
)


def pace(at: int = 0, *, running: int = 64, context: int = 4096) -> Pace:
    return pace_of(columns(WAYS[at]), CONSTANTS, running=running, context=context)


def scene(rate: float = 5.0, **given: object) -> Scene:
    lengths = Lengths(input=1000, output=300, cache_share=0, spread=1.0, most=16_000)
    wanted = {"replicas": 2, "running": 10.0, "lengths": lengths, "arrivals": 800, **given}
    return Scene(rate=rate, **wanted)  # type: ignore[arg-type]


@settings(max_examples=12, deadline=None)
@given(
    at=st.integers(0, len(WAYS) - 1),
    load=st.floats(0.05, 0.85),
    read=st.integers(50, 2000),
    written=st.integers(150, 800),
)
def test_means_agree_with_the_formulas(at: int, load: float, read: int, written: int) -> None:
    """Protects both: with equal lengths and a steady load, time per token is the same within 8 %,
    and the first token comes no later than the formula says, nor sooner than without a queue."""
    one, asked = columns(WAYS[at]), traffic(1, read=float(read), written=float(written))
    most = np.minimum(running_max(one, context=np.array([float(read + written)])), 128.0)
    full = latency(one, CONSTANTS, running=most, traffic=asked)
    rate = load * most / full.request_s(asked)
    running = running_at(one, CONSTANTS, rate=rate, traffic=asked, most=most)
    closed = latency(one, CONSTANTS, running=np.maximum(running, 1.0), traffic=asked)
    quiet = latency(one, CONSTANTS, running=np.ones(1), traffic=asked)
    lengths = Lengths(input=read, output=written, cache_share=0, spread=0, most=read + written)
    played = replay(
        pace(at, running=int(most[0]), context=read + written),
        scene(float(rate[0]) * 2, running=float(running[0]) * 2, lengths=lengths, arrivals=1_500),
    )
    assert played.mean_token_ms == pytest.approx(closed.token_s[0] * 1e3, rel=0.08)
    assert played.mean_first_ms <= closed.first_s[0] * 1e3 * 1.1
    assert played.mean_first_ms >= quiet.first_s[0] * 1e3 * 0.75


def test_the_same_seed_is_the_same_hour() -> None:
    """Protects plans that are made again."""
    one, again, other = (replay(pace(), scene(seed=seed)) for seed in (1, 1, 2))
    assert one == again != other


def test_percentiles_are_in_order_and_wider_with_longer_tails() -> None:
    """Protects the columns, and what a spread of lengths does to them."""
    alike = Lengths(input=1000, output=300, cache_share=0, spread=0, most=16_000)
    wide = replay(pace(), scene())
    narrow = replay(pace(), scene(lengths=alike))
    for tail in (wide, narrow):
        for row in (tail.first_token_ms, tail.token_ms, tail.request_ms):
            assert 0 < row.p50 <= row.p95 <= row.p99 < math.inf
    assert wide.request_ms.p99 / wide.request_ms.p50 > narrow.request_ms.p99 / narrow.request_ms.p50


def test_a_burst_is_waited_out() -> None:
    """Protects bursts: they make the tail longer, for some time, and not the middle."""
    calm = replay(pace(running=16), scene(8.0, running=16.0, arrivals=3000))
    burst = Burst(factor=6.0, seconds=20.0)
    stormy = replay(pace(running=16), scene(8.0, running=16.0, arrivals=3000, burst=burst))
    assert stormy.first_token_ms.p99 > 3 * calm.first_token_ms.p99
    assert 10 < stormy.overload_s < 300
    assert calm.overload_s == 0


def test_what_does_not_fit_waits() -> None:
    """Protects the limit of memory: two that do not fit beside each other run one by one."""
    small = pace()
    small = replace(small, room=small.kept_bytes(1200) * 1.5)
    replica = Replica(small)
    visits = [Visit(at_s=0, input=1000, unread=1000, output=200) for _ in range(2)]
    for visit in visits:
        replica.put(visit)
    replica.advance(math.inf)
    assert visits[0].end_s < visits[1].first_s < visits[1].end_s < math.inf
    assert replica.outstanding == 0


def test_one_that_is_larger_than_the_memory_is_served_alone() -> None:
    """Protects the loop from waiting for ever."""
    tiny = replace(pace(), room=1.0)
    replica, visit = Replica(tiny), Visit(at_s=0, input=1000, unread=1000, output=2)
    replica.put(visit)
    replica.advance(math.inf)
    assert visit.end_s < math.inf


def test_a_long_prompt_is_read_in_chunks() -> None:
    """Protects those who write meanwhile: they get tokens between the chunks."""
    replica = Replica(pace(context=80_000))
    writer = Visit(at_s=0, input=10, unread=10, output=5)
    reader = Visit(at_s=0, input=60_000, unread=60_000, output=2)
    for visit in (writer, reader):
        replica.put(visit)
    replica.advance(math.inf)
    assert writer.end_s < reader.first_s


def test_steps_taken_at_once_are_steps_taken_singly() -> None:
    """Protects the short cut: nothing but the clock's rounding differs."""
    ends = []
    for tick in (math.inf, 0.05):
        replica = Replica(pace())
        visits = [Visit(at_s=0, input=500, unread=500, output=100 + 50 * at) for at in range(4)]
        for visit in visits:
            replica.put(visit)
        now = 0.0
        while replica.outstanding:
            now += tick
            replica.advance(now)
        ends.append([visit.end_s for visit in visits])
    assert ends[0] == pytest.approx(ends[1], rel=1e-3)


def test_desks_that_read_take_one_prompt_each() -> None:
    """Protects readers of their own: with too few of them prompts queue, with enough not."""
    written = pace_of(columns(WAYS[0]), CONSTANTS, running=64, context=4096, reads=False)

    def first(count: int) -> Tail:
        desks = Desks(count=count, read_s=2e-4, read_more_s=0, later_s=0.05)
        return replay(written, scene(desks=desks))

    assert first(1).first_token_ms.p95 > 2 * first(20).first_token_ms.p95
    assert first(20).first_token_ms.p50 > 50


def test_a_crowd_has_the_mean_that_was_asked_for() -> None:
    """Protects the load: rate, lengths and cached share are those of the workload."""
    lengths = Lengths(input=900, output=200, cache_share=0.4, spread=1.0, most=100_000)
    random = np.random.default_rng(3)
    came = crowd(random, 20_000, rate=7.0, lengths=lengths, burst=None)
    assert 20_000 / came.at_s[-1] == pytest.approx(7.0, rel=0.03)
    assert came.input.mean() == pytest.approx(900, rel=0.03)
    assert came.output.mean() == pytest.approx(200, rel=0.03)
    assert came.unread.sum() / came.input.sum() == pytest.approx(0.6, rel=0.01)
    burst = crowd(random, 20_000, rate=7.0, lengths=lengths, burst=Burst(factor=5, seconds=100))
    start = burst.at_s[5_000]
    inside = np.sum((burst.at_s > start) & (burst.at_s < start + 100))
    assert inside == pytest.approx(3_500, rel=0.1)
