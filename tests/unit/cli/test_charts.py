"""Pictures are sound SVG, and show the numbers that they were given."""

from xml.etree import ElementTree

import pytest

from kilonova.cli.charts.frame import Axis, plain_number
from kilonova.cli.charts.lines import Line, line_chart

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
    ((low, middle, high),) = _places(line_chart("t", lines, x=PLAIN, y=DECADES))
    assert low[0] < middle[0] < high[0]
    assert middle[0] - low[0] == pytest.approx(high[0] - middle[0], abs=0.2)
    assert low[1] - middle[1] == pytest.approx(middle[1] - high[1], abs=0.2)
    assert low[1] > high[1]


def test_names_cannot_break_the_page() -> None:
    """Protects a page that shows a model's name: it is text, whatever it contains."""
    name = "<script>alert('&\"')</script>"
    picture = line_chart(name, [Line(name=name, points=[(1, 1), (2, 2)])], x=PLAIN, y=PLAIN)
    texts = [each.text for each in ElementTree.fromstring(picture).iter(f"{SVG}text")]
    assert name in texts
    assert "<script>" not in picture


def test_one_value_alone_is_drawn() -> None:
    """Protects flat lines: a day with the same fleet at every hour."""
    picture = line_chart("t", [Line(name="a", points=[(0, 3), (24, 3)])], x=PLAIN, y=PLAIN)
    ((left, right),) = _places(picture)
    assert left[1] == right[1]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *((0.0, "0"), (1000.0, "1000"), (12_345.0, "12300"), (2.5e6, "2.5M"), (0.05, "0.05")),
        *((-1500.0, "-1500"), (0.000123, "0.000123"), (1e12, "1e+12"), (1e-9, "1e-09")),
        *((7.77e9, "7.77G"), (999_999.0, "1M")),
    ],
)
def test_numbers_are_written_as_people_write_them(value: float, text: str) -> None:
    """Protects axes from ``1e+03``."""
    assert plain_number(value) == text


def test_the_last_tick_is_inside_the_picture() -> None:
    """Protects the largest number of an axis from being cut at the edge."""
    picture = line_chart("t", [Line(name="a", points=[(0, 0), (1000, 1000)])], x=PLAIN, y=PLAIN)
    for text in ElementTree.fromstring(picture).iter(f"{SVG}text"):
        if "transform" not in text.attrib:
            assert 8 <= float(text.attrib["y"]) <= 360
            assert 0 <= float(text.attrib["x"]) <= 640
