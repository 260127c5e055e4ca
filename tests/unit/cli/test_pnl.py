"""How a statement is written: numbers, files and pictures, from one view of it."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pyarrow.parquet
import pytest
from msgspec import structs

from kilonova.admin.statements import StatementList, StatementView
from kilonova.cli import table_files
from kilonova.cli.exits import CommandError
from kilonova.cli.pnl import table_of
from kilonova.cli.pnl_page import PICTURES, as_page, picture
from kilonova.cli.pnl_text import as_text
from kilonova.cli.pnl_words import WORDS, scale_of
from kilonova.cli.table_files import as_csv, write_parquet
from kilonova.core.usage import Usage
from statement_samples import NANO, machine, sheet, shown, total
from unit.cli.conftest import Terminal

SVG = "{http://www.w3.org/2000/svg}"


def _view(segments: int = 2) -> StatementView:
    """Some models, the first of them the largest; half of the machine stood idle."""
    sums = [
        total(
            model=f"model-{at}",
            price=(segments - at) * 1_234_567 * NANO,
            direct=(segments - at) * 500_000 * NANO,
            usage=Usage(input_tokens=10**9, output_tokens=10**8),
        )
        for at in range(segments)
    ]
    spent = sum(each.direct_nano for each in sums)
    return shown(sheet(sums, machine(2 * spent)))


def test_every_text_is_there_in_every_language() -> None:
    """Protects readers from a half-translated page: the same keys, and no text left English."""
    english, french = (structs.asdict(WORDS[name]) for name in ("en", "fr"))
    for name, text in english.items():
        if isinstance(text, dict):
            assert text.keys() == french[name].keys()
    same = {name for name in english if english[name] == french[name]}
    assert same <= {"total"}


def test_numbers_are_written_as_in_the_country() -> None:
    """Protects readers: marks of thousands, decimals and percent, and a minus that is one."""
    english, french = WORDS["en"], WORDS["fr"]
    assert english.number(Decimal("-1234567.891"), 2) == "-1,234,567.89"
    assert french.number(Decimal("-1234567.891"), 2) == "-1\u202f234\u202f567,89"
    assert (english.percent("36.8"), french.percent("36.8")) == ("36.8%", "36,8\u00a0%")
    assert english.percent(None) == "-"


@pytest.mark.parametrize(
    ("largest", "power", "places"),
    [("187.8e9", 9, 1), ("5e8", 6, 1), ("562027", 0, 0), ("12.5", 0, 2), ("3e-7", 0, 9)],
)
def test_amounts_fit_a_screen(largest: str, power: int, places: int) -> None:
    """Protects columns: billions are not written out, and nano-units are not rounded away."""
    scale = scale_of(Decimal(largest))
    assert (scale.power, scale.places) == (power, places)


def test_many_segments_become_others() -> None:
    """Protects the width of the page; every segment still has its line in the first table."""
    page = as_text(_view(9), WORDS["en"])
    assert sum(line.startswith("model-") for line in page) == 9
    (heads,) = [line.split() for line in page if "Others" in line]
    assert heads == ["model-0", "model-1", "model-2", "model-3", "Others", "Total"]
    (revenue,) = [line.split()[1:] for line in page if line.startswith("Revenue")]
    numbers = [int(cell.replace(",", "")) for cell in revenue]
    assert sum(numbers[:-1]) == pytest.approx(numbers[-1], abs=5)


def test_files_hold_exact_amounts(tmp_path: Path) -> None:
    """Protects spreadsheets: the same decimals in CSV and Parquet as in JSON."""
    found = StatementList(data=(_view(),))
    heads, rows = table_of(found)
    lines = as_csv(heads, rows).splitlines()
    assert len(lines) == 1 + 2 + 2
    assert lines[1].split(",")[heads.index("revenue")] == found.data[0].segments[0].revenue
    path = tmp_path / "pnl.parquet"
    write_parquet(path, heads, rows)
    table = pyarrow.parquet.read_table(path)
    revenue = table.column("revenue").to_pylist()
    assert revenue[:2] == [Decimal(each.revenue) for each in found.data[0].segments]
    assert table.column("requests").to_pylist() == [1, 1, 0, 2]
    assert table.column("revenue_growth_percent").to_pylist() == [None] * 4


def test_parquet_without_the_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Protects people without the extra: it is named, and nothing is written."""

    def missing(_name: str) -> Any:
        raise ModuleNotFoundError

    monkeypatch.setattr(table_files, "import_module", missing)
    with pytest.raises(CommandError, match=r"kilonova\[export\]"):
        write_parquet(tmp_path / "x.parquet", *table_of(StatementList(data=(_view(),))))
    assert not any(tmp_path.iterdir())


def test_a_bar_is_as_long_as_its_cost() -> None:
    """Protects the picture: parts one after the other, and the revenue as a mark."""
    drawn = picture(_view(1), "cost", WORDS["en"])
    assert drawn is not None
    boxes = [
        box
        for box in ElementTree.fromstring(drawn).iter(f"{SVG}rect")
        if box.attrib["height"] == "18.0"
    ]
    ends = [float(box.attrib["x"]) + float(box.attrib["width"]) for box in boxes]
    starts = [float(box.attrib["x"]) for box in boxes]
    assert starts[1:] == pytest.approx(ends[:-1], abs=0.2)
    energy, capital, _upkeep, _upstream, idle = (float(box.attrib["width"]) for box in boxes)
    assert energy == 0
    assert capital == pytest.approx(idle, abs=0.2)


def test_what_was_not_used_has_no_picture() -> None:
    """Protects a fresh installation from empty axes: the page is there without them."""
    view = shown(sheet([], machine(NANO)))
    assert [picture(view, name, WORDS["en"]) for name in PICTURES] == [None, None, None]
    assert "<svg" not in as_page(view, WORDS["fr"])
    assert 'lang="fr"' in as_page(view, WORDS["fr"])


def test_pictures_of_two_currencies_are_refused(terminal: Terminal, tmp_path: Path) -> None:
    """Protects from a picture of a sum that does not exist: the currencies are named."""
    found = StatementList(
        data=(structs.replace(_view(), currency="EUR"), structs.replace(_view(), currency="USD"))
    )

    async def profit_and_loss(_query: object) -> StatementList:
        return found

    terminal.office.control.profit_and_loss = profit_and_loss  # type: ignore[method-assign]
    assert terminal.run("pnl", "--html", str(tmp_path / "x.html")) == 2
    assert "EUR, USD" in terminal.stderr
    assert terminal.run("pnl") == 0
    assert terminal.stdout.count("Operating income") == 2


def test_a_fresh_installation_has_a_statement(terminal: Terminal) -> None:
    """Protects the first evening: nothing sold is said, and is no error."""
    assert terminal.run("pnl") == 0, terminal.stderr
    assert "Nothing was sold" in terminal.stdout
    assert len(terminal.json("pnl", "--by", "organisation")["data"]) == 1


def test_a_first_day_says_since_when_costs_count_and_no_absurd_margin() -> None:
    """Protects a first look: beside a machine that costs by the hour, hardly any revenue gives no
    margin of minus two million percent."""
    words = WORDS["en"]
    assert words.percent("-2000000.0") == words.percent(None) == "-"
    assert words.percent("-99999.9") != "-"
    statement = _view()
    late = structs.replace(statement, costs_from=statement.to - timedelta(days=1))
    never = structs.replace(statement, costs_from=statement.to)
    for early in (statement, never):
        assert not any("Costs count from" in line for line in as_text(early, words))
    assert any(
        f"Costs count from {late.costs_from:%Y-%m-%d}" in line for line in as_text(late, words)
    )
