"""A plan as one HTML page: its figures, and its pictures. It refers to nothing outside itself."""

from collections.abc import Iterator

from kilonova.cli.charts.frame import Axis
from kilonova.cli.charts.lines import Line, line_chart
from kilonova.cli.charts.page import figure, page, preformatted
from kilonova.cli.charts.spans import Span, span_chart
from kilonova.cli.plan_summary import STYLE, lead, sources, summary, table
from kilonova.cli.plan_text import as_text
from kilonova.planner.option import Option
from kilonova.planner.plan import Plan

__all__ = ["as_page"]

_LISTS_MAX = 5
_MILLION = "$ a million tokens"


def as_page(plan: Plan) -> str:
    """The page, whole."""
    text = preformatted(as_text(plan))
    pictures = f'<h2>Pictures</h2><div class="pictures">{"".join(_figures(plan))}</div>'
    parts = [lead(plan), summary(plan), table(plan), pictures, sources(plan)]
    whole = f"<details><summary>The same as text</summary>{text}</details>"
    return page(f"Plan for {plan.model}", [*parts, whole], style=STYLE)


def _figures(plan: Plan) -> Iterator[str]:
    yield figure(
        _price(plan), "Below a dashed line our own tokens are cheaper than that price list."
    )
    yield figure(
        _speed(plan, is_priced=False),
        "Each line is one way to serve; more requests at once go right to left.",
    )
    yield figure(
        _speed(plan, is_priced=True), "The same in money: chips that are never idle, no spares."
    )
    yield figure(
        _day(plan), "Demand and machines over a day; what is between them is ready, or for batch."
    )
    yield figure(_parts(plan.options[0]), "What a million tokens costs, step by step.")
    yield figure(
        _tornado(plan), "Each assumption a fifth lower and higher, the others as they are."
    )
    if plan.quarters:
        yield figure(_quarters(plan), "What is paid and earned in each quarter.")


def _name(way: Option) -> str:
    return f"{way.accelerator} {way.precision}"


def _price(plan: Plan) -> str:
    """Dollars a million tokens against the load, with others' prices as level lines."""
    best = plan.options[0]
    points = [(point.rate, point.usd_per_million) for point in best.load_curve]
    tokens = plan.workload.input_tokens + plan.workload.output_tokens
    day = plan.workload.requests_a_day * tokens / 1e6
    others = sorted(best.margins, key=lambda row: row.usd_a_day)
    step = max(1, -(-len(others) // _LISTS_MAX))
    lines = [Line(name=_name(best), points=points)]
    for row in others[::step]:
        level = row.usd_a_day / day
        ends = [(points[0][0], level), (points[-1][0], level)]
        lines.append(Line(name=row.price_list, points=ends, is_dashed=True))
    return line_chart(
        "Price of a million tokens against the load",
        lines,
        x=Axis(name="requests a second", is_logarithmic=True),
        y=Axis(name=_MILLION, is_logarithmic=True),
    )


def _speed(plan: Plan, *, is_priced: bool) -> str:
    """Speed for one user against the throughput of a chip, or against the price of its output."""
    lines = []
    for way in plan.options:
        points = [(point.user_tokens_s, point.chip_tokens_s) for point in way.speed_curve]
        if is_priced:
            points = [(user, way.usd_hour / 3600 / chip * 1e6) for user, chip in points]
        lines.append(Line(name=_name(way), points=points))
    return line_chart(
        "Speed for one user against price" if is_priced else "Speed for one user and of one chip",
        lines,
        x=Axis(name="tokens/s of one user"),
        y=Axis(
            name="$ a million written tokens" if is_priced else "tokens/s of one chip",
            is_logarithmic=True,
        ),
    )


def _day(plan: Plan) -> str:
    """Both as shares of their largest."""
    way, rates = plan.options[0], plan.workload.hourly_rate().tolist()
    readers = way.readers.hours if way.readers else (0,) * len(way.hours)
    reader_chips = way.readers.chips if way.readers else 0
    chips = [
        float(writes * way.chips + reads * reader_chips)
        for writes, reads in zip(way.hours, readers, strict=True)
    ]
    lines = []
    for name, hours in (("chips", chips), ("demand", rates)):
        steps = [
            (at + part, 100 * value / max(hours))
            for at, value in enumerate(hours)
            for part in (0, 1)
        ]
        lines.append(Line(name=name, points=steps, is_dashed=name == "demand"))
    return line_chart(
        "Demand and chips over a day", lines, x=Axis(name="hour"), y=Axis(name="% of the most")
    )


def _parts(way: Option) -> str:
    spans, done = [], 0.0
    for part in way.parts:
        end = done + part.usd_per_million
        spans.append(Span(name=part.what, start=done, end=end, text=f"{part.usd_per_million:.3f}"))
        done = end
    spans.append(Span(name="all", start=0, end=done, text=f"{done:.3f}", is_whole=True))
    return span_chart("Cost of a million tokens", spans, x=Axis(name=_MILLION))


def _tornado(plan: Plan) -> str:
    now = plan.options[0].usd_per_million.mean
    spans = [
        Span(
            name=row.what.replace("_", " "),
            start=now if row.less is None else row.less,
            end=now if row.more is None else row.more,
            text=" to ".join("-" if end is None else f"{end:.3f}" for end in (row.less, row.more)),
        )
        for row in plan.swings
    ]
    return span_chart("What moves the price", spans, x=Axis(name=_MILLION), mark=now)


def _quarters(plan: Plan) -> str:
    rows = (
        ("capital", [row.capital_usd for row in plan.quarters]),
        ("upkeep", [row.upkeep_usd for row in plan.quarters]),
        ("depreciation", [row.depreciation_usd for row in plan.quarters]),
        ("revenue", [row.revenue_usd for row in plan.quarters]),
    )
    lines = [
        Line(
            name=name,
            points=[
                (at + part, value / 1e6) for at, value in enumerate(values) for part in (0.5, 1.5)
            ],
            is_dashed=name == "revenue",
        )
        for name, values in rows
        if any(values)
    ]
    return line_chart(
        "Capital, upkeep and revenue by quarter",
        lines,
        x=Axis(name="quarter"),
        y=Axis(name="million $"),
    )
