"""What waves of requests say of a token, and that a machine with moods says the same."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kilonova.billing.cost.fitting import Request, Wave, fit_waves

# Milliseconds: for a request, a token read, its square, a step of 1, 2 and 4, a token of context.
_TRUE = {"start": 6.0, "read": 0.12, "more": 1e-4, "context": 0.002}
_STEPS = {1: 0.6, 2: 1.0, 4: 1.4}
_READS = [(1, length, (1,)) for length in (40, 300, 700, 1300)]
_WRITES = [(beside, 40, (40,)) for beside in _STEPS]
_BUSY = [(4, length, (20, 40, 60)) for length in (200, 500, 1000)]
_KINDS = [*_READS, *_WRITES, (1, 1000, (40,)), *_BUSY]


def _wave(beside: int, length: int, outputs: tuple[int, ...], *, factor: float) -> Wave:
    """All callers write as much, so there are always ``beside`` answers."""
    callers = tuple(
        tuple(Request(length, length - 5, output) for output in outputs) for _ in range(beside)
    )
    requests = beside * len(outputs)
    unread = length - 5
    ms = requests * (_TRUE["start"] + _TRUE["read"] * unread)
    ms += requests * _TRUE["more"] * (length**2 - 5**2)
    ms += _STEPS[beside] * sum(outputs)
    ms += _TRUE["context"] * beside * sum(out * (length + out / 2) for out in outputs)
    return Wave(callers, ms * 1e6 * factor)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_costs_are_found_through_the_moods_of_a_machine(seed: int) -> None:
    """Protects weights and plans: a third of all waves take up to three times as long, and
    that does not hide what a token takes at the usual speed."""
    random = np.random.default_rng(seed)
    waves: list[list[Wave]] = []
    for kind in _KINDS:
        disturbed = random.choice(9, size=3, replace=False)
        factors = random.uniform(0.97, 1.03, 9)
        factors[disturbed] *= random.uniform(1, 3, 3)
        waves.append([_wave(*kind, factor=factor) for factor in factors.tolist()])
    found = fit_waves(waves)
    assert found.beside == (1, 2, 4)
    # What is asked of the costs is what they say together, of a load that was not measured.
    for beside, length, output in ((1, 500, 80), (2, 400, 60), (4, 700, 30)):
        told = _told(found.beside, found.steps, beside) * output
        told += beside * (found.start + found.prefill * length + found.prefill_more * length**2)
        told += beside * found.context * output * (length + output / 2)
        expected = _wave(beside, length, (output,), factor=1.0).ns
        assert told == pytest.approx(expected, rel=0.15)
    assert found.off < 0.05
    assert 0 < found.spread < 0.6


def _told(beside: tuple[int, ...], steps: tuple[float, ...], count: int) -> float:
    return dict(zip(beside, steps, strict=True))[count]


def test_exact_times_give_exact_costs() -> None:
    """Protects the sum: each cost is told apart from the others."""
    found = fit_waves([[_wave(*kind, factor=1.0)] for kind in _KINDS])
    assert found.start == pytest.approx(6e6, rel=1e-3)
    assert found.prefill == pytest.approx(0.12e6, rel=1e-3)
    assert found.prefill_more == pytest.approx(100, rel=1e-3)
    assert found.context == pytest.approx(2e3, rel=1e-3)
    assert found.steps == pytest.approx((0.6e6, 1.0e6, 1.4e6), rel=1e-3)
    assert found.off < 1e-6


def test_no_cost_is_below_zero() -> None:
    """Protects weights from a fit that pays one cost with another."""
    random = np.random.default_rng(7)
    kinds = [[_wave(*kind, factor=random.uniform(0.3, 3.0))] for kind in _KINDS]
    found = fit_waves(kinds)
    costs = (found.start, found.prefill, found.prefill_more, found.context, *found.steps)
    assert min(costs) >= 0
    assert found.off > 0.1


def test_answers_that_end_early_are_counted_as_they_were() -> None:
    """Protects steps: when one of two answers ends, the other goes on alone."""
    early = Wave(((Request(40, 40, 40),), (Request(40, 40, 10),)), 0.0)
    kinds = [[_wave(*kind, factor=1.0)] for kind in _KINDS]
    whole = _wave(2, 40, (10,), factor=1.0).ns + 30 * _STEPS[1] * 1e6
    whole += 30 * _TRUE["context"] * (40 + 25) * 1e6
    # Five tokens more of each prompt are read here.
    whole += 2 * (5 * _TRUE["read"] + 5**2 * _TRUE["more"]) * 1e6
    found = fit_waves([*kinds, [Wave(early.callers, whole)]])
    assert found.off < 1e-6
