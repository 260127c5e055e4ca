"""Published figures through the statement that users see: they must come out as they were told.

Amazon's results of the fourth quarter of 2024 (press release and call of 6 February 2025, rounded
to 0.1 B$), and DeepSeek's day of 27 February 2025 (day 6 of its open source week).
"""

from decimal import Decimal

import pytest

from kilonova.admin.statements import StatementView
from kilonova.billing.cost.rates import annuity
from kilonova.billing.statement.sheet import Sheet
from kilonova.cli.pnl_text import Capex, as_text
from kilonova.cli.pnl_words import WORDS
from kilonova.core.books import UsageSum
from kilonova.core.model import Price
from kilonova.core.usage import Usage
from statement_samples import NANO, machine, sheet, shown, total

BILLION = 10**9
# Segment: sales and operating income of the quarter, in tenths of a B$.
AMAZON = {"North America": (1156, 93), "International": (434, 13), "AWS": (288, 106)}
DAY_S = 86_400
NODES = Decimal("226.75")
READ, CACHED, WRITTEN = 266 * BILLION, 342 * BILLION, 168 * BILLION
TOKENS = Usage(input_tokens=READ, cache_read_tokens=CACHED, output_tokens=WRITTEN)


def _segment(name: str, sales: int, income: int) -> UsageSum:
    tenth = BILLION * NANO // 10
    spent = (sales - income) * tenth
    return total(model=name, resource=name, price=sales * tenth, direct=spent)


def _amazon() -> tuple[Sheet, Sheet]:
    now = sheet([_segment(name, *figures) for name, figures in AMAZON.items()])
    # A year before, of AWS alone: 24.2 B$ of sales and 7.2 of income.
    return now, sheet([_segment("AWS", 242, 72)])


def test_amazons_quarter() -> None:
    """Protects margins, shares, growth and run-rates: each as told, to one decimal."""
    view = shown(*_amazon())
    by_name = {segment.name: segment for segment in view.segments}
    aws = by_name["AWS"]
    assert [segment.name for segment in view.segments] == ["North America", "International", "AWS"]
    assert Decimal(view.total.revenue) == Decimal("187.8") * BILLION
    assert Decimal(view.total.operating_income) == Decimal("21.2") * BILLION
    assert (aws.margin_percent, view.total.margin_percent) == ("36.8", "11.3")
    assert (aws.revenue_share_percent, aws.income_share_percent) == ("15.3", "50.0")
    assert aws.revenue_growth_year_percent == "19.0"
    assert aws.income_growth_year_percent == "47.2"
    assert Decimal(aws.revenue_run_rate) == Decimal("115.2") * BILLION


def test_amazons_quarter_as_it_is_printed() -> None:
    """Protects the reader: a segment report, and capital spending with its definition."""
    now, before = _amazon()
    view = shown(now, before)
    # The whole company's spending beside the whole company's revenue.
    spent = [
        Capex("told on the call", Decimal("26.3e9")),
        Capex("cash flow statement", Decimal("27.8e9")),
    ]
    page = as_text(view, WORDS["en"], spent)
    aws = next(line.split() for line in page if line.startswith("AWS"))
    assert aws == ["AWS", "1", "28.8", "18.2", "10.6", "36.8%", "15.3%", "50.0%", "-", "19.0%"]
    assert page[1] == "in billions of USD"
    assert (
        "Capital spending (told on the call): 26.3, in a year 105.2, 14.0% of the revenue" in page
    )
    assert (
        "Capital spending (cash flow statement): 27.8, in a year 111.2, 14.8% of the revenue"
        in page
    )
    # Beside the revenue of the segment that most of it was for.
    aws_alone = shown(sheet([_segment("AWS", 288, 106)]))
    page = as_text(aws_alone, WORDS["fr"], spent[:1])
    line = "Investissements (told on the call) : 26,3, par an 105,2, 91,3\u00a0% des produits"
    assert line in page


def test_a_year_of_amazons_capital_written_off() -> None:
    """Protects depreciation: one year less of life costs 3.5 B$ a year more."""
    five, six = (annuity(Decimal("105.2"), years=Decimal(life), rate=Decimal(0)) for life in (5, 6))
    assert (round(five, 2), round(six, 2)) == (Decimal("21.04"), Decimal("17.53"))
    assert round(five - six, 1) == Decimal("3.5")


def _deepseek(price: Price) -> StatementView:
    """The day at a price list: 16 $ an hour for each node of eight, busy by their throughputs."""
    node_s = Decimal(READ + CACHED) / 73_700 + Decimal(WRITTEN) / 14_800
    direct = int(node_s * 16 * NANO / 3600)
    cost = int(NODES * 16 * 24 * NANO)
    sold = total(
        model="deepseek-r1",
        price=price.charge(TOKENS),
        direct=direct,
        usage=TOKENS,
        busy_ns=int(node_s * NANO),
    )
    return shown(sheet([sold], machine(cost)))


R1 = Price(input=550_000_000, cache_read=140_000_000, output=2_190_000_000)


def test_deepseeks_day() -> None:
    """Protects the way from throughput to income: nodes, cost, revenue and 545 %."""
    view = _deepseek(R1)
    (resource,) = view.resources
    assert round(Decimal(resource.busy_s) / DAY_S, 2) == Decimal("226.86")
    assert Decimal(view.total.cost) == 87_072
    assert round(Decimal(view.total.revenue) / 1000, 1) == Decimal("562.1")
    assert view.total.margin_percent == "84.5"
    income, cost = Decimal(view.total.operating_income), Decimal(view.total.cost)
    assert int(income / cost * 100) == 545
    # Throughputs are rounded: their nodes took 44 $ more than there were.
    assert round(Decimal(resource.idle)) == -44
    assert sum(Decimal(segment.cost) for segment in view.segments) == 87_072


@pytest.mark.parametrize(
    ("rates", "revenue", "margin"),
    [
        ((0.55, 0.14, 2.19), "562.1", "84.5"),
        ((0.27, 0.07, 1.10), "280.6", "69.0"),
        ((0.28, 0.028, 0.42), "154.6", "43.7"),
        ((0.15, 0.003, 0.60), "141.7", "38.6"),
        ((0.80, 0.20, 3.20), "818.8", "89.4"),
        ((0.06, 0.015, 0.24), "61.4", "-41.8"),
    ],
    ids=["R1", "V3", "V3.2", "V4.1 flash off-peak", "Nova Pro", "Nova Lite"],
)
def test_the_same_tokens_at_every_price_list(
    rates: tuple[float, float, float], revenue: str, margin: str
) -> None:
    """Protects comparisons: DeepSeek's tokens at others' prices, and what its machines leave."""
    read, cached, written = (round(rate * NANO) for rate in rates)
    view = _deepseek(Price(input=read, cache_read=cached, output=written))
    assert round(Decimal(view.total.revenue) / 1000, 1) == Decimal(revenue)
    assert view.total.margin_percent == margin
