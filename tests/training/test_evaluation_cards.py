"""Cards say what was measured, beside the bar and the baselines, and stay small."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from cards.card import Bar, Card, Metric, MetricTable, Sample, Share, Source, Work
from cards.charts import bar_chart, line_chart
from cards.cost import bill_of, read_assumptions
from cards.shares import wilson
from cards.write import PICTURE_BYTES_MAX, write_card


def _card(**fields: object) -> Card:
    metrics = (
        Metric.of_share("Exact", Share(90, 100), bar=Bar(85.0, aim=93.0), baselines={"simple": 40}),
        Metric("Load", 0.4, "s", bar=Bar(0.3, is_ceiling=True)),
        Metric("Speed", 1240, "tok/s"),
    )
    known: dict[str, object] = {
        "model": "kilonova.test-v1:0",
        "title": "Test",
        "summary": "A model.",
        "tables": (MetricTable("Calls", metrics),),
        "sources": (Source("words", "CC-BY-4.0", "Ann | Co, changed"),),
        "work": (Work(resource="cpu_core", hours=10.0),),
        "samples": (Sample("a | b", "`c`"),),
        "pictures": (bar_chart("tools", "By tools", {"1": 99.0, "2": 50.0}, bar=85),),
    }
    return Card(**(known | fields))


def test_the_page_says_met_and_missed(tmp_path: Path) -> None:
    """Protects readers: a missed bar is named at the top and marked in its row."""
    write_card(_card(), tmp_path, stem="test-v1")
    text = (tmp_path / "test-v1.md").read_text(encoding="utf-8")
    assert "**1 of 2 acceptance bars met.** Missed: Calls: Load." in text
    assert (
        "| Exact | 90.0 % | 82.6 to 94.5 | 90/100 | ≥ 85.0 % (aim 93.0 %) | met | 40.0 % |" in text
    )
    assert "| Load | 0.400 s |" in text
    assert "| ≤ 0.300 s | **missed** |" in text
    assert "| Speed | 1,240 tok/s |" in text
    assert "Ann \\| Co, changed" in text
    assert "![By tools](test-v1-tools.svg)" in text


def test_the_json_holds_everything_but_the_drawings(tmp_path: Path) -> None:
    """Protects programs that read cards: figures, verdict and bill stand in one small file."""
    write_card(_card(), tmp_path, stem="test-v1")
    told = json.loads((tmp_path / "test-v1.json").read_text(encoding="utf-8"))
    assert told["verdict"] == {"met": 1, "of": 2, "missed": ["Calls: Load"]}
    assert told["card"]["tables"][0]["metrics"][0]["counts"] == {"right": 90, "of": 100}
    assert told["bill"]["is_measured"] is False
    assert "<svg" not in json.dumps(told)


def test_a_picture_of_an_earlier_card_goes_away(tmp_path: Path) -> None:
    """Protects the package from pictures that no page shows; other models' files stay."""
    other = tmp_path / "test-v2-loss.svg"
    other.write_text("x", encoding="utf-8")
    write_card(_card(), tmp_path, stem="test-v1")
    write_card(_card(pictures=()), tmp_path, stem="test-v1")
    assert list(tmp_path.glob("*.svg")) == [other]


def test_long_curves_stay_light_and_are_xml() -> None:
    """Protects the size of the package: a hundred thousand points become a small drawing."""
    points = [(step * 8192.0, 9.0 / (1 + step / 500)) for step in range(100_000)]
    for picture in (
        line_chart("loss", "Loss & <more>", {"a": points, "b": points}, x_label="tokens"),
        bar_chart("x", "X", {"only": 0.0}, intervals={"only": (0.0, 3.0)}),
    ):
        assert len(picture.svg.encode()) < PICTURE_BYTES_MAX / 2
        assert ElementTree.fromstring(picture.svg).tag.endswith("svg")
    with pytest.raises(ValueError, match="no points"):
        line_chart("loss", "Loss", {"a": []})


def test_the_bill_follows_from_its_assumptions() -> None:
    """Protects the cost of training: watts, room, tariff and rent are multiplied once each."""
    known = read_assumptions()
    core = known.resources["cpu_core"]
    bill = bill_of((Work(resource="cpu_core", hours=10.0),), known)
    assert bill.watt_hours == pytest.approx(10 * core.watts * known.overhead)
    assert bill.electricity == pytest.approx(bill.watt_hours / 1000 * known.price_per_kwh)
    assert bill.rent_high == pytest.approx(10 * core.price_per_hour_high)
    assert bill_of((Work(resource="h100", hours=1, watt_hours=500.0),), known).is_measured
    with pytest.raises(ValueError, match="'abacus'"):
        bill_of((Work(resource="abacus", hours=1.0),), known)


def test_intervals_are_those_of_wilson() -> None:
    """Protects the intervals: a published example, and both ends where the plain one fails."""
    low, high = wilson(81, 263)
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)
    assert wilson(0, 0) == (0.0, 1.0)
    assert wilson(10, 10)[1] == pytest.approx(1.0)
    assert 0.0 < wilson(10, 10)[0] < 1.0
    with pytest.raises(ValueError, match="impossible"):
        wilson(3, 2)
