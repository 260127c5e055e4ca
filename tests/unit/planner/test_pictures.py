"""What the pictures of a plan are drawn from."""

import itertools

import pytest

from kilonova.planner.plan import Wishes, make_plan
from kilonova.planner.supply import Supply
from kilonova.planner.workload import Workload
from planner_samples import TABLES


def test_curves_of_a_plan_fall_and_trade() -> None:
    """Protects the pictures' content: load makes tokens cheaper, company makes them slower."""
    load = Workload(rate=5, input_tokens=1000, output_tokens=300)
    (way,) = make_plan(
        load,
        Supply(accelerators=("h200",)),
        model="llama-3.1-70b",
        tables=TABLES,
        wishes=Wishes(top=1, arrivals=0),
    ).options
    prices = [point.usd_per_million for point in way.load_curve]
    assert prices[0] > 100 * prices[-1]
    here = min(way.load_curve, key=lambda point: abs(point.rate - load.rate))
    assert here.usd_per_million == pytest.approx(way.usd_per_million.mean)
    for one, two in itertools.pairwise(way.speed_curve):
        assert two.user_tokens_s < one.user_tokens_s
        assert two.chip_tokens_s > one.chip_tokens_s
