"""Three published cases that the planner's arithmetic has to reproduce.

Figures: deepseek-ai/open-infra-index, day 6 of the open source week (March 2025); Epoch AI, data
insight of 14 May 2026; Amazon's results of the fourth quarter of 2024 and the call of that day.
"""

import pytest
from msgspec.structs import replace

from kilonova.planner.cost import request_usd
from kilonova.planner.finance import annuity, growth, run_rate, site_year
from kilonova.planner.fleet import nodes_for
from kilonova.planner.plan import Wishes, make_plan
from kilonova.planner.supply import Supply
from kilonova.planner.workload import Workload
from planner_samples import TABLES

BILLION = 1e9


def test_deepseeks_day() -> None:
    """Protects fleets and margins: throughputs and tokens give their nodes, cost and 545 %."""
    prefill = nodes_for(608 * BILLION, tokens_s=73_700)
    decode = nodes_for(168 * BILLION, tokens_s=14_800)
    assert prefill == pytest.approx(95.48, abs=0.01)
    assert decode == pytest.approx(131.38, abs=0.01)
    assert prefill + decode == pytest.approx(226.75, rel=0.002)
    cost = 226.75 * 8 * 2 * 24
    assert cost == 87_072
    day = Workload(
        rate=1, input_tokens=608 * BILLION, output_tokens=168 * BILLION, cache_share=342 / 608
    )
    revenue = request_usd(TABLES.prices["deepseek-r1-2025-02"], day)
    assert round(revenue / 1e3, 1) == 562.1
    # The published sum comes from tokens that were not rounded.
    assert revenue == pytest.approx(562_027, rel=0.0005)
    assert int(growth(revenue, cost) * 100) == 545
    assert round(growth(562_027, cost) * 100) == 545


def test_deepseeks_throughput_is_predicted() -> None:
    """Protects pools and wide layouts: from the chip, the model and the traffic alone, both rates
    are within 25 % of the published ones, with no constant fitted to them."""
    # Lengths from their tokens and their mean context of 4,989; speed from their 20 to 22 tokens/s;
    # chip: an H100 with the links that DeepEP's README states for H800.
    output = 4_989 / (608 / 168 + 0.5)
    day = Workload(
        rate=168 * BILLION / 86_400 / output,
        input_tokens=output * 608 / 168,
        output_tokens=output,
        cache_share=342 / 608,
        token_ms=1000 / 21,
    )
    h800 = replace(TABLES.accelerators["h100"], name="h800", link_gb_s=160.0, network_gb_s=50.0)
    tables = replace(TABLES, accelerators={**TABLES.accelerators, "h800": h800})
    supply = Supply(
        accelerators=("h800",), precisions=("fp8",), engines=("vllm",),
        layout="apart", usd_hour=2, spares=0,
    )  # fmt: skip
    best = make_plan(
        day, supply, model="deepseek-r1", tables=tables, wishes=Wishes(arrivals=0)
    ).options[0]
    assert best.readers is not None
    prefill = best.readers.replicas_mean * best.readers.chips / 8
    decode = best.replicas_mean * best.chips / 8
    assert 608 * BILLION / 86_400 / prefill == pytest.approx(73_700, rel=0.25)
    assert 168 * BILLION / 86_400 / decode == pytest.approx(14_800, rel=0.25)
    assert prefill + decode == pytest.approx(226.75, rel=0.1)
    assert best.chips >= 64


@pytest.mark.parametrize(("life", "total"), [(5, 8.5), (3, 12.0), (7, 7.0)])
def test_epochs_gigawatt(life: float, total: float) -> None:
    """Protects the cost of capital: a straight line could not give these three totals."""
    year = site_year(machines=25.5, building=12.5, upkeep=0.9, rate=0.068, lives=(life, 14))
    assert year == pytest.approx(total, abs=0.05)
    straight = site_year(machines=25.5, building=12.5, upkeep=0.9, rate=0, lives=(life, 14))
    assert abs(straight - total) > 0.5


def test_epochs_gigawatt_is_what_the_tables_hold() -> None:
    """Protects the defaults of bought machines: building, rate and lives are of this case."""
    assert TABLES.buildings["ai-site"].value * 1e6 == 12.5 * BILLION
    assert TABLES.capital["hyperscale"].value == 0.068
    assert (TABLES.lives["it"].value, TABLES.lives["facility"].value) == (5, 14)


def test_amazons_quarter() -> None:
    """Protects run rates, margins and depreciation: every ratio of the results, to one decimal."""
    sales, income = {"na": 115.6, "intl": 43.4, "aws": 28.8}, {"na": 9.3, "intl": 1.3, "aws": 10.6}
    assert round(sum(sales.values()), 1) == 187.8
    assert round(sum(income.values()), 1) == 21.2
    assert round(income["aws"] / sales["aws"] * 100, 1) == 36.8
    assert round(21.2 / 187.8 * 100, 1) == 11.3
    assert round(sales["aws"] / 187.8 * 100, 1) == 15.3
    assert round(income["aws"] / 21.2 * 100, 1) == 50.0
    assert round(sales["aws"] / 1.19, 1) == 24.2
    assert round(growth(10.6, 7.2) * 100) == 47
    capital, revenue = run_rate(26.3), run_rate(sales["aws"])
    assert (round(capital, 1), round(revenue, 1)) == (105.2, 115.2)
    assert round(capital / revenue * 100) == 91
    five, six = (annuity(capital, years=years, rate=0) for years in (5, 6))
    assert (round(five, 2), round(six, 2), round(five - six, 1)) == (21.04, 17.53, 3.5)
    assert round(capital + 75 + 80, 1) == 260.2
    assert round(capital / 38, 1) == 2.8


def test_the_same_tokens_at_every_price_list() -> None:
    """Protects comparisons: DeepSeek's day at others' prices, and what its cost leaves."""
    day = Workload(
        rate=1, input_tokens=608 * BILLION, output_tokens=168 * BILLION, cache_share=342 / 608
    )
    revenue = {name: request_usd(prices, day) / 1e3 for name, prices in TABLES.prices.items()}
    assert round(revenue["amazon-nova-pro"], 1) == 818.8
    assert round(revenue["amazon-nova-lite"], 1) == 61.4
    assert 1 - 87.072 / revenue["amazon-nova-lite"] < 0
    assert round((1 - 87.072 / revenue["deepseek-r1-2025-02"]) * 100, 1) == 84.5
