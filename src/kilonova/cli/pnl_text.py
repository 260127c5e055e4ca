"""A statement as a page of text, the way a company reports its segments."""

from collections.abc import Iterator, Sequence
from datetime import UTC
from decimal import Decimal

from msgspec import Struct

from kilonova.admin.statements import AmountsView, SegmentView, StatementView
from kilonova.cli.output import columns
from kilonova.cli.pnl_words import Scale, Words, scale_of

__all__ = ["Capex", "as_text", "segment_name"]

# Beside the total and the platform, so many segments have a column of their own.
_COLUMNS_MAX = 4
_MEMO = ("revenue", "operating_income")


class Capex(Struct, frozen=True):
    """Capital spending of the period. There are several definitions of it: one is named."""

    definition: str
    amount: Decimal


def as_text(statement: StatementView, words: Words, spent: Sequence[Capex] = ()) -> list[str]:
    """Segments, then the lines of the largest ones, then what a reader must know."""
    return list(_page(statement, words, spent))


def segment_name(segment: SegmentView, words: Words) -> str:
    """A segment without a name is what belongs to none."""
    return segment.name or words.unassigned


def _page(statement: StatementView, words: Words, spent: Sequence[Capex]) -> Iterator[str]:
    scale = _scale(statement)
    yield words.title.format(period=statement.period, currency=statement.currency) + _until(
        statement, words
    )
    yield words.in_units[str(scale.power)].format(statement.currency)
    yield ""
    yield from _right(_segments(statement, words, scale))
    yield ""
    yield from _right(_lines(statement, words, scale))
    yield ""
    total = statement.total
    yield words.run_rate.format(
        revenue=scale.show(total.revenue_run_rate, words),
        income=scale.show(total.income_run_rate, words),
    )
    yield from (_capital(each, statement, words) for each in spent)
    if statement.resources:
        yield ""
        yield words.resources
        yield from _right(_resources(statement, words, scale))
    yield ""
    yield from _notes(statement, words, scale)


def _capital(spent: Capex, statement: StatementView, words: Words) -> str:
    """As much of it in a year, beside as much of the revenue."""
    scale = _scale(statement)
    times, over = statement.year
    year = spent.amount * times / over
    revenue = Decimal(statement.total.revenue_run_rate)
    share = None if revenue <= 0 else f"{year * 100 / revenue:.1f}"
    return words.capex.format(
        definition=spent.definition,
        amount=scale.show(spent.amount, words),
        year=scale.show(year, words),
        share=words.percent(share),
    )


def _until(statement: StatementView, words: Words) -> str:
    if not statement.is_running:
        return ""
    moment = statement.to.astimezone(UTC).strftime("%Y-%m-%d %H:%M")
    return ", " + words.until.format(moment)


def _scale(statement: StatementView) -> Scale:
    found = [statement.total, statement.platform, *statement.segments]
    amounts = [Decimal(value) for each in found for value in (each.revenue, each.cost)]
    return scale_of(max(abs(amount) for amount in amounts))


def _segments(statement: StatementView, words: Words, scale: Scale) -> Iterator[tuple[str, ...]]:
    yield (
        *(words.by[statement.by], words.requests, words.revenue, words.cost, words.income),
        *(words.margin, words.revenue_share, words.income_share),
        *(words.growth, words.growth_year),
    )
    for segment in statement.segments:
        yield _segment(segment, words, scale, name=segment_name(segment, words))
    if Decimal(statement.platform.platform):
        cost = scale.show(statement.platform.cost, words)
        income = scale.show(statement.platform.operating_income, words)
        yield (words.platform, "", "", cost, income, *[""] * 5)
    yield _segment(statement.total, words, scale, name=words.total)


def _segment(segment: SegmentView, words: Words, scale: Scale, *, name: str) -> tuple[str, ...]:
    return (
        name,
        words.number(Decimal(segment.requests), 0),
        scale.show(segment.revenue, words),
        scale.show(segment.cost, words),
        scale.show(segment.operating_income, words),
        words.percent(segment.margin_percent),
        words.percent(segment.revenue_share_percent),
        words.percent(segment.income_share_percent),
        words.percent(segment.revenue_growth_percent),
        words.percent(segment.revenue_growth_year_percent),
    )


def _lines(statement: StatementView, words: Words, scale: Scale) -> Iterator[tuple[str, ...]]:
    """One line an amount, one column a segment; what is nothing everywhere is left out."""
    shown = statement.segments[:_COLUMNS_MAX]
    rest = statement.segments[_COLUMNS_MAX:]
    names = [segment_name(segment, words) for segment in shown]
    others = [words.others] if rest else []
    has_platform = bool(Decimal(statement.platform.platform))
    platform = [words.platform] if has_platform else []
    yield ("", *names, *others, *platform, words.total)
    for field, label in words.lines.items():
        values = [_amount(segment, field) for segment in shown]
        if rest:
            values.append(sum((_amount(segment, field) for segment in rest), Decimal(0)))
        if has_platform:
            values.append(_amount(statement.platform, field))
        values.append(_amount(statement.total, field))
        if any(values) or field in _MEMO:
            yield (label, *(scale.show(value, words) for value in values))
    margins = [segment.margin_percent for segment in shown]
    blank = [""] * (len(others) + len(platform))
    yield (
        words.margin,
        *map(words.percent, margins),
        *blank,
        words.percent(statement.total.margin_percent),
    )


def _amount(amounts: AmountsView, field: str) -> Decimal:
    return Decimal(getattr(amounts, field))


def _resources(statement: StatementView, words: Words, scale: Scale) -> Iterator[tuple[str, ...]]:
    yield (words.resource, words.cost, words.idle, words.shared, words.busy + " s", "")
    for line in statement.resources:
        yield (
            line.resource,
            scale.show(line.cost, words),
            scale.show(line.idle, words),
            scale.show(line.shared, words),
            words.number(Decimal(line.busy_s), 0),
            words.assumed if line.is_assumed else "",
        )


def _notes(statement: StatementView, words: Words, scale: Scale) -> Iterator[str]:
    total = statement.total
    if not total.requests and not Decimal(total.cost):
        yield words.nothing
    # A period that ended before the first request has no first day in it.
    if statement.from_ < statement.costs_from < statement.to:
        moment = statement.costs_from.astimezone(UTC).strftime("%Y-%m-%d")
        yield words.costs_from.format(moment)
    yield words.policies[statement.idle]
    if statement.energy_basis:
        parts = (
            f"{words.bases[basis]} {words.number(Decimal(count), 0)}"
            for basis, count in statement.energy_basis.items()
        )
        yield words.energy_of.format(", ".join(parts))
    if total.requests_without_cost:
        yield words.uncosted.format(words.number(Decimal(total.requests_without_cost), 0))
    if Decimal(total.shortfall):
        yield words.shortfall.format(scale.show(total.shortfall, words))


def _right(rows: Iterator[tuple[str, ...]]) -> list[str]:
    """Columns of numbers end where they do; the first is of words."""
    table: Sequence[tuple[str, ...]] = list(rows)
    widths = [max(len(row[at]) for row in table) for at in range(len(table[0]))]
    ended = [
        (row[0], *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)))
        for row in table
    ]
    return columns(ended)
