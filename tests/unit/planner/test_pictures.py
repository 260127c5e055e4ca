"""Pictures are sound SVG, and show the numbers that they were given."""

import itertools
from xml.etree import ElementTree

import pytest

from kilonova.planner.pictures import Axis, Line, chart
from kilonova.planner.plan import make_plan
from kilonova.planner.supply import Supply
from kilonova.planner.workload import Workload
from planner_samples import TABLES

SVG = "{http://www.w3.org/2000/svg}"
PLAIN, DECADES = Axis(name="x"), Axis(name="y", is_logarithmic=True)


def _places(picture: str) -> list[list[tuple[float, float]]]:
    """The points of every line that is drawn."""
    drawn = ElementTree.fromstring(picture).iter(f"{SVG}polyline")
    return [
        [tuple(map(float, pair.split(","))) for pair in line.attrib["points"].split()]  # type: ignore[misc]
        for line in drawn
    ]


def test_points_are_where_their_values_are() -> None:
    """Protects the reader: linear across, logarithmic up, the largest at the top right."""
    lines = [Line(name="a", points=[(0, 1), (5, 10), (10, 100)])]
    ((low, middle, high),) = _places(chart("t", lines, x=PLAIN, y=DECADES))
    assert low[0] < middle[0] < high[0]
    assert middle[0] - low[0] == pytest.approx(high[0] - middle[0], abs=0.2)
    assert low[1] - middle[1] == pytest.approx(middle[1] - high[1], abs=0.2)
    assert low[1] > high[1]


def test_names_cannot_break_the_page() -> None:
    """Protects a page that shows a model's name: it is text, whatever it contains."""
    name = "<script>alert('&\"')</script>"
    picture = chart(name, [Line(name=name, points=[(1, 1), (2, 2)])], x=PLAIN, y=PLAIN)
    texts = [each.text for each in ElementTree.fromstring(picture).iter(f"{SVG}text")]
    assert name in texts
    assert "<script>" not in picture


def test_one_value_alone_is_drawn() -> None:
    """Protects flat lines: a day with the same fleet at every hour."""
    picture = chart("t", [Line(name="a", points=[(0, 3), (24, 3)])], x=PLAIN, y=PLAIN)
    ((left, right),) = _places(picture)
    assert left[1] == right[1]


def test_curves_of_a_plan_fall_and_trade() -> None:
    """Protects the pictures' content: load makes tokens cheaper, company makes them slower."""
    load = Workload(rate=5, input_tokens=1000, output_tokens=300)
    (way,) = make_plan(
        load, Supply(accelerators=("h200",)), model="llama-3.1-70b", tables=TABLES, top=1
    ).options
    prices = [point.usd_per_million for point in way.load_curve]
    assert prices[0] > 100 * prices[-1]
    here = min(way.load_curve, key=lambda point: abs(point.rate - load.rate))
    assert here.usd_per_million == pytest.approx(way.usd_per_million.mean)
    for one, two in itertools.pairwise(way.speed_curve):
        assert two.user_tokens_s < one.user_tokens_s
        assert two.chip_tokens_s > one.chip_tokens_s
