"""A plan as a page of text."""

from collections.abc import Iterator

from kilonova.cli.output import columns
from kilonova.planner.option import Option, Range
from kilonova.planner.plan import Plan
from kilonova.planner.quarters import Quarter
from kilonova.planner.replay import Tail

__all__ = ["RANGES", "as_text", "machines_of", "meets_of", "range_text"]

RANGES = "Ranges: where eight of ten measurements lay, of models that the formulas had not seen."


def as_text(plan: Plan) -> list[str]:
    """What to use, what it costs, what others would charge, and where the figures come from."""
    return list(_page(plan))


def _page(plan: Plan) -> Iterator[str]:
    work = plan.workload
    yield (
        f"{plan.model}: {work.rate:g} requests/s of {work.input_tokens:g} + {work.output_tokens:g} "
        f"tokens, {work.cache_share:.0%} of the input cached; {plan.considered} ways work"
    )
    yield ""
    heads = (
        "",
        "MACHINES",
        "AS",
        "AT ONCE",
        "FIRST MS",
        "TOKEN MS",
        "BUSY",
        "KW",
        "$/DAY",
        "RANGE",
        "$/M",
    )
    yield from columns([heads, *(_row(at, way) for at, way in enumerate(plan.options, 1))])
    best = plan.options[0]
    yield ""
    yield from _best(best)
    if plan.tail:
        yield ""
        yield from _tail(plan.tail, plan)
    yield ""
    if plan.quarters:
        yield from _quarters(plan)
        yield ""
    yield "The same tokens at others' prices:"
    others = ("PRICE LIST", "$/DAY", "MARGIN", "CHEAPER FROM")
    yield from columns([others, *_margins(best)])
    yield ""
    yield "$/M with each assumption a fifth lower and higher; of the error, at its ends:"
    yield from columns([("", "x 0.8", "x 1.2"), *_swings(plan)])
    yield ""
    yield RANGES
    yield "Sources:"
    yield from (
        f"  {source.what}: {source.source}, {source.date or 'undated'}" for source in plan.sources
    )


def _row(at: int, way: Option) -> tuple[str, ...]:
    return (
        f"{at}.",
        f"{way.chips_peak} x {way.accelerator} ({machines_of(way)})",
        f"{way.precision} {way.engine}",
        str(way.running_max),
        f"{way.first_token_ms.value:,.0f}",
        f"{way.token_ms.value:.1f}",
        f"{way.utilisation:.0%}",
        f"{way.peak_kw:,.1f}",
        f"{way.usd_a_day.value:,.0f}",
        range_text(way.usd_a_day),
        f"{way.usd_per_million.mean:.3f}",
    )


def machines_of(way: Option) -> str:
    """How its chips form replicas."""
    written = f"{way.replicas_peak} x {way.chips}"
    if way.readers is None:
        return written
    return f"{way.readers.replicas_peak} x {way.readers.chips} read, {written} write"


def range_text(range_: Range) -> str:
    """Both ends, in whole units."""
    return f"{range_.low:,.0f}-{range_.high:,.0f}"


def _best(way: Option) -> Iterator[str]:
    layout = "attention copied on each" if way.tensor < way.chips else f"split over {way.tensor}"
    if way.chips == 1:
        layout = "one chip"
    yield (
        f"1. One replica is {way.chips} x {way.accelerator}, {layout}"
        + (f", experts dealt to {way.experts}" if way.experts > 1 else "")
        + f"; replicas by hour: {' '.join(map(str, way.hours))} (spares included)"
    )
    if way.readers:
        yield (
            f"   prompts are read apart, by replicas of {way.readers.chips} x {way.accelerator}; "
            f"by hour: {' '.join(map(str, way.readers.hours))}"
        )
    tokens = way.usd_per_million
    kinds = f"input {tokens.input:.3f}, output {tokens.output:.3f}, all {tokens.mean:.3f}"
    yield f"   $/M tokens: {kinds}"
    yield "   of which " + ", ".join(
        f"{part.what} {part.usd_per_million:.3f}" for part in way.parts
    )
    yield (
        f"   power: {way.peak_kw / 1e3:.3f} MW to provide, {way.kwh_a_day:,.0f} kWh a day used; "
        f"{way.idle_chip_hours:,.0f} chip-hours a day left for batch work"
        + (f", {way.batch_million_tokens:,.0f} million tokens" if way.batch_million_tokens else "")
    )
    if way.capital_usd:
        yield f"   capital: {way.capital_usd:,.0f} $"


def _tail(tail: Tail, plan: Plan) -> Iterator[str]:
    yield f"Its busiest hour, played with {tail.requests} requests that come by chance:"
    rows = [("MS", "P50", "P95", "P99"), *_percentiles("", tail)]
    if plan.burst:
        work = plan.workload
        rows += _percentiles(
            f" with {work.burst:g} times as many for {work.burst_s:g} s", plan.burst
        )
    yield from columns(rows)
    if plan.burst:
        yield f"After the burst, first tokens are late for {plan.burst.overload_s:,.0f} s in all."


def _percentiles(when: str, tail: Tail) -> Iterator[tuple[str, ...]]:
    for name, row in (
        ("first token", tail.first_token_ms),
        ("per token", tail.token_ms),
        ("whole request", tail.request_ms),
    ):
        digits = 1 if row.p99 < 100 else 0
        yield (name + when, *(f"{value:,.{digits}f}" for value in (row.p50, row.p95, row.p99)))


def _quarters(plan: Plan) -> Iterator[str]:
    life = f"{plan.supply.life_years:g}" if plan.supply.life_years else "5"
    yield f"Quarters, in million $; machines are written off over {life} years (LONGER: one more):"
    heads = (
        *("QUARTER", "CHIPS", "MW", "CAPITAL", "UPKEEP", "DEPRECIATION", "LONGER"),
        *("REVENUE", "INCOME", "CASH"),
    )
    yield from columns([heads, *(_quarter(row) for row in plan.quarters)])


def _quarter(row: Quarter) -> tuple[str, ...]:
    money = (
        *(row.capital_usd, row.upkeep_usd, row.depreciation_usd, row.depreciation_longer_usd),
        *(row.revenue_usd, row.operating_income_usd, row.free_cash_flow_usd),
    )
    millions = (f"{usd / 1e6:,.3f}" for usd in money)
    return (str(row.number), f"{row.chips:,.0f}", f"{row.mw:,.3f}", *millions)


def _margins(way: Option) -> Iterator[tuple[str, ...]]:
    for row in sorted(way.margins, key=lambda margin: margin.usd_a_day):
        meets = meets_of(row.breakeven_rate)
        yield (row.price_list, f"{row.usd_a_day:,.0f}", f"{row.margin_share:.0%}", meets)


def meets_of(rate: float | None) -> str:
    """From which load on own tokens are cheaper."""
    return "never" if rate is None else f"{rate:.3g} requests/s"


def _swings(plan: Plan) -> Iterator[tuple[str, ...]]:
    for row in plan.swings:
        ends = ("-" if end is None else f"{end:.3f}" for end in (row.less, row.more))
        yield (row.what, *ends)
