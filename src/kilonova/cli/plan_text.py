"""A plan as a page of text, and as CSV."""

import csv
import io
from collections.abc import Iterator

from kilonova.cli.output import columns
from kilonova.planner.plan import Option, Plan, Range

__all__ = ["as_csv", "as_text"]


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
    yield ""
    yield "The same tokens at others' prices:"
    others = ("PRICE LIST", "$/DAY", "MARGIN", "CHEAPER FROM")
    yield from columns([others, *_margins(best)])
    yield ""
    yield "$/M with each assumption a fifth lower and higher:"
    yield from columns([("", "x 0.8", "x 1.2"), *_swings(plan)])
    yield ""
    yield "Ranges: where eight of ten measurements lay, of models that the formulas had not seen."
    yield "Sources:"
    yield from (
        f"  {source.what}: {source.source}, {source.date or 'undated'}" for source in plan.sources
    )


def _row(at: int, way: Option) -> tuple[str, ...]:
    return (
        f"{at}.",
        f"{way.chips_peak} x {way.accelerator} ({way.replicas_peak} x {way.chips})",
        f"{way.precision} {way.engine}",
        str(way.running_max),
        f"{way.first_token_ms.value:,.0f}",
        f"{way.token_ms.value:.1f}",
        f"{way.utilisation:.0%}",
        f"{way.peak_kw:,.1f}",
        f"{way.usd_a_day.value:,.0f}",
        _span(way.usd_a_day),
        f"{way.usd_per_million.mean:.3f}",
    )


def _span(range_: Range) -> str:
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
    tokens = way.usd_per_million
    kinds = f"input {tokens.input:.3f}, output {tokens.output:.3f}, all {tokens.mean:.3f}"
    yield f"   $/M tokens: {kinds}"
    yield (
        f"   power: {way.peak_kw / 1e3:.3f} MW to provide, {way.kwh_a_day:,.0f} kWh a day used; "
        f"{way.idle_chip_hours:,.0f} chip-hours a day left for batch work"
    )
    if way.capital_usd:
        yield f"   capital: {way.capital_usd:,.0f} $"


def _margins(way: Option) -> Iterator[tuple[str, ...]]:
    for row in sorted(way.margins, key=lambda margin: margin.usd_a_day):
        meets = "never" if row.breakeven_rate is None else f"{row.breakeven_rate:.3g} requests/s"
        yield (row.price_list, f"{row.usd_a_day:,.0f}", f"{row.margin_share:.0%}", meets)


def _swings(plan: Plan) -> Iterator[tuple[str, ...]]:
    for row in plan.swings:
        ends = ("-" if end is None else f"{end:.3f}" for end in (row.less, row.more))
        yield (row.what, *ends)


def as_csv(plan: Plan) -> str:
    """One line for each way; the head names fields and units."""
    page = io.StringIO()
    writer = csv.writer(page, lineterminator="\n")
    writer.writerow(
        (
            *("accelerator", "engine", "precision", "chips", "tensor", "experts", "running_max"),
            *("replicas_peak", "replicas_mean", "chips_peak", "utilisation", "first_token_ms"),
            *("token_ms", "peak_kw", "kwh_a_day", "capital_usd", "usd_hour", "usd_a_day"),
            *("usd_a_day_low", "usd_a_day_high", "usd_per_million_input"),
            *("usd_per_million_output", "usd_per_million_mean"),
        )
    )
    for way in plan.options:
        writer.writerow(
            (
                *(way.accelerator, way.engine, way.precision, way.chips, way.tensor, way.experts),
                *(way.running_max, way.replicas_peak, way.replicas_mean, way.chips_peak),
                *(way.utilisation, way.first_token_ms.value, way.token_ms.value, way.peak_kw),
                *(way.kwh_a_day, way.capital_usd, way.usd_hour, way.usd_a_day.value),
                *(way.usd_a_day.low, way.usd_a_day.high, way.usd_per_million.input),
                *(way.usd_per_million.output, way.usd_per_million.mean),
            )
        )
    return page.getvalue()
