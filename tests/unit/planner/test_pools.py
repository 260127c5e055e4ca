"""Machines that only read beside machines that only write."""

from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from kilonova.core.errors import InvalidRequest
from kilonova.planner.columns import Columns
from kilonova.planner.option import Option
from kilonova.planner.plan import Wishes, make_plan
from kilonova.planner.search import search
from kilonova.planner.steps import decode_s, prefill_s
from kilonova.planner.supply import Supply
from kilonova.planner.workload import Workload
from planner_samples import TABLES, way

LOAD = Workload(rate=400, input_tokens=6000, output_tokens=600, token_ms=20)
APART = Supply(kind="owned", accelerators=("h200",), precisions=("fp8",), layout="apart")


def option(workload: Workload = LOAD, supply: Supply = APART, **wishes: Any) -> Option:
    made = make_plan(
        workload,
        supply,
        model="deepseek-r1",
        tables=TABLES,
        wishes=Wishes(**{"arrivals": 0, "price_lists": ("gpt-5",), **wishes}),
    )
    return made.options[0]


def test_both_pools_are_paid_and_powered() -> None:
    """Protects sums: chips, dollars and prices of tokens are of both pools."""
    best = option()
    assert best.readers is not None
    readers = best.readers.replicas_peak * best.readers.chips
    writers = best.replicas_peak * best.chips
    assert best.chips_peak == readers + writers
    assert best.usd_a_day.value == pytest.approx((readers + writers) * 24 * best.usd_hour)
    kinds = best.usd_per_million
    read = kinds.input * 6000 * LOAD.requests_a_day / 1e6
    assert read == pytest.approx(readers * 24 * best.usd_hour)
    assert sum(part.usd_per_million for part in best.parts) == pytest.approx(kinds.mean)
    assert 0 < best.kwh_a_day < best.peak_kw * 24


def test_any_is_never_dearer_than_either() -> None:
    """Protects the search: both layouts are looked at, and the cheaper one is taken."""
    together, apart, free = (
        option(supply=replace(APART, layout=layout)).usd_a_day.value
        for layout in ("together", "apart", "any")
    )
    assert free == min(together, apart)


def test_steps_are_not_disturbed_by_prompts() -> None:
    """Protects the point of it: longer prompts need more readers, and tokens come as fast."""
    short = option(replace(LOAD, input_tokens=3000))
    long = option(replace(LOAD, input_tokens=12_000))
    assert long.readers is not None
    assert short.readers is not None
    assert long.readers.replicas_peak * long.readers.chips > 2 * (
        short.readers.replicas_peak * short.readers.chips
    )
    assert long.token_ms.value <= 20


def test_a_tighter_first_token_needs_more_readers() -> None:
    """Protects the target: it is met at the busiest hour, and readers are idle for it."""
    chips = []
    for target in (2000, 700):
        best = option(replace(LOAD, first_token_ms=target))
        assert best.readers is not None
        assert best.first_token_ms.value <= target
        chips.append(best.readers.replicas_peak * best.readers.chips)
    assert chips[0] < chips[1]
    with pytest.raises(InvalidRequest, match="first_token_ms"):
        option(replace(LOAD, first_token_ms=1))


def test_percentiles_are_played_with_both_pools() -> None:
    """Protects the tail of a layout with readers."""
    made = make_plan(
        replace(LOAD, rate=40),
        APART,
        model="deepseek-r1",
        tables=TABLES,
        wishes=Wishes(arrivals=600, price_lists=("gpt-5",)),
    )
    assert made.tail is not None
    best = made.options[0]
    assert made.tail.mean_token_ms == pytest.approx(best.token_ms.value, rel=0.15)
    assert 0.4 < made.tail.mean_first_ms / best.first_token_ms.value < 1.5


def test_a_replica_over_several_servers_pays_for_the_network() -> None:
    """Protects wide layouts: slower cards, slower steps; within one fast link the card is idle."""
    slow, fast, inside = (
        Columns.of(
            [
                replace(
                    row := way("deepseek-r1", chip="h200", chips=chips, tensor=1, experts=chips),
                    accelerator=replace(row.accelerator, network_gb_s=speed),
                )
            ]
        )
        for chips, speed in ((32, 5.0), (32, 500.0), (8, 5.0))
    )
    constants, ones = TABLES.fit.constants, np.ones(1)
    for step in (
        lambda row: decode_s(row, constants, batch=3200 * ones, context=4000 * ones),
        lambda row: prefill_s(row, constants, tokens=4000 * ones),
    ):
        assert step(slow)[0] > 1.5 * step(fast)[0]
    same = replace(inside, network=inside.network * 100)
    assert prefill_s(inside, constants, tokens=ones) == prefill_s(same, constants, tokens=ones)


def test_both_kinds_are_ranked_in_one_list() -> None:
    """Protects the order: the cheapest first, whatever its layout, with all its arrays in step."""
    found = search(LOAD, TABLES.models["deepseek-r1"], Supply(kind="owned"), tables=TABLES)
    assert np.all(np.diff(found.usd_a_day) >= 0)
    assert {found.is_apart(at) for at in range(len(found.configurations))} == {True, False}
    anew = Columns.of(found.configurations)
    assert np.array_equal(anew.chips, found.columns.chips)
