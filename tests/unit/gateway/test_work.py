"""Shared time: what a resource was busy for is shared out, all of it and never more."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilonova.core.model import Model
from kilonova.core.ports import Work
from kilonova.core.usage import Cost, Usage
from kilonova.gateway.work import Place, Share, SharedTime, Weights, Works

_MODEL = Model(id="m", name="M", provider="test", engine="e")
_WEIGHTS = Weights(read=3, write=50, context=7, step_tokens=16)


class _Clock:
    def __init__(self) -> None:
        self.ns = 10**15

    def __call__(self) -> int:
        return self.ns


class _Plain:
    """A tariff that tells what it was asked for."""

    def cost(self, share: Share, /) -> Cost:
        engine = share.model.engine
        return Cost(resource=engine, busy_ns=share.busy_ns, energy_uj=share.energy_uj)


class _World:
    """One resource, and the slow reference: every request's share, step by step, in fractions."""

    def __init__(self) -> None:
        self.clock = _Clock()
        self.shared = SharedTime(self.clock)
        self.works = Works({"e": Place(self.shared, _Plain())}, {"m": _WEIGHTS})
        self.running: list[tuple[Work, list[int]]] = []
        self.expected: dict[int, Fraction] = {}
        self.weights: dict[int, int] = {}
        self.costs: dict[int, Cost] = {}
        self.busy_ns = 0

    def wait(self, step_ns: int) -> None:
        # How far a clock went forth before it stepped back is known only to who looked.
        if step_ns < 0:
            self.shared.settle()
        self.clock.ns += step_ns
        if step_ns < 0:
            self.shared.settle()
        total = sum(self.weights.values())
        if step_ns > 0 and total:
            self.busy_ns += step_ns
            for number, weight in self.weights.items():
                self.expected[number] += Fraction(step_ns * weight, total)

    def open(self, tokens: int, choices: int) -> None:
        work = self.works.open(_MODEL, input_tokens=tokens, choices=choices)
        number = len(self.expected)
        self.expected[number] = Fraction(0)
        self.running.append((work, [number, tokens, choices, 0]))

    def advance(self, index: int, *, is_over: bool) -> None:
        """The next step of a request: begin, write, end; or its end at once."""
        work, state = self.running[index % len(self.running)]
        number, tokens, choices, step = state
        if is_over or step == 2:
            self.weights.pop(number, None)
            self.costs[number] = work.end(Usage())
            self.running.remove((work, state))
        elif step == 0:
            self.weights[number] = 3 * min(max(1, tokens), 16) * choices
            work.begin()
        else:
            self.weights[number] = (50 + 7 * tokens) * choices
            work.write()
        state[3] += 1


_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), st.integers(-(10**9), 10**12), st.booleans()),
        st.tuples(st.just("open"), st.integers(0, 40_000), st.booleans()),
        st.tuples(st.just("advance"), st.integers(0, 50), st.booleans()),
    ),
    max_size=80,
)


@given(_STEPS)
def test_shares_are_those_of_the_slow_reference_and_never_exceed_the_clock(
    steps: list[tuple[str, int, bool]],
) -> None:
    """Protects conservation: for any order of beginnings, writings, ends and cancellations, and a
    clock that steps back, each request gets its weight's share, and all of them the busy time."""
    world = _World()
    for kind, number, flag in steps:
        if kind == "wait":
            world.wait(number)
        elif kind == "open":
            world.open(number, 3 if flag else 1)
        elif world.running:
            world.advance(number, is_over=flag)
    while world.running:
        world.advance(0, is_over=True)
    for number, cost in world.costs.items():
        assert 0 <= world.expected[number] - cost.busy_ns < 2
    assert world.shared.busy_ns == world.busy_ns
    total = sum(cost.busy_ns for cost in world.costs.values())
    assert 0 <= world.busy_ns - total <= 2 * len(world.costs)
    assert world.shared.weight == 0


def test_requests_that_were_never_taken_up_cost_no_time() -> None:
    """Protects callers who wait: the engine's queue is nobody's work."""
    world = _World()
    world.open(10, 1)
    world.open(10, 1)
    world.advance(0, is_over=False)
    world.wait(1_000)
    world.advance(1, is_over=True)
    world.advance(0, is_over=True)
    assert world.costs[0].busy_ns == pytest.approx(1_000, abs=1)
    assert world.costs[1].busy_ns == 0


@pytest.mark.parametrize("power_uw", [0, 5_000_000])
def test_energy_is_shared_like_time(power_uw: int) -> None:
    """Protects the energy of a request: the power of each moment, by its share of the moment."""
    world = _World()
    world.shared.dynamic_uw = power_uw
    world.open(16, 1)
    world.open(16, 1)
    world.advance(0, is_over=False)
    world.advance(1, is_over=False)
    world.wait(2_000_000_000)
    world.shared.settle()
    world.shared.dynamic_uw = 2 * power_uw
    world.wait(2_000_000_000)
    world.advance(0, is_over=True)
    world.wait(1_000_000_000)
    world.advance(0, is_over=True)
    watts = power_uw // 1_000_000
    first, second = world.costs[0].energy_uj, world.costs[1].energy_uj
    assert first == pytest.approx(watts * 3_000_000, abs=1)
    assert second == pytest.approx(watts * 5_000_000, abs=1)


def test_what_runs_nowhere_has_no_known_cost() -> None:
    """Protects statements: a cost without a basis is not a cost of nothing."""
    work = Works({}, {}).open(_MODEL, input_tokens=1)
    work.begin()
    work.write()
    assert work.end(Usage()).basis == ""
